"""Validations: a miner sends one recording, waits, and reads how the judges of models find it."""

import asyncio
import hashlib
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from scoring.errors import Code, PlatformError
from voice_api.schemas import MOST_CHARACTERS, NO_NUL, ValidationOut
from voice_api.web.auth import Miner
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS, RECORDING_ERRORS
from voice_api.web.route import Route

_MARKS = (b"RIFF", b"fLaC", b"OggS")
"""The first bytes of a WAV, FLAC or OGG file. More of a stranger's file is read only inside a worker's sandbox."""
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The WAV, FLAC or OGG file itself.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

router = APIRouter(prefix="/v1/validations", tags=["validations"], route_class=Route)

Text = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MOST_CHARACTERS,
        pattern=NO_NUL,
        description="What is said in the recording.",
        examples=["Open the gate before the rain comes."],
    ),
]
Description = Annotated[
    str,
    Query(
        min_length=1,
        max_length=MOST_CHARACTERS,
        pattern=NO_NUL,
        description="The voice that was asked for, in the words of a round's descriptions: who speaks (else a man), then how (else "
        "ordinarily).",
        examples=["A deep-voiced man speaks rather slowly."],
    ),
]


@router.post("", status_code=HTTPStatus.ACCEPTED, responses=RECORDING_ERRORS, openapi_extra=_BODY)
async def add(request: Request, response: Response, by: Miner, text: Text, description: Description) -> ValidationOut:
    """Ask for one recording to be judged; the body is the file, so that the signature covers it. `Location` says where to look."""
    upload = await request.body()
    _check(upload, text, by.settings.upload_bytes)
    digest = await asyncio.to_thread(lambda: hashlib.sha256(upload).hexdigest())
    added = await by.stores.validations.add(by.hotkey, text, description, digest, upload)
    response.headers["Location"] = f"{router.prefix}/{added}"
    return ValidationOut.model_validate(await by.stores.validations.get(added))


@router.get("/{validation_id}", responses=LOOKUP_ERRORS)
async def get(validation_id: UUID, service: ServiceDep) -> ValidationOut:
    """A validation as it stands. Anybody who knows its id may read it; the recording itself is not kept once it was judged."""
    return ValidationOut.model_validate(await service.stores.validations.get(validation_id))


def _check(upload: bytes, text: str, most: int) -> None:
    """Check what needs no decoding: size, format, text."""
    if len(upload) > most:
        raise PlatformError(Code.BODY_TOO_LARGE, f"a recording has at most {most} bytes")
    if not upload.startswith(_MARKS):
        raise PlatformError(Code.AUDIO_INVALID, "the file is neither WAV nor FLAC nor OGG")
    if not any(character.isalnum() for character in text):
        raise PlatformError(Code.TEXT_INVALID, "the text holds no word that can be read")
