"""Listeners' votes on blind pairs of clips, and the clips that pairs are drawn from. Nothing of it enters a score."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from scoring.errors import Code, PlatformError
from scoring.report import Factor
from scoring.types import Block, EvaluationId, Hotkey, Micro, RoundNumber, SubmissionId
from voice_api.db.database import Pool, read, sql

RECENT_ROUNDS = 50
"""Pairs are drawn from so many of the last closed rounds: models that people can still compare."""


class VoteChoice(StrEnum):
    """What a listener, or the judges, prefer of two clips."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"


@dataclass(frozen=True, slots=True)
class RoundTrack:
    """A closed round, and a track in which it scored two submissions or more."""

    round: RoundNumber
    track: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredEvaluation:
    """An evaluation whose samples can be heard beside others' of its round and track."""

    evaluation_id: EvaluationId
    submission_id: SubmissionId
    hotkey: Hotkey
    commit_block: Block
    repo: str | None
    score: Micro
    stderr: Micro
    receipt_hash: str


@dataclass(frozen=True, slots=True)
class SharedPrompt:
    """A prompt that two evaluations answered with sound, and the hashes of the two clips."""

    prompt_id: str
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerVote:
    """A vote on two clips, named by their evaluations and prompt. `voter` is a keyed hash (64 hex digits), never an address."""

    pair: UUID
    voter: str
    first_evaluation: EvaluationId
    second_evaluation: EvaluationId
    prompt_id: str
    factor: Factor | None
    """What the listener was asked about; None: which is better as a whole."""
    choice: VoteChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSample:
    """One clip of a pair, who spoke it, and what the judges found."""

    evaluation_id: EvaluationId
    submission_id: SubmissionId
    round: RoundNumber
    track: str
    hotkey: Hotkey
    repo: str | None
    prompt_id: str
    pcm_sha256: str
    score: Micro
    gate: str | None
    utilities: Mapping[str, float]
    heard: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VotedSample:
    """One clip of a vote, and the judges' numbers of it; utilities in [0, 1] by factor, more is better."""

    evaluation_id: EvaluationId
    score: Micro
    utilities: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedVote:
    """A vote beside what the judges found of both clips."""

    prompt_id: str
    factor: Factor | None
    choice: VoteChoice
    first: VotedSample
    second: VotedSample


class Votes:
    """The votes, and what pairs are drawn from: closed rounds alone, whose verdicts are final."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def rounds(
        self, track: str | None = None, *, limit: int = RECENT_ROUNDS, least: int = 2, up_to: RoundNumber | None = None
    ) -> tuple[RoundTrack, ...]:
        """The newest closed rounds (up to one, if named), newest first, by track, with at least so many scored submissions."""
        return tuple(read(RoundTrack, row) for row in await self._fetch("votes.rounds", track, limit, least, up_to))

    async def scored(self, number: RoundNumber, track: str) -> tuple[ScoredEvaluation, ...]:
        """A closed round's scored evaluations in a track, best first."""
        return tuple(read(ScoredEvaluation, row) for row in await self._fetch("votes.scored", number, track))

    async def shared(self, first: EvaluationId, second: EvaluationId, voter: str) -> tuple[SharedPrompt, ...]:
        """The prompts that both spoke, not with the same sound, and on which this voter has not voted, in the round's order."""
        return tuple(read(SharedPrompt, row) for row in await self._fetch("votes.shared", first, second, voter))

    async def add(self, vote: ListenerVote) -> None:
        """Keep a vote; raises PlatformError(STATE_CONFLICT) where the pair, or the same two clips by the same voter, has one."""
        columns = (
            vote.pair,
            vote.voter,
            vote.first_evaluation,
            vote.second_evaluation,
            vote.prompt_id,
            vote.factor,
            vote.choice,
        )
        if not await self._fetch("votes.add", *columns):
            raise PlatformError(Code.STATE_CONFLICT, "this pair was voted on before: ask for another one")

    async def of_pair(self, pair: UUID) -> ListenerVote:
        """The vote on a pair; raises PlatformError(NOT_FOUND) where nobody voted on it."""
        rows = await self._fetch("votes.of_pair", pair)
        if not rows:
            raise PlatformError(Code.NOT_FOUND, "nobody has voted on this pair")
        return read(ListenerVote, rows[0])

    async def judged(self, first: EvaluationId, second: EvaluationId, prompt_id: str) -> tuple[JudgedSample, JudgedSample]:
        """The two clips, first and second, as the judges found them."""
        one, other = await self._fetch("votes.judged", first, second, prompt_id)
        return read(JudgedSample, one), read(JudgedSample, other)

    async def last(self) -> int:
        """The newest vote's id: while it stays, so does all that follows from the votes. 0 without any."""
        (row,) = await self._fetch("votes.last")
        return int(row[0])

    async def newest(self, limit: int, track: str | None = None) -> tuple[JudgedVote, ...]:
        """The newest votes, newest first."""
        rows = await self._fetch("votes.newest", track, limit)
        return tuple(read(JudgedVote, row, first=_side(row, "first"), second=_side(row, "second")) for row in rows)

    async def _fetch(self, name: str, *arguments: object) -> Sequence[Any]:
        async with self._pool.connection() as connection:
            rows: Sequence[Any] = await connection.fetch(sql(name), *arguments)
        return rows


def _side(row: Mapping[str, Any], side: str) -> VotedSample:
    return VotedSample(evaluation_id=row[f"{side}_evaluation"], score=row[f"{side}_score"], utilities=row[f"{side}_utilities"])
