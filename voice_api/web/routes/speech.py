"""Sentences in a model's voice: asked for, looked at, heard."""

import asyncio
import re
from datetime import timedelta
from http import HTTPStatus
from string import printable
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from voice_api.schemas.speech import SpeechIn, SpeechOut
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.openapi import AUDIO_ERRORS, LOOKUP_ERRORS, SPEECH_ERRORS, Responses
from voice_api.web.route import PRIVATE, Route
from voice_api.web.routes.samples import Asked, IfRange, in_parts
from voice_api.web.speech.ask import LONGEST_WAIT, SpeechAsked, address_of, ask, when_ended
from voice_api.web.speech.formats import SOUNDS, TRAITS, SoundFormat, encode

router = APIRouter(prefix="/v1/speech", tags=["speech"], route_class=Route)

DISCLOSURE = "X-Voice-Disclosure"
"""The header that carries the operator's words about the sound, percent-encoded where they are not ASCII."""
_WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")
_PRINTABLE = "".join(set(printable) - set("%\t\n\r\x0b\x0c"))
_KEPT = "private, max-age=3600"
_SOUNDS: Responses = {
    200: {"description": "The sound.", "content": SOUNDS},
    206: {"description": "The part that Range asked for."},
    **AUDIO_ERRORS,
}

Prefer = Annotated[
    str | None,
    Header(
        description=f"`wait=SECONDS`: hold the answer back until the sentence is spoken, up to {LONGEST_WAIT.total_seconds():.0f} s; "
        "the status is then 200.",
        examples=["wait=30"],
    ),
]
Format = Annotated[
    SoundFormat,
    Query(
        alias="format",
        description="flac and wav are the model's samples as they are; pcm is 16-bit mono at 24 kHz without a header.",
    ),
]


@router.post(
    "", status_code=HTTPStatus.ACCEPTED, responses={200: {"model": SpeechOut, "description": "It has ended."}, **SPEECH_ERRORS}
)
async def add(body: SpeechIn, request: Request, response: Response, service: ServiceDep, prefer: Prefer = None) -> SpeechOut:
    """Ask for a sentence in the king's voice, or another submission's. `Location` says where to look; nobody else can guess that."""
    asked = SpeechAsked(
        text=body.text, description=body.description, voice=body.voice, track=body.track, address=address_of(request)
    )
    speech = await ask(service, asked)
    response.headers["Location"] = f"{router.prefix}/{speech.id}"
    wait = _WAIT.search(prefer or "")
    if wait:
        patience = min(timedelta(seconds=int(wait[1])), LONGEST_WAIT)
        speech = await when_ended(service.stores.speeches, speech.id, patience)
        response.headers["Preference-Applied"] = f"wait={patience.total_seconds():.0f}"
    if speech.state.ended:
        response.status_code = HTTPStatus.OK
    disclose(response, service)
    return SpeechOut.of(speech, service.settings.speech_disclosure)


@router.get("/{speech_id}", responses=LOOKUP_ERRORS)
async def get(speech_id: UUID, service: ServiceDep, response: Response) -> SpeechOut:
    """A sentence as it stands. Anybody who knows its id may read it, until it is deleted."""
    disclose(response, service)
    response.headers["Cache-Control"] = PRIVATE
    return SpeechOut.of(await service.stores.speeches.get(speech_id), service.settings.speech_disclosure)


@router.get("/{speech_id}/audio", responses=_SOUNDS, response_class=Response)
async def audio(
    request: Request,
    speech_id: UUID,
    service: ServiceDep,
    wanted: Format = SoundFormat.FLAC,
    asked: Asked = None,
    if_range: IfRange = None,
) -> Response:
    """The sound of a sentence, whole or in parts, as players ask for it."""
    file = await sound_of(service, speech_id, wanted)
    part = None if wanted is SoundFormat.OPUS else asked  # its encoder draws a number: parts of two answers do not fit together
    response = in_parts(request, file, TRAITS[wanted].media_type, part, if_range, caches=_KEPT)
    response.headers["Content-Disposition"] = f'inline; filename="speech-{speech_id}.{wanted.value}"'
    disclose(response, service)
    return response


async def sound_of(service: Service, speech_id: UUID, wanted: SoundFormat) -> bytes:
    """The sound of a sentence as a file of some format, with the operator's words in it; raises PlatformError(NOT_FOUND)."""
    flac = await service.stores.speeches.audio(speech_id)
    return await asyncio.to_thread(encode, flac, wanted, service.settings.speech_disclosure)


def disclose(response: Response, service: Service) -> None:
    """Add the operator's words about such sounds."""
    response.headers[DISCLOSURE] = quote(service.settings.speech_disclosure, safe=_PRINTABLE)
