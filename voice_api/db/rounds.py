"""Rounds, from opening to their close."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from scoring.errors import Code, PlatformError
from scoring.report import GroupReport
from scoring.types import Block, BlockHash, Entrant, EvaluationId, Hotkey, Micro, PublicKey, RoundNumber, SubmissionId, Tag
from voice_api.db.database import JsonObject, Pool, read, sql
from voice_api.db.states import (
    EvaluationState,
    QueueName,
    RoundState,
    SubmissionState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRound:
    """A round as the validator opens it."""

    round: RoundNumber
    start_block: Block
    block_hash: BlockHash
    deadline_block: Block
    competition_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """A round as stored; `pending` counts evaluations that are not terminal."""

    round: RoundNumber
    start_block: Block
    block_hash: BlockHash
    deadline_block: Block
    competition_hash: str
    state: RoundState
    pending: int


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The submissions that were eligible when a round closed, by the metagraph of `block`, and why known others were not."""

    block: Block
    eligible: tuple[Entrant, ...]
    gone: Mapping[Entrant, str]


@dataclass(frozen=True, slots=True)
class RoundEntry:
    """A submission that a round asks for; a lower `priority` is sooner."""

    submission_id: SubmissionId
    track: str | None
    """None where its family, which decides the track, is not known yet."""
    queue: QueueName
    priority: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """All that folding a round reads of an evaluation.

    `groups` and `samples` are empty unless it was scored; samples have the form in which a receipt lists them. Without a verdict
    there is no receipt; `signature` and `certificate` are None as well where it was judged before receipts were signed.
    """

    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    public_key: PublicKey
    tag: Tag | None
    repo: str | None
    revision: str | None
    track: str | None
    state: EvaluationState
    submission_state: SubmissionState
    code: Code | None
    score: Micro | None
    stderr: Micro | None
    groups: tuple[GroupReport, ...]
    samples: tuple[JsonObject, ...]
    receipt: JsonObject | None
    receipt_hash: str | None
    signature: str | None
    certificate: JsonObject | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RoundEvidence:
    """All that folding a round reads: whoever has it folds to the same ledger. Final once the round is closed.

    `eligibility` is None where nobody decided at the round's close, `results` are of every evaluation. `missing` are tracks that another
    validator judges, of which nothing came in time.
    """

    round: Round
    eligibility: Eligibility | None
    results: tuple[EvaluationResult, ...]
    missing: frozenset[str] = frozenset()


class Rounds:
    """A round is opened once, in order, and closed once: its results are then final. Any validator may do either."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, new: NewRound, entries: Sequence[RoundEntry]) -> bool:
        """Write a round with everything it asks for, and wake the dispatcher.

        False, and nothing changed, if it or a later one exists.
        """
        async with self._pool.transaction() as connection:
            await connection.execute(sql("rounds.lock_closing"))
            arguments = (new.round, new.start_block, new.block_hash, new.deadline_block, new.competition_hash)
            if not await connection.fetchrow(sql("rounds.open"), *arguments):
                return False
            await connection.execute(
                sql("rounds.add_entries"),
                new.round,
                [entry.submission_id for entry in entries],
                [entry.track for entry in entries],
                [entry.queue for entry in entries],
                [entry.priority for entry in entries],
            )
            await connection.execute(sql("rounds.note_entries"), new.round)
            await connection.execute(sql("rounds.notify"), sorted({entry.queue for entry in entries}))
        return True

    async def latest(self) -> Round | None:
        """The newest round, or None."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("rounds.latest"))
        return read(Round, row) if row else None

    async def get(self, number: RoundNumber) -> Round:
        """One round; raises PlatformError(NOT_FOUND)."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("rounds.get"), number)
        if row is None:
            raise PlatformError(Code.NOT_FOUND, f"there is no round {number}")
        return read(Round, row)

    async def page(self, after: RoundNumber | None = None, limit: int = 50) -> tuple[Round, ...]:
        """Rounds with numbers above `after`, oldest first; the last one's number is the next page's `after`."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("rounds.page"), -1 if after is None else after, limit)
        return tuple(read(Round, row) for row in rows)

    async def pending(self, number: RoundNumber, tracks: Collection[str]) -> int:
        """The number of a round's evaluations without an end whose track is one of these, or not known yet."""
        async with self._pool.connection() as connection:
            found: int = await connection.fetchval(sql("rounds.pending"), number, list(tracks))
        return found

    async def close(self, number: RoundNumber, found: Eligibility | None = None) -> bool:
        """End a round: evaluations without a verdict are parked, their workers shut out. False, and nothing changed, if it was closed.

        Its eligibility is decided at this moment, once and for all validators; without one every submission stays.
        """
        async with self._pool.transaction() as connection:
            await connection.execute(sql("rounds.lock_closing"))
            if not await connection.fetchrow(sql("rounds.close"), number):
                return False
            await connection.execute(sql("rounds.park_rest"), number)
            if found is not None:
                await connection.execute(sql("rounds.keep_eligibility"), number, found.block, found.eligible, found.gone)
        return True

    async def eligibility(self, number: RoundNumber) -> Eligibility | None:
        """The eligibility at a round's close; None while it is open, and where nobody decided."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("rounds.eligibility"), number)
        return Eligibility(row["block"], tuple(row["standing"]), row["gone"]) if row else None

    async def evidence(self, number: RoundNumber) -> RoundEvidence:
        """All that folding a round reads, as it stands; raises PlatformError(NOT_FOUND)."""
        stored = await self.get(number)  # first: what is read of a round after it closed is final
        return RoundEvidence(stored, await self.eligibility(number), await self.results(number))

    async def results(self, number: RoundNumber) -> tuple[EvaluationResult, ...]:
        """Every evaluation of a round, in the order in which it was asked for; final once the round is closed."""
        async with self._pool.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(sql("rounds.results"), number)
            scores = await connection.fetch(sql("rounds.group_scores"), number)
            spoken = await connection.fetch(sql("rounds.samples"), number)
        groups: defaultdict[EvaluationId, list[GroupReport]] = defaultdict(list)
        for row in scores:
            groups[row["evaluation_id"]].append(read(GroupReport, row))
        samples: defaultdict[EvaluationId, list[JsonObject]] = defaultdict(list)
        for row in spoken:
            sample = dict(row)
            samples[sample.pop("evaluation_id")].append(sample)
        return tuple(
            read(EvaluationResult, row, groups=tuple(groups[row["evaluation_id"]]), samples=tuple(samples[row["evaluation_id"]]))
            for row in rows
        )
