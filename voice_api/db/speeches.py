"""Sentences that people ask to hear: leased and fenced as evaluations are, bounded in time, and deleted after a while."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from scoring.errors import EXPLANATIONS, Code, PlatformError
from scoring.types import ContentHash, Hotkey, RoundNumber, SubmissionId
from voice_api.db.database import Pool, read, sql
from voice_api.db.requests import LeasedRequests
from voice_api.db.states import QueueName, SpeechState
from voice_api.errors import TooManyRequests

_UNTIL_ONE_ENDS = timedelta(seconds=15)
"""What somebody is asked to wait who finds the queue full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVoice:
    """A submission that may be heard, and the rules that it speaks by: those of the round in which it was last scored."""

    submission_id: SubmissionId
    hotkey: Hotkey
    repo: str
    revision: str
    content_hash: ContentHash
    family: str
    track: str
    round: RoundNumber
    queue: QueueName
    crowned: bool  # whether it holds the top of its track


@dataclass(frozen=True, slots=True)
class SpeechBudget:
    """The most requests that may wait or run at once, and that are taken within an hour, of everybody together."""

    open: int
    per_hour: int


@dataclass(frozen=True, slots=True)
class SpeechTimes:
    """The time in which a request is spoken or fails, and for which it is kept after that."""

    within: timedelta
    kept: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechLoad:
    """The requests that wait or run, those of the last hour, and the time until one of these is an hour old."""

    open: int
    lately: int
    frees_in: timedelta

    def room_or_raise(self, budget: SpeechBudget) -> None:
        """Raise TooManyRequests where one more would break the budget."""
        if self.lately >= budget.per_hour:
            said = f"{budget.per_hour} sentences are spoken in an hour, and so many were asked for in the last one"
            raise TooManyRequests(max(self.frees_in, timedelta(seconds=1)), said)
        if self.open >= budget.open:
            raise TooManyRequests(_UNTIL_ONE_ENDS, f"{self.open} sentences wait or are spoken already, as many as may")


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """A request as people see it, without its audio; code and reason when it failed."""

    id: UUID
    text: str
    description: str
    submission_id: SubmissionId
    crowned: bool
    track: str
    family: str
    hotkey: Hotkey
    repo: str
    revision: str
    queue: QueueName
    state: SpeechState
    attempt: int
    ahead: int | None  # requests before it, while it waits
    rate: int | None  # Hz
    seconds: float | None  # of sound
    speak_seconds: float | None  # wall-clock time for which the model spoke
    code: Code | None
    reason: str | None
    created_at: datetime
    deadline_at: datetime
    expires_at: datetime
    claimed_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechClaim:
    """A leased request; `attempt` counts claims from 1."""

    id: UUID
    token: UUID
    worker: str
    text: str
    description: str
    round: RoundNumber
    track: str
    family: str
    repo: str
    revision: str
    content_hash: ContentHash
    competition_hash: str  # of the round's rules
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechSound:
    """What a model said: a FLAC file, its rate in Hz, its length, and the wall-clock time that the model needed, both in seconds."""

    audio: bytes
    rate: int
    seconds: float
    speak_seconds: float


class Speeches(LeasedRequests[SpeechClaim]):
    """The rows of sentences that people asked to hear: each is of one queue, and no lease outlives the request's time."""

    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, SpeechClaim, queries="speeches", one="speech")

    async def kings(self, validator: Hotkey) -> Mapping[str, SubmissionId]:
        """The submissions that hold the tops in a validator's ledger, by track; a track without a king is missing."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("speeches.kings"), validator)
        return {row["track"]: row["submission_id"] for row in rows}

    async def newest_of(self, hotkey: Hotkey, track: str | None = None) -> SubmissionId | None:
        """A hotkey's newest submission with a score, of a track or of any; None where there is none."""
        async with self._pool.connection() as connection:
            found: SubmissionId | None = await connection.fetchval(sql("speeches.of_hotkey"), hotkey, track)
        return found

    async def voice(self, submission: SubmissionId, *, crowned: bool) -> ModelVoice | None:
        """A submission as a voice to be heard; None where it never had a score, or was set aside or rejected."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("speeches.voice"), submission)
        return read(ModelVoice, row, crowned=crowned) if row else None

    async def load(self) -> SpeechLoad:
        """What was asked for lately."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("speeches.load"))
        return read(SpeechLoad, row)

    async def add(self, text: str, description: str, voice: ModelVoice, *, budget: SpeechBudget, times: SpeechTimes) -> UUID:
        """Keep a request, and wake the dispatcher; raises TooManyRequests beyond the budget, however many ask at once."""
        model = (
            voice.submission_id,
            voice.crowned,
            voice.round,
            voice.track,
            voice.family,
            voice.hotkey,
            voice.repo,
            voice.revision,
        )
        columns = (text, description, *model, voice.content_hash, voice.queue, times.within, times.kept)
        async with self._pool.transaction() as connection:
            await connection.execute(sql("speeches.one_at_a_time"))
            read(SpeechLoad, await connection.fetchrow(sql("speeches.load"))).room_or_raise(budget)
            row = await connection.fetchrow(sql("speeches.add"), *columns)
        added: UUID = row["id"]
        return added

    async def get(self, speech_id: UUID) -> Speech:
        """One request; raises PlatformError(NOT_FOUND), also for one that was kept long enough."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("speeches.get"), speech_id)
        if row is None:
            raise PlatformError(Code.NOT_FOUND, f"there is no speech {speech_id}, or it was deleted as all are after a while")
        return read(Speech, row)

    async def audio(self, speech_id: UUID) -> bytes:
        """The FLAC file of a request that is done; raises PlatformError(NOT_FOUND)."""
        async with self._pool.connection() as connection:
            found: bytes | None = await connection.fetchval(sql("speeches.audio"), speech_id)
        if found is None:
            raise PlatformError(Code.NOT_FOUND, f"there is no audio of a speech {speech_id}")
        return found

    async def finish(self, claim: SpeechClaim, sound: SpeechSound) -> None:
        """Write what the model said; raises LeaseLost."""
        columns = (sound.audio, sound.rate, sound.seconds, sound.speak_seconds)
        await self._write(claim, "finish", *columns)

    async def hand_back(
        self, claim: SpeechClaim, retry_in: timedelta, code: Code, reason: str, *, drained: bool = False
    ) -> SpeechState:
        """Return it, due again after `retry_in`; failed with code and reason where its time is over by then. Returns its new state.

        `drained`: the worker was asked to stop, which is no attempt. Raises LeaseLost.
        """
        arguments = (retry_in, code, reason, drained)
        row = await self._write(claim, "hand_back", *arguments)
        return SpeechState(row["state"])

    async def expire(self, budget: int) -> int:
        """Return every request whose lease ran out, and count them.

        Those that were tried more than `budget` times, and all whose time is over, fail.
        """
        whys = [part for code in (Code.LEASE_EXPIRED, Code.SPEECH_LATE) for part in (code, EXPLANATIONS[code].meaning)]
        async with self._pool.connection() as connection:
            return len(await connection.fetch(sql("speeches.expire"), budget, *whys))

    async def counts(self) -> Mapping[SpeechState, int]:
        """Count the requests that are kept by state; every state is named."""
        async with self._pool.connection() as connection:
            found = {row["state"]: row["count"] for row in await connection.fetch(sql("speeches.counts"))}
        return {state: found.get(state, 0) for state in SpeechState}

    async def forget(self) -> None:
        """Delete what was kept long enough."""
        async with self._pool.connection() as connection:
            await connection.execute(sql("speeches.forget"))
