"""Identity of the model in a folder: hashes over tensors and config, whatever the files are called.

tensors hash: SHA-256 over every tensor in order of its name: name, dtype, shape, bytes.
content hash: SHA-256 over the tensors hash and the canonical config.json (sorted names, without what tools write in passing).
tag: SHA-256 over the content hash and a public key, cut to 128 bits; a commitment holds it.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from scoring import canonical_json, strict_json
from scoring.errors import Code, SubmissionFault
from scoring.model.safetensors_header import TensorSpan, read_header
from scoring.types import ContentHash, PublicKey, Tag, TensorsHash

MAX_HEADER_BYTES = 100_000_000
TAG_BYTES = 16
_CHUNK_BYTES = 1 << 20
_CONTENT_DOMAIN = b"voice/content/1"
_TENSORS_DOMAIN = b"voice/tensors/1"
VOLATILE = frozenset({"_name_or_path", "_commit_hash", "transformers_version"})
"""Names in config.json that say how it was saved, not what the model is."""

OnBytes = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`content` tells models apart; `tensors` is the same for models that differ in their config only."""

    content: ContentHash
    tensors: TensorsHash


def fingerprint(model_dir: Path, on_bytes: OnBytes) -> Fingerprint:
    """Hash a model folder in bounded memory; `on_bytes` gets the bytes hashed so far and their total.

    Raises SubmissionFault: HEADER_INVALID, WEIGHTS_MISSING or CONFIG_INVALID.
    """
    tensors = _hash_tensors(model_dir, on_bytes)
    content = hashlib.sha256(_CONTENT_DOMAIN + tensors + canonical_config(_read_config(model_dir)))
    return Fingerprint(ContentHash(content.hexdigest()), TensorsHash(tensors.hex()))


def tag_of(content_hash: ContentHash, public_key: PublicKey) -> Tag:
    """First 128 bits of `sha256(content hash ‖ public key)`; raises ValueError unless both are hex of 32 bytes.

    Nobody can replay another's commitment: under another key the same content has another tag.
    """
    content, key = bytes.fromhex(content_hash), bytes.fromhex(public_key)
    if len(content) != 32 or len(key) != 32:
        raise ValueError("a content hash and a public key have 32 bytes each")
    return Tag(hashlib.sha256(content + key).digest()[:TAG_BYTES].hex())


def canonical_config(raw: bytes) -> bytes:
    """config.json as sorted, compact JSON without volatile names; raises SubmissionFault(CONFIG_INVALID)."""
    try:
        fields = strict_json.read_object(raw)
    except ValueError as exc:
        raise SubmissionFault(Code.CONFIG_INVALID, f"config.json cannot be read: {exc}") from exc
    return canonical_json.encode(_without_volatile(fields))


def _without_volatile(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_volatile(child) for name, child in value.items() if name not in VOLATILE}
    return [_without_volatile(child) for child in value] if isinstance(value, list) else value


def _read_config(model_dir: Path) -> bytes:
    try:
        with (model_dir / "config.json").open("rb") as file:
            return file.read(strict_json.MAX_BYTES + 1)
    except FileNotFoundError as exc:
        raise SubmissionFault(Code.CONFIG_INVALID, "there is no config.json") from exc


def _hash_tensors(model_dir: Path, on_bytes: OnBytes) -> bytes:
    paths = sorted(model_dir.rglob("*.safetensors"))
    if not paths:
        raise SubmissionFault(Code.WEIGHTS_MISSING)
    places = sorted(
        ((span, path) for path in paths for span in read_header(path, MAX_HEADER_BYTES)), key=lambda place: place[0].name
    )
    if len({span.name for span, _ in places}) != len(places):
        raise SubmissionFault(Code.HEADER_INVALID, "a tensor occurs in two files")
    total, done = sum(span.end - span.start for span, _ in places), 0
    digest = hashlib.sha256(_TENSORS_DOMAIN)
    for span, path in places:
        digest.update(_label(span))
        with path.open("rb") as file:
            for chunk in _chunks(file, span):
                digest.update(chunk)
                done += len(chunk)
                on_bytes(done, total)
    return digest.digest()


def _label(span: TensorSpan) -> bytes:
    """The label before a tensor's bytes; JSON, so that no two labels with their lengths run into each other."""
    return json.dumps([span.name, span.dtype, span.shape, span.end - span.start], separators=(",", ":")).encode() + b"\n"


def _chunks(file: BinaryIO, span: TensorSpan) -> Iterator[bytes]:
    file.seek(span.start)
    left = span.end - span.start
    while left:
        chunk = file.read(min(left, _CHUNK_BYTES))
        if not chunk:
            raise SubmissionFault(Code.HEADER_INVALID, "a file ended before its tensors")
        left -= len(chunk)
        yield chunk
