"""The bases that a competition names: files of sketches beside the code, each held against its checksum."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from scoring.errors import Code, PlatformError
from scoring.model.nearness import Base
from scoring.model.sketch import Sketch
from scoring.types import ContentHash

FOLDER = Path(__file__).with_name("bases")
_SIZE_BYTES = 8


def write_base(base: Base) -> bytes:
    """A base's file: each of its sketches after its length."""
    parts = [each.to_bytes() for each in base.sketches]
    return b"".join(len(part).to_bytes(_SIZE_BYTES, "little") + part for part in parts)


def read_bases(pinned: Mapping[str, str], folder: Path = FOLDER) -> tuple[Base, ...]:
    """The bases of these content hashes, each with its file's SHA-256; raises PlatformError(COMPETITION_INVALID) for another file."""
    return tuple(
        _read(ContentHash(content), checksum, folder / f"{content}.sketches") for content, checksum in sorted(pinned.items())
    )


def _read(content: ContentHash, checksum: str, path: Path) -> Base:
    try:
        raw = path.read_bytes()
    except OSError as exc:
        why = f"the sketches of the base {content} cannot be read: {exc.strerror}"
        raise PlatformError(Code.COMPETITION_INVALID, why) from exc
    if hashlib.sha256(raw).hexdigest() != checksum:
        raise PlatformError(Code.COMPETITION_INVALID, f"the sketches of the base {content} are not those that the rules name")
    sketches = []
    while raw:
        end = _SIZE_BYTES + int.from_bytes(raw[:_SIZE_BYTES], "little")
        sketches.append(Sketch.from_bytes(raw[_SIZE_BYTES:end]))
        raw = raw[end:]
    return Base(content, tuple(sketches))
