"""Blind pairs and listeners' votes: no account, no address kept, and no part of any score."""

import asyncio
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, assert_never
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from voice_api.schemas.votes import AgreementOut, BlindPairOut, PairClipOut, PairSide, VoteIn, VoteOut
from voice_api.web.dependencies import ServiceDep
from voice_api.web.listening.derived import Derived
from voice_api.web.listening.pairs import SHOWN
from voice_api.web.listening.voting import ClipMeasures, agreement_of, keep_vote, show_pair, voter_of
from voice_api.web.openapi import AUDIO_ERRORS, READ_ERRORS, VOTE_ERRORS
from voice_api.web.route import Route
from voice_api.web.routes.samples import Asked, IfRange, derived_of, in_parts, read_intact

router = APIRouter(prefix="/v1/votes", tags=["votes"], route_class=Route)

_PRIVATE = "private, no-store"
"""What is heard before the vote is kept nowhere under the pair's name."""

Track = Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="Only this track's.", examples=["small"])]


class ClipForm(StrEnum):
    """The form in which a clip of a pair is heard."""

    OPUS = "opus"
    FLAC = "flac"


@router.post("/pairs", status_code=HTTPStatus.CREATED, responses=VOTE_ERRORS)
async def show(request: Request, response: Response, service: ServiceDep, track: Track = None) -> BlindPairOut:
    """Draw a pair to listen to. It is kept for an hour, for the address that asked."""
    drawn = await show_pair(service, await voter_of(request, service), track)
    response.headers["Cache-Control"] = _PRIVATE
    return BlindPairOut(
        pair=drawn.id,
        round=drawn.pair.round,
        track=drawn.pair.track,
        prompt_id=drawn.pair.prompt_id,
        first=_clip(drawn.id, PairSide.FIRST, drawn.first),
        second=_clip(drawn.id, PairSide.SECOND, drawn.second),
        seconds_left=round(SHOWN.total_seconds()),
    )


@router.get("/pairs/{pair}/{side}/{form}", responses=AUDIO_ERRORS, response_class=Response)
async def clip(
    request: Request,
    pair: UUID,
    side: PairSide,
    form: ClipForm,
    service: ServiceDep,
    asked: Asked = None,
    if_range: IfRange = None,
) -> Response:
    """One clip of a pair, while it is shown."""
    shown = await service.pairs.shown(pair)
    digest = shown.first_pcm if side is PairSide.FIRST else shown.second_pcm
    match form:
        case ClipForm.OPUS:
            data, media = await derived_of(service, Derived.OPUS, digest), Derived.OPUS.media_type
        case ClipForm.FLAC:
            data, media = await asyncio.to_thread(read_intact, service.store, digest), "audio/flac"
        case _:
            assert_never(form)
    return in_parts(request, data, media, asked, if_range, caches=_PRIVATE)


@router.post("", status_code=HTTPStatus.CREATED, responses=VOTE_ERRORS)
async def vote(request: Request, vote: VoteIn, service: ServiceDep) -> VoteOut:
    """Say which clip of a pair is better; it is answered by what they were, and what the judges prefer."""
    kept = await keep_vote(service, await voter_of(request, service), vote.pair, vote.choice, vote.factor)
    return VoteOut.model_validate(kept)


@router.get("/agreement", responses=READ_ERRORS)
async def read_agreement(service: ServiceDep, track: Track = None) -> AgreementOut:
    """How well listeners and judges agree, and listeners among themselves: numbers with their intervals, no part of any score."""
    return AgreementOut.model_validate(await agreement_of(service, track))


def _clip(pair: UUID, side: PairSide, measured: ClipMeasures) -> PairClipOut:
    opus, flac = (f"{router.prefix}/pairs/{pair}/{side}/{form}" for form in ClipForm)
    return PairClipOut(opus=opus, flac=flac, lufs=measured.lufs, peak=measured.peak, seconds=measured.seconds)
