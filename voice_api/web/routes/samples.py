"""The audio of samples, whole or in parts, as players ask for it."""

import asyncio
import hashlib
import re
from http import HTTPStatus
from pathlib import Path as File
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.exceptions import HTTPException

from scoring.errors import Code, PlatformError
from scoring.receipts.store import StoreLayout
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import AUDIO_ERRORS, Responses
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


@router.get("/{pcm_sha256}", responses=_ANSWERS, response_class=Response)
async def get(
    request: Request,
    pcm_sha256: Digest,
    service: ServiceDep,
    asked: Annotated[str | None, Header(alias="Range", description="One range of bytes.", examples=["bytes=0-65535"])] = None,
    if_range: Annotated[str | None, Header(alias="If-Range", description="The ETag that the range belongs to.")] = None,
) -> Response:
    """A sample's audio as FLAC. It never changes under its hash."""
    flac = await asyncio.to_thread(_read, service.settings.store_folder, pcm_sha256)
    etag = f'"{hashlib.sha256(flac).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": IMMUTABLE, "Accept-Ranges": "bytes"}
    whole = conditional(request, Response(flac, media_type=_FLAC, headers=headers))
    part = _RANGE.fullmatch(asked or "")  # several ranges at once, or other units, may be answered by the whole
    if whole.status_code == HTTPStatus.NOT_MODIFIED or part is None or if_range not in (None, etag):
        return whole
    first, last = _bounds(part[1], part[2], len(flac))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(flac)}"
    return Response(flac[first : last + 1], HTTPStatus.PARTIAL_CONTENT, media_type=_FLAC, headers=headers)


def _read(store: File | None, pcm_sha256: str) -> bytes:
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
