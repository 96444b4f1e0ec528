"""The record of a release as a file: it names images by their content, and the release key signs every byte of its meaning."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, ValidationError

from scoring import canonical_json, strict_json
from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Verifier
from voice_api.schemas.wire import Hex32, Revision, Ss58, Wire

RELEASE_DOMAIN = b"voice-release/1\n"
"""Put before what is signed, so that no signature can be taken for one of another kind."""
MAX_BYTES = 256 << 10
VERSION = r"(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})\.(0|[1-9]\d{0,5})"
"""Three numbers: releases are never named otherwise."""
_SIGNATURE = "signature"

ImageName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
ImageDigest = Annotated[str, Field(max_length=300, pattern=r"^[a-z0-9][a-z0-9.:/_-]*@sha256:[0-9a-f]{64}$")]
"""A repository and the hash of one content in it: no name that could come to mean another."""


class ReleaseRecord(Wire):
    """What a release is made of. Fields that a later release adds are signed, too, and not read here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1]
    version: Annotated[str, Field(pattern=f"^{VERSION}$")]
    published_at: AwareDatetime
    commit: Annotated[Revision, Field(description="Of the source that it was built from.")]
    schema_revision: Annotated[str, Field(pattern=r"^\d{4}$", description="The database's, once the release runs.")]
    competition_hash: Annotated[Hex32, Field(description="Of the last version of the packaged rules.")]
    compose_sha256: Annotated[Hex32, Field(description="Of the docker-compose.yml that its images run under.")]
    security: Annotated[bool, Field(description="Whether it mends a weakness, and is to be taken sooner.")]
    images: Annotated[Mapping[ImageName, ImageDigest], Field(min_length=1, max_length=32, description="By their targets.")]
    notes: Annotated[Mapping[str, str], Field(description="What changes, by the kind of user.")]
    signer: Annotated[Ss58, Field(description="The address of the release key.")]


def signed(record: ReleaseRecord, sign: Callable[[bytes], str]) -> str:
    """The record's file, with the signature (hex) of its signer."""
    data = record.model_dump(mode="json")
    return json.dumps(data | {_SIGNATURE: sign(_message(data))}, indent=1) + "\n"


def read_signed(raw: bytes, key: str, verify: Verifier) -> ReleaseRecord:
    """The record in a file that the key of this address signed; raises PlatformError(RELEASE_INVALID) that says what does not hold."""
    try:
        data = strict_json.read_object(raw, MAX_BYTES)
    except ValueError as exc:
        raise _invalid(f"it is no record of a release ({exc})") from exc
    if data.get("signer") != key:
        raise _invalid(f"it is not signed by {key}")
    if not verify(key, _message(data), str(data.get(_SIGNATURE, ""))):
        raise _invalid("its signature does not hold")
    try:
        return ReleaseRecord.model_validate_json(json.dumps({name: data[name] for name in data if name != _SIGNATURE}))
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _invalid(f"{where}: {first['msg']}") from exc


def number_of(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared; raises PlatformError(ARGUMENT_INVALID) for one that is none."""
    found = re.fullmatch(VERSION, version)
    if found is None:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{version} is no version of the form 1.2.3")
    return tuple(int(part) for part in found.groups())


def text_of(time: datetime) -> str:
    """A moment as messages have it."""
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _message(data: Mapping[str, object]) -> bytes:
    return RELEASE_DOMAIN + canonical_json.encode({name: value for name, value in data.items() if name != _SIGNATURE})


def _invalid(why: str) -> PlatformError:
    return PlatformError(Code.RELEASE_INVALID, f"The release cannot be trusted: {why}.")
