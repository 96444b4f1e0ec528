"""Submissions: commitments from the chain and their states."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scoring.errors import Code, PlatformError
from scoring.types import (
    Block,
    ContentHash,
    Entrant,
    EvaluationId,
    Hotkey,
    Micro,
    PublicKey,
    RoundNumber,
    SubmissionId,
    Tag,
    TensorsHash,
    parse_entrant,
)
from voice_api.db.database import Connection, Pool, read, sql
from voice_api.db.evaluations import Evaluation
from voice_api.db.states import ActorKind, EventKind, SubmissionState

NO_COOLDOWN = (Code.COMMITMENT_MALFORMED, Code.TOO_EARLY, Code.TIMELOCKED)
"""Reasons to refuse a commitment before anything of its repository is read: such a commitment starts no cooldown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubmission:
    """A commitment as read from the chain.

    `code` and `reason` are set when it is refused on its own; repo, revision and tag may then be None.
    `public_key` is 64 hex digits, `tiebreak` the hex sha256(block hash ‖ public key) that orders commitments of one block.
    """

    hotkey: Hotkey
    public_key: PublicKey
    commit_block: Block
    tiebreak: str
    commitment: str
    repo: str | None = None
    revision: str | None = None
    tag: Tag | None = None
    code: Code | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A submission as it stands. `score` and `stderr` are of its last verdict, in `scored_round` and `track`; None before the first."""

    id: SubmissionId
    hotkey: Hotkey
    public_key: PublicKey
    commit_block: Block
    tiebreak: str
    commitment: str
    repo: str | None
    revision: str | None
    tag: Tag | None
    family: str | None
    """The family that its repository names, which decides its track; None before a worker has read it."""
    state: SubmissionState
    code: Code | None
    reason: str | None
    content_hash: ContentHash | None
    tensors_hash: TensorsHash | None
    copy_of: SubmissionId | None
    created_at: datetime
    updated_at: datetime
    score: Micro | None
    stderr: Micro | None
    scored_round: RoundNumber | None
    track: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRecord:
    """A tag that some submission carries: who owned which content first is found by trying all of them."""

    submission_id: SubmissionId
    hotkey: Hotkey
    public_key: PublicKey
    commit_block: Block
    tiebreak: str
    tag: Tag


@dataclass(frozen=True, slots=True)
class KnownCommitment:
    """Whether a commitment is recorded, and the newest block from which its hotkey's cooldown counts (None: from none)."""

    recorded: bool
    cooldown_from: Block | None


@dataclass(frozen=True, slots=True)
class NewestCommitment:
    """The newest commitment of a registered hotkey that is recorded, and the newest that rounds ask for (None: there is none)."""

    hotkey: Hotkey
    recorded: Block | None
    admitted: Block | None
    """Neither refused on the commitment alone, nor banned since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A submission that may still be judged, as deciding about a round needs it."""

    id: SubmissionId
    hotkey: Hotkey
    commit_block: Block
    tiebreak: str
    last_round: RoundNumber | None
    """The latest round that asked for it, whatever came of it."""
    family: str | None = None
    """The family that its repository names; None before a worker has read it."""
    succeeded_at: Block | None = None
    """The block of its hotkey's next commitment; None where there is none."""
    previous_block: Block | None = None
    """The block of its hotkey's commitment before, whatever became of it; None where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionStatus:
    """The state of a submission, and the code of its refusal if it was refused.

    `superseded` says that its hotkey committed again, `last_round` is the latest round that asked for it.
    """

    hotkey: Hotkey
    commit_block: Block
    state: SubmissionState
    code: Code | None
    superseded: bool
    last_round: RoundNumber | None
    near_of: Entrant | None = None
    """The earlier submission that it is a near-copy of, unless an operator released it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One step of a submission or of one of its evaluations; `evaluation_id` is None where no evaluation had to do with it.

    `from_state` is None where a life begins, and as `to_state` where a verdict changed nothing.
    """

    id: int
    at: datetime
    kind: EventKind
    evaluation_id: EvaluationId | None
    from_state: str | None
    to_state: str
    code: Code | None
    actor: ActorKind


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """The number of submissions in one state with one code."""

    state: SubmissionState
    code: Code | None
    count: int


class Submissions:
    """Every commitment ever seen, once per (hotkey, block)."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def add(self, submissions: Sequence[NewSubmission]) -> list[SubmissionId]:
        """Record commitments, all or none, and return their ids in the order given; known ones keep their id and state.

        An accepted one (without `code`) supersedes the hotkey's older ones that wait or are scored; others are rejected at once, and
        so is all that a banned hotkey commits.
        """
        async with self._pool.transaction() as connection:
            for hotkey in sorted({submission.hotkey for submission in submissions}):
                await connection.execute(sql("submissions.lock_hotkey"), hotkey)
            return [await _add(connection, submission) for submission in submissions]

    async def get(self, submission_id: SubmissionId) -> Submission:
        """One submission; raises PlatformError(NOT_FOUND)."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("submissions.get"), submission_id)
        if row is None:
            raise PlatformError(Code.NOT_FOUND, f"there is no submission {submission_id}")
        return read(Submission, row)

    async def page(
        self,
        after: SubmissionId | None = None,
        limit: int = 50,
        state: SubmissionState | None = None,
        hotkey: Hotkey | None = None,
    ) -> tuple[Submission, ...]:
        """Submissions with ids above `after`, oldest first; the last one's id is the next page's `after`."""
        if hotkey is not None:
            rows = await self._fetch("submissions.page_of_hotkey", after or 0, limit, hotkey, state)
        elif state is not None:
            rows = await self._fetch("submissions.page_of_state", after or 0, limit, state)
        else:
            rows = await self._fetch("submissions.page", after or 0, limit)
        return tuple(read(Submission, row) for row in rows)

    async def evaluations(self, submission_id: SubmissionId, limit: int = 100) -> tuple[Evaluation, ...]:
        """A submission's evaluations, newest round first."""
        return tuple(read(Evaluation, row) for row in await self._fetch("submissions.evaluations", submission_id, limit))

    async def events(self, submission_id: SubmissionId, after: int = 0, limit: int = 50) -> tuple[EventRow, ...]:
        """The events of a submission and its evaluations after an event's id, oldest first; none for an unknown submission."""
        rows = await self._fetch("submissions.events", submission_id, after, limit)
        return tuple(read(EventRow, row) for row in rows)

    async def known(self, commitments: Sequence[tuple[Hotkey, Block]]) -> tuple[KnownCommitment, ...]:
        """Look up commitments (hotkey and commit block) and their hotkeys' cooldowns, in the order given."""
        hotkeys, blocks = [hotkey for hotkey, _ in commitments], [block for _, block in commitments]
        rows = await self._fetch("submissions.known_of", hotkeys, blocks, list(NO_COOLDOWN))
        return tuple(read(KnownCommitment, row) for row in rows)

    async def tags(self) -> tuple[TagRecord, ...]:
        """Every known tag, in the order in which commitments count (block, then tiebreak)."""
        return tuple(read(TagRecord, row) for row in await self._fetch("submissions.tags"))

    async def by_tensors(self, tensors_hash: TensorsHash) -> tuple[Submission, ...]:
        """Submissions found to hold the same tensors, in the order in which commitments count."""
        return tuple(read(Submission, row) for row in await self._fetch("submissions.by_tensors", tensors_hash))

    async def candidates(self, kept: Sequence[Entrant] = ()) -> tuple[Candidate, ...]:
        """Every submission that waits or is scored, with what opening a round needs, in the order in which commitments count.

        Also what was scored before its hotkey committed again, while nothing later of that hotkey has a verdict, and of `kept` then, too.
        """
        pairs = [parse_entrant(name) for name in kept]
        rows = await self._fetch("submissions.candidates", [hotkey for hotkey, _ in pairs], [block for _, block in pairs])
        return tuple(read(Candidate, row) for row in rows)

    async def newest(self) -> tuple[NewestCommitment, ...]:
        """The newest commitment of each registered hotkey, also of one that has none."""
        return tuple(read(NewestCommitment, row) for row in await self._fetch("submissions.newest", Code.BANNED))

    async def statuses(self, named: Sequence[Entrant], asked: RoundNumber | None) -> tuple[SubmissionStatus, ...]:
        """The statuses of submissions that are named, or that a round (None: there is none) asked for; none of unknown ones."""
        pairs = [parse_entrant(name) for name in named]
        rows = await self._fetch("submissions.statuses", [hotkey for hotkey, _ in pairs], [block for _, block in pairs], asked)
        return tuple(read(SubmissionStatus, row) for row in rows)

    async def outcomes(self) -> tuple[OutcomeCount, ...]:
        """Count submissions by state and code."""
        return tuple(read(OutcomeCount, row) for row in await self._fetch("submissions.outcomes"))

    async def _fetch(self, name: str, *arguments: object) -> Sequence[Any]:
        async with self._pool.connection() as connection:
            rows: Sequence[Any] = await connection.fetch(sql(name), *arguments)
        return rows


async def _add(connection: Connection, new: NewSubmission) -> SubmissionId:
    row = await connection.fetchrow(
        sql("submissions.add"),
        new.hotkey,
        new.public_key,
        new.commit_block,
        new.tiebreak,
        new.commitment,
        new.repo,
        new.revision,
        new.tag,
        new.code,
        new.reason,
        Code.BANNED,
    )
    if row is None:
        return SubmissionId(await connection.fetchval(sql("submissions.known"), new.hotkey, new.commit_block))
    await connection.execute(sql("submissions.add_event"), row["id"], row["state"], row["code"], row["reason"])
    if row["code"] is None:
        await connection.execute(sql("submissions.supersede"), new.hotkey, new.commit_block)
    return SubmissionId(row["id"])
