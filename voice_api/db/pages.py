"""What pages show of the database beside what the API's other routes read: rounds and their entries, validators, incidents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scoring.errors import Code
from scoring.ranking.state import Inputs
from scoring.types import Block, EvaluationId, Hotkey, Micro, RoundNumber, SubmissionId
from voice_api.db.database import Pool, read, sql
from voice_api.db.processes import LIVE
from voice_api.db.rounds import Round
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName, WeightOutcome
from voice_api.db.submissions import Submission

_NEWEST = RoundNumber(2**31 - 1)


@dataclass(frozen=True, slots=True)
class RoundLine:
    """A round, and when the API's validator folded it; None before that."""

    round: Round
    folded_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationLine:
    """An evaluation with the submission that it is of."""

    evaluation_id: EvaluationId
    submission_id: SubmissionId
    round: RoundNumber
    hotkey: Hotkey
    repo: str | None
    revision: str | None
    commitment: str
    track: str | None
    state: EvaluationState
    stage: str | None
    done: int | None
    total: int | None
    code: Code | None
    reason: str | None
    score: Micro | None
    stderr: Micro | None
    parked_why: ParkedWhy | None

    @property
    def id(self) -> SubmissionId:
        """The submission's id: whatever names a model asks for it."""
        return self.submission_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipLine:
    """One sample: where its sound is ('' where there is none), and why it failed, if it did."""

    evaluation_id: EvaluationId
    prompt_id: str
    pcm_sha256: str
    score: Micro
    gate: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorLine:
    """A validator's last fold and its last attempt to set weights; None where there is none."""

    validator: Hotkey
    round: RoundNumber | None
    folded_at: datetime | None
    distrust: str
    """Why receipts of that round do not count, in words; '' where all do."""
    block: Block | None
    outcome: WeightOutcome | None
    attempted_at: datetime | None
    snapshot_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerCount:
    """The live workers of a queue: how many take new work, how many do not, and on how many hosts."""

    queue: QueueName
    workers: int
    draining: int
    hosts: int


class PageRows:
    """Rows as pages show them; a query each."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rounds(self, validator: Hotkey, before: RoundNumber | None = None, limit: int = 50) -> tuple[RoundLine, ...]:
        """Rounds with numbers below `before`, newest first, with when this validator folded them."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("pages.rounds"), _NEWEST if before is None else before, limit, validator)
        return tuple(RoundLine(read(Round, row), row["folded_at"]) for row in rows)

    async def entries(self, number: RoundNumber, limit: int) -> tuple[EvaluationLine, ...]:
        """A round's evaluations, best first in each track."""
        async with self._pool.connection() as connection:
            return tuple(read(EvaluationLine, row) for row in await connection.fetch(sql("pages.entries"), number, limit))

    async def of_hotkey(self, hotkey: Hotkey, limit: int) -> tuple[EvaluationLine, ...]:
        """A hotkey's evaluations, newest round first."""
        async with self._pool.connection() as connection:
            return tuple(read(EvaluationLine, row) for row in await connection.fetch(sql("pages.of_hotkey"), hotkey, limit))

    async def commitments(self, hotkey: Hotkey, limit: int) -> tuple[Submission, ...]:
        """A hotkey's submissions, newest first."""
        async with self._pool.connection() as connection:
            return tuple(read(Submission, row) for row in await connection.fetch(sql("pages.commitments"), hotkey, limit))

    async def clips(self, evaluations: Sequence[EvaluationId]) -> tuple[ClipLine, ...]:
        """The samples of some evaluations, in no order."""
        async with self._pool.connection() as connection:
            return tuple(read(ClipLine, row) for row in await connection.fetch(sql("pages.clips"), list(evaluations)))

    async def validators(self) -> tuple[ValidatorLine, ...]:
        """Every validator of which something is kept here."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("pages.validators"))
        return tuple(read(ValidatorLine, row, distrust=_distrust(row)) for row in rows)

    async def workers(self) -> tuple[WorkerCount, ...]:
        """The live workers of each queue that has any."""
        async with self._pool.connection() as connection:
            return tuple(read(WorkerCount, row) for row in await connection.fetch(sql("pages.workers"), LIVE))

    async def incidents(self) -> Mapping[str, int]:
        """How many of what stands still until an operator acts: `budget`, `operator`, `drained`; no key where there is none."""
        async with self._pool.connection() as connection:
            return {row["kind"]: row["count"] for row in await connection.fetch(sql("pages.incidents"))}


def _distrust(row: Mapping[str, Any]) -> str:
    if row["inputs"] is None:
        return ""
    try:
        return Inputs.from_json(row["inputs"]).distrust
    except ValueError:
        return "another release wrote this entry: it cannot be read"
