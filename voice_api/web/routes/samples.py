"""The audio of samples and what is derived of it, whole or in parts, as players ask for it."""

import asyncio
import hashlib
import re
from functools import partial
from http import HTTPStatus
from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.exceptions import HTTPException

from scoring.errors import Code, PlatformError
from scoring.receipts.store import StoreLayout
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.listening.derived import Derived
from voice_api.web.openapi import AUDIO_ERRORS, DERIVED_ERRORS, Responses
from voice_api.web.route import IMMUTABLE, Route, conditional

router = APIRouter(prefix="/v1/samples", tags=["samples"], route_class=Route)

Digest = Annotated[
    str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the PCM (s16le, mono), 64 hex digits.", examples=["a5" * 32])
]
_FLAC = "audio/flac"
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")
_SCHEMA = {_FLAC: {"schema": {"type": "string", "format": "binary"}}}
_ANSWERS: Responses = {
    200: {"description": "The whole file.", "content": _SCHEMA},
    206: {"description": "The part that Range asked for.", "content": _SCHEMA},
    **AUDIO_ERRORS,
}


_DERIVED: Responses = {
    200: {
        "description": "The whole of it.",
        "content": {kind.media_type: {"schema": {"type": "string", "format": "binary"}} for kind in Derived},
    },
    206: {"description": "The part that Range asked for."},
    **DERIVED_ERRORS,
}

Asked = Annotated[str | None, Header(alias="Range", description="One range of bytes.", examples=["bytes=0-65535"])]
IfRange = Annotated[str | None, Header(alias="If-Range", description="The ETag that the range belongs to.")]
Kind = Annotated[
    Derived,
    Path(
        description="A small copy (Opus in Ogg, for listening: it is never hashed and never judged), the waveform (SVG), the spectrogram "
        "(PNG: left to right the clip's length, bottom to top 0 … 8,000 Hz on the mel scale), or the loudness (JSON: `lufs` by BS.1770, "
        "`peak` 0 … 1, `seconds`, `rate` in Hz)."
    ),
]


@router.get("/{pcm_sha256}", responses=_ANSWERS, response_class=Response)
async def get(
    request: Request, pcm_sha256: Digest, service: ServiceDep, asked: Asked = None, if_range: IfRange = None
) -> Response:
    """A sample's audio as FLAC. It never changes under its hash."""
    flac = await asyncio.to_thread(read_flac, service.settings.store_folder, pcm_sha256)
    return in_parts(request, flac, _FLAC, asked, if_range)


@router.get("/{pcm_sha256}/{kind}", responses=_DERIVED, response_class=Response)
async def derived(
    request: Request, pcm_sha256: Digest, kind: Kind, service: ServiceDep, asked: Asked = None, if_range: IfRange = None
) -> Response:
    """What is derived of a sample's audio for ears and eyes."""
    data = await derived_of(service, kind, pcm_sha256)
    return in_parts(request, data, kind.media_type, asked, if_range)


async def derived_of(service: Service, kind: Derived, pcm_sha256: str) -> bytes:
    """What is derived of a stored sample; raises PlatformError(NOT_FOUND)."""
    return await service.derived.get(kind, pcm_sha256, partial(read_flac, service.settings.store_folder, pcm_sha256))


def in_parts(
    request: Request, data: bytes, media_type: str, asked: str | None, if_range: str | None, caches: str = IMMUTABLE
) -> Response:
    """The whole, the one range that was asked for, or 304 where the caller has it."""
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": caches, "Accept-Ranges": "bytes"}
    whole = conditional(request, Response(data, media_type=media_type, headers=headers))
    part = _RANGE.fullmatch(asked or "")  # several ranges at once, or other units, may be answered by the whole
    if whole.status_code == HTTPStatus.NOT_MODIFIED or part is None or if_range not in (None, etag):
        return whole
    first, last = _bounds(part[1], part[2], len(data))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
    return Response(data[first : last + 1], HTTPStatus.PARTIAL_CONTENT, media_type=media_type, headers=headers)


def read_flac(store: File | None, pcm_sha256: str) -> bytes:
    """A stored file; raises PlatformError(NOT_FOUND)."""
    missing = PlatformError(Code.NOT_FOUND, f"there is no audio {pcm_sha256}")
    if store is None:
        raise missing
    try:
        return StoreLayout(store).audio(pcm_sha256).read_bytes()
    except OSError as exc:
        raise missing from exc


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """The first and the last byte of a range, as HTTP counts them; an error 416 outside the file."""
    if first:
        begin, end = int(first), min(int(last or size - 1), size - 1)
    else:
        begin, end = size - min(int(last or 0), size), size - 1
    if begin > end:
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"the file has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return begin, end
