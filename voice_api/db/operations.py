"""An operator's work: the orders that it gives (`queries/operations.sql`), and the numbers that it watches (`queries/watch.sql`)."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from scoring.errors import Code, PlatformError
from scoring.types import EvaluationId, Hotkey, RoundNumber, SubmissionId
from voice_api.db import copies
from voice_api.db.copies import NearCopies
from voice_api.db.database import Connection, Pool, read, sql
from voice_api.db.states import ParkedWhy, QueueName, RoundState, ValidationState


@dataclass(frozen=True, slots=True, kw_only=True)
class StuckRow:
    """An evaluation of an open round that waits for an operator."""

    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Hotkey
    round: RoundNumber
    queue: QueueName
    parked_why: ParkedWhy
    code: Code | None
    reason: str | None
    attempt: int
    failures: int
    host: str | None
    finished_at: datetime


class Operations:
    """The operator's verbs. They raise PlatformError: NOT_FOUND, or STATE_CONFLICT where the state forbids it.

    Each one writes an event or an operator's action in its own transaction, with its actor and its reason.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def requeue(self, evaluation_id: EvaluationId, *, actor: str, reason: str) -> None:
        """Due at once, with a fresh budget, and taken from whoever holds it; while its round is open."""
        await self._bring_back("requeue", evaluation_id, actor, reason, fresh=True)

    async def requeue_by_host(
        self, host: str, since: datetime, until: datetime, *, actor: str, reason: str
    ) -> tuple[EvaluationId, ...]:
        """Requeue what runs on a host, or got stuck there, if it was last claimed from `since` to before `until`."""
        return await self._requeue_found("host", host, since, until, actor=actor, reason=reason)

    async def requeue_by_code(
        self, code: Code, since: datetime, until: datetime, *, actor: str, reason: str
    ) -> tuple[EvaluationId, ...]:
        """Requeue what got stuck or waits because of a code, if it was last claimed from `since` to before `until`."""
        return await self._requeue_found("code", code, since, until, actor=actor, reason=reason)

    async def park(self, evaluation_id: EvaluationId, *, actor: str, reason: str) -> None:
        """Set an evaluation aside, taken from whoever holds it, until it is released or requeued."""
        async with self._pool.transaction() as connection:
            if not await connection.fetchrow(sql("operations.park"), evaluation_id, actor, reason):
                await _refuse_evaluation(connection, evaluation_id)
            await _note(connection, actor, "park", str(evaluation_id), reason)

    async def release(self, evaluation_id: EvaluationId, *, actor: str, reason: str) -> None:
        """Queue again what an operator parked; while its round is open."""
        await self._bring_back("release", evaluation_id, actor, reason, fresh=False)

    async def quarantine(self, submission_id: SubmissionId, *, actor: str, reason: str) -> None:
        """Judge a submission no more: what waits is parked, what runs may end, without effect on where the submission stands."""
        async with self._pool.transaction() as connection:
            if not await connection.fetchrow(sql("operations.quarantine"), submission_id, actor, reason):
                await _refuse_submission(connection, submission_id)
            await connection.execute(sql("queue.park_set_aside"), [submission_id], actor, reason)
            await _note(connection, actor, "quarantine", str(submission_id), reason)

    async def unquarantine(self, submission_id: SubmissionId, *, actor: str, reason: str) -> None:
        """Bring a submission back to where it stood; what was parked of open rounds since it was set aside is queued again.

        A near-copy whose hotkey committed again is near nobody any more, and stays superseded.
        """
        async with self._pool.transaction() as connection:
            await connection.execute(sql("operations.keep_rounds_open"))
            is_back = await connection.fetchrow(sql("operations.unquarantine"), submission_id, actor, reason) is not None
            if not await copies.release(connection, submission_id) and not is_back:
                await _refuse_submission(connection, submission_id)
            parked = [row["id"] for row in await connection.fetch(sql("operations.parked_since_quarantine"), submission_id)]
            await connection.execute(sql("operations.requeue"), parked if is_back else [], actor, reason, False)
            await _note(connection, actor, "unquarantine", str(submission_id), reason)

    async def confirm_copy(self, submission_id: SubmissionId, *, actor: str, reason: str) -> None:
        """End a near-copy's quarantine as a copy for good, once its owner had the time to object."""
        found = await NearCopies(self._pool).get(submission_id)
        if found is None:
            raise PlatformError(Code.NOT_FOUND, f"submission {submission_id} was not set aside as a near-copy")
        async with self._pool.transaction() as connection:
            if await connection.fetchval(sql("operations.before"), found.appeal_until):
                until = f"{found.appeal_until:%Y-%m-%d %H:%M} UTC"
                raise PlatformError(Code.STATE_CONFLICT, f"the owner of submission {submission_id} may object until {until}")
            await copies.confirm(connection, found, actor=actor, reason=reason)
            await _note(connection, actor, "confirm_copy", str(submission_id), reason)

    async def ban(self, hotkey: Hotkey, *, actor: str, reason: str) -> tuple[SubmissionId, ...]:
        """Reject a hotkey's submissions, now and from now on; those it rejects now."""
        async with self._pool.transaction() as connection:
            await connection.execute(sql("submissions.lock_hotkey"), hotkey)
            if not await connection.fetchrow(sql("operations.ban"), hotkey, actor, reason):
                raise PlatformError(Code.STATE_CONFLICT, f"{hotkey} is banned already")
            rows = await connection.fetch(sql("operations.reject_of"), hotkey, actor, Code.BANNED, reason)
            rejected = tuple(SubmissionId(row["id"]) for row in rows)
            await connection.execute(sql("queue.park_set_aside"), list(rejected), actor, reason)
            await _note(connection, actor, "ban", hotkey, reason)
        return rejected

    async def unban(self, hotkey: Hotkey, *, actor: str, reason: str) -> None:
        """Accept a hotkey's new submissions again; what was rejected stays so."""
        async with self._pool.transaction() as connection:
            if not await connection.fetchrow(sql("operations.unban"), hotkey):
                raise PlatformError(Code.STATE_CONFLICT, f"{hotkey} is not banned")
            await _note(connection, actor, "unban", hotkey, reason)

    async def drain(self, host: str, *, actor: str, reason: str) -> None:
        """Give a host nothing new; what runs there may end."""
        async with self._pool.transaction() as connection:
            if not await connection.fetchrow(sql("operations.drain"), host, actor, reason):
                raise PlatformError(Code.STATE_CONFLICT, f"{host} is drained already")
            await _note(connection, actor, "drain", host, reason)

    async def undrain(self, host: str, *, actor: str, reason: str) -> None:
        """Let a host work again."""
        async with self._pool.transaction() as connection:
            if not await connection.fetchrow(sql("operations.undrain"), host):
                raise PlatformError(Code.STATE_CONFLICT, f"{host} is not drained")
            await _note(connection, actor, "undrain", host, reason)

    async def stuck(self, after: EvaluationId | None = None, limit: int = 50) -> tuple[StuckRow, ...]:
        """Evaluations of open rounds that wait for an operator, by id; the last one's id is the next page's `after`."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("operations.stuck"), after or 0, limit)
        return tuple(read(StuckRow, row) for row in rows)

    async def _bring_back(self, verb: str, evaluation_id: EvaluationId, actor: str, reason: str, *, fresh: bool) -> None:
        async with self._pool.transaction() as connection:
            await connection.execute(sql("operations.keep_rounds_open"))
            if not await connection.fetch(sql("operations.requeue"), [evaluation_id], actor, reason, fresh):
                await _refuse_evaluation(connection, evaluation_id)
            await _note(connection, actor, verb, str(evaluation_id), reason)

    async def _requeue_found(
        self, by: str, value: object, since: datetime, until: datetime, *, actor: str, reason: str
    ) -> tuple[EvaluationId, ...]:
        async with self._pool.transaction() as connection:
            await connection.execute(sql("operations.keep_rounds_open"))
            found = [row["id"] for row in await connection.fetch(sql(f"operations.by_{by}"), value, since, until)]
            rows = await connection.fetch(sql("operations.requeue"), found, actor, reason, True)
            target = f"{by} {value}, {since.isoformat()} – {until.isoformat()}"
            await _note(connection, actor, f"requeue_by_{by}", target, reason)
        return tuple(sorted(EvaluationId(row["id"]) for row in rows))


async def _note(connection: Connection, actor: str, verb: str, target: str, reason: str) -> None:
    await connection.execute(sql("operations.note"), actor, verb, target, reason)


async def _refuse_evaluation(connection: Connection, evaluation_id: EvaluationId) -> None:
    row = await connection.fetchrow(sql("operations.evaluation"), evaluation_id)
    if row is None:
        raise PlatformError(Code.NOT_FOUND, f"there is no evaluation {evaluation_id}")
    if row["round_state"] != RoundState.OPEN:
        why = f"its round {row['round']} is closed: what got no verdict there gets none any more"
    elif row["set_aside"]:
        why = "its submission is quarantined or banned"
    else:
        why = "that forbids it"
    raise PlatformError(Code.STATE_CONFLICT, f"evaluation {evaluation_id} is {row['state']}, and {why}")


async def _refuse_submission(connection: Connection, submission_id: SubmissionId) -> None:
    row = await connection.fetchrow(sql("operations.submission"), submission_id)
    if row is None:
        raise PlatformError(Code.NOT_FOUND, f"there is no submission {submission_id}")
    raise PlatformError(Code.STATE_CONFLICT, f"submission {submission_id} is {row['state']}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestState:
    """The newest of everything that pages show: two that are equal show the same."""

    events: int | None
    """The newest event of a submission or an evaluation."""
    ledger: str | None
    """The hash of the last entry of the API's validator's ledger."""
    rounds: str | None
    """The newest round, and how many are open."""
    weights: str | None
    """The newest attempt to set weights, and its outcome."""
    progress: int | None
    """How far running evaluations are, together."""
    registry: int | None
    """The block of the registry."""

    def changed_since(self, before: "NewestState") -> frozenset[str]:
        """The names of what differs."""
        return frozenset(entry.name for entry in fields(self) if getattr(self, entry.name) != getattr(before, entry.name))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAge:
    """How long the oldest due row of one queue, kind and track waits."""

    queue: QueueName
    kind: str
    """`evaluations`, `validations` or `speeches`."""
    track: str
    """'' where none is known yet, and for what people ask for."""
    age: timedelta


class Watch:
    """The numbers that operators watch: the age of waiting work, failures, the registry's age, whether a dispatcher leads; a query each."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def ages(self) -> dict[QueueName, timedelta]:
        """The age of the oldest due row of each queue; zero where nothing waits."""
        async with self._pool.connection() as connection:
            found = {row["queue"]: row["age"] for row in await connection.fetch(sql("watch.ages"))}
        return {queue: found.get(queue, timedelta(0)) for queue in QueueName}

    async def waiting(self) -> tuple[QueueAge, ...]:
        """The age of the oldest due row, apart by queue, kind and track; what nobody waits for is left out."""
        async with self._pool.connection() as connection:
            return tuple(read(QueueAge, row) for row in await connection.fetch(sql("watch.waiting")))

    async def database_bytes(self) -> int:
        """The size of the database on its server's disk."""
        async with self._pool.connection() as connection:
            size: int = await connection.fetchval(sql("watch.database_bytes"))
        return size

    async def running(self) -> dict[QueueName, int]:
        """Count running evaluations by queue; every queue is named."""
        async with self._pool.connection() as connection:
            found = {row["queue"]: row["count"] for row in await connection.fetch(sql("watch.running"))}
        return {queue: found.get(queue, 0) for queue in QueueName}

    async def registry_age(self) -> timedelta | None:
        """The time since the registry was received; None before the first."""
        async with self._pool.connection() as connection:
            age: timedelta | None = await connection.fetchval(sql("watch.registry_age"))
        return age

    async def validations(self) -> dict[ValidationState, int]:
        """Count validations by state; every state is named."""
        async with self._pool.connection() as connection:
            found = {row["state"]: row["count"] for row in await connection.fetch(sql("watch.validations"))}
        return {state: found.get(state, 0) for state in ValidationState}

    async def failures(self) -> dict[QueueName, int]:
        """The most failures that an open evaluation of each queue has had; 0 where none has."""
        async with self._pool.connection() as connection:
            found = {row["queue"]: row["failures"] for row in await connection.fetch(sql("watch.failures"))}
        return {queue: found.get(queue, 0) for queue in QueueName}

    async def failures_today(self) -> int:
        """The most failures of ours that a submission has had in 24 hours."""
        async with self._pool.connection() as connection:
            most: int = await connection.fetchval(sql("watch.failures_today"))
        return most

    async def newest(self, validator: Hotkey) -> NewestState:
        """The newest of everything, with the ledger of one validator."""
        async with self._pool.connection() as connection:
            return read(NewestState, await connection.fetchrow(sql("watch.newest"), validator))

    async def led(self) -> bool:
        """Whether a dispatcher leads."""
        async with self._pool.connection() as connection:
            return bool(await connection.fetchval(sql("watch.led")))
