"""A listener's turn: a pair is drawn and shown, and the vote on it is kept and answered by what the judges found."""

import asyncio
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from fastapi import Request

from scoring.errors import Code, PlatformError
from scoring.report import Factor
from voice_api.db.votes import JudgedSample, ListenerVote, RoundTrack, VoteChoice
from voice_api.web.dependencies import Service
from voice_api.web.listening.agreement import MOST_VOTES, Agreement, agreement, judges_choice
from voice_api.web.listening.derived import Derived
from voice_api.web.listening.pairs import BlindPair, draw_clips, draw_models, draw_round
from voice_api.web.routes.samples import derived_of, kept_flac
from voice_api.web.tracks import known_or_raise

PER_MINUTE = 20
"""Pairs and votes, taken together, of one address in a minute: more than anybody can hear."""
_TRIES = 12
"""Draws before it is said that there is no pair: two models may share no prompt, a listener may have voted on all that they share,
and retention may have removed a clip."""


@dataclass(frozen=True, slots=True)
class ClipMeasures:
    """Loudness in LUFS (BS.1770), greatest value (0 … 1) and length of a clip."""

    lufs: float
    peak: float
    seconds: float


@dataclass(frozen=True, slots=True)
class ShownPair:
    """A pair with its id, and the measures of its clips."""

    id: UUID
    pair: BlindPair
    first: ClipMeasures
    second: ClipMeasures


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVote:
    """A vote that counts, the two clips as the judges found them, and what they prefer (None: they have no such number of both)."""

    choice: VoteChoice
    factor: Factor | None
    judges: VoteChoice | None
    first: JudgedSample
    second: JudgedSample


async def voter_of(request: Request, service: Service) -> str:
    """The day's name of the address that asks; raises TooManyRequests where it asks faster than anybody can hear."""
    address = request.client.host if request.client else "local"
    voter = await service.pairs.voter(address, datetime.now(UTC).date())
    await service.limits.take(f"votes:{voter}", PER_MINUTE)
    return voter


async def show_pair(service: Service, voter: str, track: str | None = None) -> ShownPair:
    """Draw a pair whose clips are there, of one track if asked; raises PlatformError(NOT_FOUND) where there is none.

    Raises PlatformError(REQUEST_INVALID) for an unknown track.
    """
    known_or_raise(service, track)
    rounds = await service.stores.votes.rounds(track)
    for _ in range(_TRIES):
        pair = await _draw(service, voter, rounds)
        if pair is None:
            continue
        try:
            first, second = await measures(service, pair.first_pcm), await measures(service, pair.second_pcm)
        except PlatformError as exc:
            if exc.code not in (Code.NOT_FOUND, Code.AUDIO_DAMAGED):  # a damaged file is as good as none
                raise
            continue
        return ShownPair(await service.pairs.show(pair), pair, first, second)
    raise PlatformError(Code.NOT_FOUND, "no two clips are left for you to compare: wait until the next round has closed")


async def _draw(service: Service, voter: str, rounds: Sequence[RoundTrack]) -> BlindPair | None:
    random, votes = secrets.SystemRandom(), service.stores.votes
    drawn = draw_round(rounds, random)
    first, second = draw_models(await votes.scored(drawn.round, drawn.track), random)
    clips = draw_clips(await votes.shared(first, second, voter), random)
    if clips is None:
        return None
    return BlindPair(
        voter=voter,
        round=drawn.round,
        track=drawn.track,
        prompt_id=clips.prompt_id,
        first_evaluation=first,
        second_evaluation=second,
        first_pcm=clips.first,
        second_pcm=clips.second,
    )


async def measures(service: Service, pcm_sha256: str) -> ClipMeasures:
    """The measures of a stored clip; raises PlatformError(NOT_FOUND) where it is not, or no longer, there.

    Measures that were kept outlive the clip, so the store is asked first.
    """
    await asyncio.to_thread(kept_flac, service.store, pcm_sha256)
    found = json.loads(await derived_of(service, Derived.LOUDNESS, pcm_sha256))
    return ClipMeasures(lufs=found["lufs"], peak=found["peak"], seconds=found["seconds"])


async def keep_vote(service: Service, voter: str, pair: UUID, choice: VoteChoice, factor: Factor | None) -> KeptVote:
    """Keep a vote on a pair that was shown to this voter.

    Raises PlatformError: NOT_FOUND for a pair that is no longer kept, NOT_ALLOWED for one that was shown to another address,
    STATE_CONFLICT where it, or the same two clips, were voted on before.
    """
    shown = await service.pairs.shown(pair)
    if shown.voter != voter:
        raise PlatformError(Code.NOT_ALLOWED, "this pair was shown to another address, or yesterday: ask for another one")
    first, second = await service.stores.votes.judged(shown.first_evaluation, shown.second_evaluation, shown.prompt_id)
    await service.stores.votes.add(
        ListenerVote(
            pair=pair,
            voter=voter,
            first_evaluation=shown.first_evaluation,
            second_evaluation=shown.second_evaluation,
            prompt_id=shown.prompt_id,
            factor=factor,
            choice=choice,
        )
    )
    judges = judges_choice(first, second, factor)
    return KeptVote(choice=choice, factor=factor, judges=judges, first=first, second=second)


async def agreement_of(service: Service, track: str | None = None) -> Agreement:
    """How well listeners and judges agree over the newest votes, of one track if asked; computed anew after a vote only.

    Raises PlatformError(REQUEST_INVALID) for an unknown track.
    """
    known_or_raise(service, track)

    async def computed() -> Agreement:
        return await asyncio.to_thread(agreement, await service.stores.votes.newest(MOST_VOTES, track))

    if track is not None:
        return await computed()
    return await service.caches.agreement.get(await service.stores.votes.last(), computed)
