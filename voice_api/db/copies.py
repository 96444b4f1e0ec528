"""Near-copies: sketches that are looked up by their bands, sounds of a round, and who was set aside as whose near-copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from scoring.errors import Code, PlatformError
from scoring.model.sketch import SketchKey
from scoring.receipts.near_copies import NearCopy
from scoring.types import Block, Entrant, EvaluationId, Hotkey, Micro, Nano, RoundNumber, SubmissionId, entrant
from voice_api.db.database import Connection, Pool, read, sql

MOST_ALIKE = 16
"""So many sketches are compared, those that share most bands: near-copies share most of them, strangers hardly ever one."""
MOST_OF_ONE_OWNER = 4
"""Of them of one coldkey, and its earliest."""

MOST_LEADING = 6
"""So many of a track's best are compared whatever their sketches say: whoever copies copies what earns."""
MOST_LEADING_OF_ONE_OWNER = 2
"""Of them of one coldkey: nobody fills the list with copies, and pushes the original out."""


class NearCopyDecision(StrEnum):
    """The end that an operator gave to a quarantine."""

    RELEASED = "released"
    """It stands as a model of its own, and is never set aside again for it."""
    CONFIRMED = "confirmed"
    """It is a copy for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageOwner:
    """A submission that a sketch or a sound stands for, with all that decides whose lineage it is."""

    submission_id: SubmissionId
    hotkey: Hotkey
    coldkey: str | None
    """None where the hotkey was never registered."""
    commit_block: Block
    tiebreak: str

    @property
    def seniority(self) -> tuple[int, str]:
        """The key that sorts the earlier commit first."""
        return (self.commit_block, self.tiebreak)

    @property
    def entrant(self) -> Entrant:
        """The name that receipts give it."""
        return entrant(self.hotkey, self.commit_block)


@dataclass(frozen=True, slots=True)
class OwnedSketch:
    """A sketch, as bytes, whose it is, and where the model lies that it was made of."""

    owner: LineageOwner
    repo: str
    revision: str
    sketch: bytes | None
    """None where it has none by the key in force."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedSample:
    """A sample of a round, by its hash, and whose it is."""

    owner: LineageOwner
    evaluation_id: EvaluationId
    prompt_id: str
    pcm_sha256: str
    rate: int


@dataclass(frozen=True, slots=True)
class SketchRecord:
    """A model's sketch and its bands, as they are kept, with the key that drew it."""

    key_id: int
    bands: tuple[int, ...]
    sketch: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NearCopyOrder:
    """A submission to be set aside as another one's near-copy, with the thresholds of the round's rules, in the measures' units."""

    submission_id: SubmissionId
    original_id: SubmissionId
    found: NearCopy
    most_distance: Nano
    least_sound: Micro
    appeal: timedelta
    reason: str
    """For its owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NearCopyRow:
    """A near-copy as people see it; `receipt_hash` names the receipt that has its numbers, signed."""

    submission_id: SubmissionId
    original_id: SubmissionId
    evaluation_id: EvaluationId
    distance: Nano | None
    by_files: bool
    compared: int
    sound: Micro | None
    prompts: int
    most_distance: Nano
    least_sound: Micro
    found_at: datetime
    appeal_until: datetime
    decision: NearCopyDecision | None
    decided_at: datetime | None
    hotkey: Hotkey
    commit_block: Block
    original_hotkey: Hotkey
    original_commit_block: Block
    round: RoundNumber
    receipt_hash: str | None


class NearCopies:
    """What a worker asks before it judges two models near, and what was decided since."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def key(self) -> SketchKey:
        """What draws this database's sketches: workers alone may read it."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("copies.key"))
        return read(SketchKey, row)

    async def alike(self, submission: SubmissionId, own: SketchRecord) -> tuple[OwnedSketch, ...]:
        """Sketches of other submissions that share bands with one by the same key, those with most first; at most `MOST_ALIKE`."""
        async with self._pool.connection() as connection:
            limits = (MOST_ALIKE, own.key_id, MOST_OF_ONE_OWNER)
            rows = await connection.fetch(sql("copies.alike"), list(own.bands), submission, *limits)
        return tuple(read(OwnedSketch, row, owner=read(LineageOwner, row)) for row in rows)

    async def leading(self, number: RoundNumber, track: str, without: SubmissionId, key_id: int) -> tuple[OwnedSketch, ...]:
        """The other submissions with the highest scores of a track in a round and the two before it; at most `MOST_LEADING`, of one
        coldkey at most `MOST_LEADING_OF_ONE_OWNER`."""
        limits = (MOST_LEADING, key_id, MOST_LEADING_OF_ONE_OWNER)
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("copies.leading"), number, track, without, *limits)
        return tuple(read(OwnedSketch, row, owner=read(LineageOwner, row)) for row in rows)

    async def spoken(
        self, number: RoundNumber, track: str, without: SubmissionId, prompts: Sequence[str]
    ) -> tuple[OwnedSample, ...]:
        """The sounds of a round's other scored submissions in a track, for some prompts."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("copies.spoken"), number, track, without, list(prompts))
        return tuple(read(OwnedSample, row, owner=read(LineageOwner, row)) for row in rows)

    async def coldkey(self, hotkey: Hotkey) -> str | None:
        """The coldkey of a hotkey; None where it was never registered."""
        async with self._pool.connection() as connection:
            found: str | None = await connection.fetchval(sql("copies.coldkey"), hotkey)
        return found

    async def get(self, submission: SubmissionId) -> NearCopyRow | None:
        """What is known of a near-copy; None for a submission that is none."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("copies.get"), submission)
        return read(NearCopyRow, row) if row else None

    async def page(
        self, after: SubmissionId | None = None, limit: int = 50, *, undecided: bool = False
    ) -> tuple[NearCopyRow, ...]:
        """Near-copies after a submission's id, by that."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("copies.page"), after or 0, limit, undecided)
        return tuple(read(NearCopyRow, row) for row in rows)


async def keep_sketch(connection: Connection, submission: SubmissionId, record: SketchRecord) -> None:
    """Keep a model's sketch, in the verdict's own transaction."""
    await connection.execute(sql("copies.keep_sketch"), submission, record.key_id, list(record.bands), record.sketch)


async def set_aside(connection: Connection, worker: str, evaluation: EvaluationId, orders: Sequence[NearCopyOrder]) -> None:
    """Set aside whom an evaluation found near another, in the verdict's own transaction."""
    for order in sorted(orders, key=lambda each: each.submission_id):
        found = order.found
        numbers = (
            found.distance,
            found.by_files,
            found.compared,
            found.sound,
            found.prompts,
            order.most_distance,
            order.least_sound,
            order.appeal,
        )
        if not await connection.fetchrow(sql("copies.note"), order.submission_id, order.original_id, evaluation, *numbers):
            continue
        if await connection.fetchrow(sql("copies.set_aside"), order.submission_id, worker, evaluation, order.reason):
            await connection.execute(sql("queue.park_set_aside"), [order.submission_id], worker, order.reason)


async def release(connection: Connection, submission: SubmissionId) -> bool:
    """Note that an operator brought a submission back; False where none was undecided as a near-copy."""
    return await connection.fetchrow(sql("copies.decide"), submission, NearCopyDecision.RELEASED) is not None


async def confirm(connection: Connection, found: NearCopyRow, *, actor: str, reason: str) -> None:
    """End a quarantine as a copy; raises PlatformError(STATE_CONFLICT) where it was decided before.

    What is not quarantined any more, as its hotkey committed again or was banned, stays in its state, and a near-copy for good.
    """
    if await connection.fetchrow(sql("copies.decide"), found.submission_id, NearCopyDecision.CONFIRMED) is None:
        raise PlatformError(Code.STATE_CONFLICT, f"submission {found.submission_id} is not set aside as a near-copy any more")
    await connection.execute(sql("copies.confirm"), found.submission_id, actor, reason, Code.COPY)
