"""Recordings that miners ask to have judged: claimed with a lease and fenced by a token, as evaluations are, without money in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scoring.errors import EXPLANATIONS, Code, PlatformError
from scoring.types import Hotkey, Micro
from voice_api.db.database import JsonObject, Pool, read, sql
from voice_api.db.requests import LeasedRequests
from voice_api.db.states import QueueName, ValidationState

MOST_OPEN = 10
"""Requests of one hotkey that may wait or run at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A request as people see it; score, metrics, utilities and reasons once it is done, code and reason when it failed."""

    id: UUID
    hotkey: Hotkey
    text: str
    description: str
    sha256: str
    queue: QueueName
    state: ValidationState
    attempt: int
    score: Micro | None
    gate: str | None
    metrics: JsonObject | None
    utilities: JsonObject | None
    reasons: tuple[str, ...]
    code: Code | None
    reason: str | None
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationClaim:
    """A leased request with its upload; `attempt` counts claims from 1."""

    id: UUID
    token: UUID
    worker: str
    hotkey: Hotkey
    text: str
    description: str
    sha256: str
    upload: bytes
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationResult:
    """The judges' findings; `reasons` are sentences for people."""

    score: Micro
    gate: str | None
    metrics: JsonObject
    utilities: JsonObject
    reasons: tuple[str, ...]


class Validations(LeasedRequests[ValidationClaim]):
    """The rows of recordings that miners asked to have judged: any worker takes what needs no GPU, and an upload goes with the end."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, ValidationClaim, queries="validations", one="validation")

    async def add(
        self, hotkey: Hotkey, text: str, description: str, sha256: str, upload: bytes, *, most: int = MOST_OPEN
    ) -> UUID:
        """Keep a request, and wake the dispatcher; `sha256` is of the upload, 64 hex digits.

        Raises PlatformError(STATE_CONFLICT) while `most` of the hotkey's requests wait or run.
        """
        columns = (hotkey, text, description, sha256, upload, most)
        async with self._pool.transaction() as connection:
            await connection.execute(sql("validations.one_at_a_time"), hotkey)
            row = await connection.fetchrow(sql("validations.add"), *columns)
        if row is None:
            raise PlatformError(Code.STATE_CONFLICT, f"{most} recordings of this hotkey are waiting already; wait for one to end")
        added: UUID = row["id"]
        return added

    async def get(self, validation_id: UUID) -> Validation:
        """One request; raises PlatformError(NOT_FOUND)."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("validations.get"), validation_id)
        if row is None:
            raise PlatformError(Code.NOT_FOUND, f"there is no validation {validation_id}")
        return read(Validation, row, reasons=tuple(row["reasons"] or ()))

    async def finish(self, claim: ValidationClaim, result: ValidationResult) -> None:
        """Write the judges' findings, and forget the upload; raises LeaseLost."""
        columns = (result.score, result.gate, result.metrics, result.utilities, list(result.reasons))
        await self._write(claim, "finish", *columns)

    async def hand_back(self, claim: ValidationClaim, retry_in: timedelta, *, drained: bool = False) -> None:
        """Return it, due again after `retry_in`; raises LeaseLost. `drained`: the worker was asked to stop, which is no attempt."""
        await self._write(claim, "hand_back", retry_in, drained)

    async def expire(self, budget: int) -> int:
        """Return every request whose lease ran out; those that were tried more than `budget` times fail. Returns how many ended."""
        meaning = EXPLANATIONS[Code.LEASE_EXPIRED].meaning
        async with self._pool.connection() as connection:
            return len(await connection.fetch(sql("validations.expire"), budget, Code.LEASE_EXPIRED, meaning))
