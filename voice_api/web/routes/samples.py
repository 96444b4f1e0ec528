"""The audio of samples and what is derived of it, whole or in parts, as players ask for it."""

import asyncio
import hashlib
import re
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Path, Request, Response
from starlette.exceptions import HTTPException

from scoring.audio.kept_sound import SampleChanged, kept_pcm
from scoring.audio.sound_file import HIGHEST_RATE
from scoring.competition import MOST_AUDIO_SECONDS
from scoring.errors import Code, PlatformError
from scoring.receipts.store import audio_name
from scoring.store.files import NotStored, StoredFile, StoredFiles
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.listening.derived import Derived
from voice_api.web.openapi import AUDIO_ERRORS, Responses
from voice_api.web.route import IMMUTABLE, Route, conditional

router = APIRouter(prefix="/v1/samples", tags=["samples"], route_class=Route)

Digest = Annotated[
    str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the PCM (s16le, mono), 64 hex digits.", examples=["a5" * 32])
]
Bounds = tuple[int, int]
"""The first and the last byte of a range, counted from 0."""
_FLAC = "audio/flac"
_COMPARED = 10_000
"""Files that a process remembers to be what their names say."""
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
    **AUDIO_ERRORS,
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
    kept = await intact_flac(service, pcm_sha256)
    etag = f'"{pcm_sha256[:24]}-{kept.size:x}"'
    bounds = _chosen(asked, if_range, etag, kept.size)
    flac = await asyncio.to_thread(read_flac, service.store, pcm_sha256, bounds)
    return _answer(request, _Part(flac, bounds, kept.size), _FLAC, etag, IMMUTABLE)


@router.get("/{pcm_sha256}/{kind}", responses=_DERIVED, response_class=Response)
async def derived(
    request: Request, pcm_sha256: Digest, kind: Kind, service: ServiceDep, asked: Asked = None, if_range: IfRange = None
) -> Response:
    """What is derived of a sample's audio for ears and eyes."""
    data = await derived_of(service, kind, pcm_sha256)
    return in_parts(request, data, kind.media_type, asked, if_range)


async def derived_of(service: Service, kind: Derived, pcm_sha256: str) -> bytes:
    """What is derived of a stored sample; raises PlatformError: NOT_FOUND, AUDIO_DAMAGED."""
    return await service.derived.get(kind, pcm_sha256, partial(read_intact, service.store, pcm_sha256))


def in_parts(
    request: Request, data: bytes, media_type: str, asked: str | None, if_range: str | None, caches: str = IMMUTABLE
) -> Response:
    """The whole, the one range that was asked for, or 304 where the caller has it."""
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    bounds = _chosen(asked, if_range, etag, len(data))
    part = data if bounds is None else data[bounds[0] : bounds[1] + 1]
    return _answer(request, _Part(part, bounds, len(data)), media_type, etag, caches)


async def intact_flac(service: Service, pcm_sha256: str) -> StoredFile:
    """What the store says of a file that holds what its name says; raises PlatformError: NOT_FOUND, AUDIO_DAMAGED.

    A process compares each file once, and again when it was written anew: only then may caches keep it for ever.
    """
    kept, known = await asyncio.to_thread(kept_flac, service.store, pcm_sha256), service.caches.intact
    if known.get(pcm_sha256) != kept:
        await asyncio.to_thread(read_intact, service.store, pcm_sha256)
        if len(known) >= _COMPARED:
            known.clear()
        known[pcm_sha256] = kept
    return kept


def read_intact(store: StoredFiles | None, pcm_sha256: str) -> bytes:
    """A stored file that holds what its name says; raises PlatformError: NOT_FOUND, AUDIO_DAMAGED."""
    flac = read_flac(store, pcm_sha256)
    try:
        kept_pcm(flac, pcm_sha256, MOST_AUDIO_SECONDS * HIGHEST_RATE)
    except SampleChanged as exc:
        raise PlatformError(Code.AUDIO_DAMAGED, f"the audio {pcm_sha256} {exc}") from exc
    return flac


def read_flac(store: StoredFiles | None, pcm_sha256: str, bounds: Bounds | None = None) -> bytes:
    """A stored file, or the part between these bytes; raises PlatformError(NOT_FOUND), InfrastructureFault(STORE_UNAVAILABLE)."""
    name, missing = audio_name(pcm_sha256), PlatformError(Code.NOT_FOUND, f"there is no audio {pcm_sha256}")
    if store is None:
        raise missing
    try:
        return store.read(name) if bounds is None else store.read_part(name, *bounds)
    except NotStored as exc:
        raise missing from exc


def kept_flac(store: StoredFiles | None, pcm_sha256: str) -> StoredFile:
    """What the store says of a file, unread; raises PlatformError(NOT_FOUND)."""
    kept = None if store is None else store.look(audio_name(pcm_sha256))
    if kept is None:
        raise PlatformError(Code.NOT_FOUND, f"there is no audio {pcm_sha256}")
    return kept


@dataclass(frozen=True, slots=True)
class _Part:
    """Bytes of a file, where in it they lie (None: they are all of it), and its size."""

    data: bytes
    bounds: Bounds | None
    size: int


def _chosen(asked: str | None, if_range: str | None, etag: str, size: int) -> Bounds | None:
    """The range that is answered; None for the whole, as for several ranges at once, other units, and another version's range."""
    part = _RANGE.fullmatch(asked or "")
    return None if part is None or if_range not in (None, etag) else _bounds(part[1], part[2], size)


def _answer(request: Request, part: _Part, media_type: str, etag: str, caches: str) -> Response:
    headers = {"ETag": etag, "Cache-Control": caches, "Accept-Ranges": "bytes"}
    whole = conditional(request, Response(part.data, media_type=media_type, headers=headers))
    if whole.status_code == HTTPStatus.NOT_MODIFIED or part.bounds is None:
        return whole
    headers["Content-Range"] = f"bytes {part.bounds[0]}-{part.bounds[1]}/{part.size}"
    return Response(part.data, HTTPStatus.PARTIAL_CONTENT, media_type=media_type, headers=headers)


def _bounds(first: str, last: str, size: int) -> Bounds:
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
