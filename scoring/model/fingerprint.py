"""Identity of the model in a folder: hashes over what can reach its sound, whatever files and types it was saved in.

tensors hash: SHA-256 over every tensor that speaks, in order of its canonical name: name, canonical type, shape, numbers. It leaves out
the family's tables of symbols and speakers, of which some rows never speak, and nobody can say exactly which.
content hash: SHA-256 over the tensors hash, the same of the tables, and every file that can change the sound; config.json without what
tools write in passing.
tag: SHA-256 over the content hash and a public key, cut to 128 bits; a commitment holds it.

Only steps are taken that every machine computes alike, and that leave the sound as it is to the bit (`canonical_tensor`, `tensor_names`).
What sounds alike only up to rounding has another hash: weight norm that was folded, another order of channels, a sign moved from a
weight-normalised direction to its length.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO

from scoring import canonical_json, strict_json
from scoring.errors import Code, SubmissionFault
from scoring.model.canonical_tensor import canonical
from scoring.model.safetensors_header import TensorSpan
from scoring.model.tensor_names import Speaking, speaking
from scoring.synthesis.families import FAMILIES, FAMILY_OF
from scoring.synthesis.manifest import Identity, Manifest
from scoring.types import ContentHash, PublicKey, Tag, TensorsHash

TAG_BYTES = 16
_CONTENT_DOMAIN = b"voice/content/2"
_TENSORS_DOMAIN = b"voice/tensors/2"
VOLATILE = frozenset({"_name_or_path", "_commit_hash", "name_or_path", "transformers_version"})
"""Names in JSON files that say how they were saved, not what the model is."""
_NOT_THE_MODEL = ("*.safetensors", "*.safetensors.index.json", "README.md", "LICENSE", "LICENCE", "NOTICE", ".gitattributes")
_SETTINGS = "generation_config.json"
_READ_AS_JSON = 4 << 20
"""A larger JSON file counts by its bytes: as objects it would take a multiple of them."""

OnBytes = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`content` tells models apart; `tensors` is the same for models that differ in their other files or their tables only."""

    content: ContentHash
    tensors: TensorsHash


def fingerprint(model_dir: Path, on_bytes: OnBytes) -> Fingerprint:
    """Hash a model folder in bounded memory; `on_bytes` gets the bytes of tensors hashed so far and their total.

    Raises SubmissionFault: HEADER_INVALID, WEIGHTS_MISSING or CONFIG_INVALID.
    """
    config = _read_config(model_dir)
    manifest = _manifest(config)
    identity = Identity() if manifest is None else manifest.identity
    found = speaking(model_dir, identity)
    tables = [tensor for tensor in found if _is_table(tensor, identity)]
    rest = [tensor for tensor in found if tensor not in tables]
    n_rest, total = _size(rest), _size(found)
    tensors = _hash_tensors(rest, lambda done: on_bytes(done, total))
    digest = hashlib.sha256(_CONTENT_DOMAIN + tensors)
    if tables:
        digest.update(_hash_tensors(tables, lambda done: on_bytes(n_rest + done, total)))
    kept = None if manifest is None else frozenset(manifest.settings)
    for name, content in _files(model_dir, config, identity, kept):
        digest.update(_label([name, len(content)]) + content)
    return Fingerprint(ContentHash(digest.hexdigest()), TensorsHash(tensors.hex()))


def without_tables(model_dir: Path) -> list[Speaking]:
    """The tensors of a folder that its tensors hash is about; raises as `fingerprint`."""
    manifest = _manifest(_read_config(model_dir))
    identity = Identity() if manifest is None else manifest.identity
    return [tensor for tensor in speaking(model_dir, identity) if not _is_table(tensor, identity)]


def tag_of(content_hash: ContentHash, public_key: PublicKey) -> Tag:
    """First 128 bits of `sha256(content hash ‖ public key)`; raises ValueError unless both are hex of 32 bytes.

    Nobody can replay another's commitment: under another key the same content has another tag.
    """
    content, key = bytes.fromhex(content_hash), bytes.fromhex(public_key)
    if len(content) != 32 or len(key) != 32:
        raise ValueError("a content hash and a public key have 32 bytes each")
    return Tag(hashlib.sha256(content + key).digest()[:TAG_BYTES].hex())


def _manifest(config: dict[str, object]) -> Manifest | None:
    family = FAMILY_OF.get(str(config.get("model_type")))
    return None if family is None else FAMILIES[family]


def _is_table(tensor: Speaking, identity: Identity) -> bool:
    return any(fnmatchcase(tensor.name, pattern) for pattern in identity.tables)


def _read_config(model_dir: Path) -> dict[str, object]:
    try:
        with (model_dir / "config.json").open("rb") as file:
            return strict_json.read_object(file.read(strict_json.MAX_BYTES + 1))
    except FileNotFoundError as exc:
        raise SubmissionFault(Code.CONFIG_INVALID, "there is no config.json") from exc
    except ValueError as exc:
        raise SubmissionFault(Code.CONFIG_INVALID, f"config.json cannot be read: {exc}") from exc


def _files(
    model_dir: Path, config: dict[str, object], identity: Identity, settings: frozenset[str] | None
) -> Iterator[tuple[str, bytes]]:
    """Every file that can change the sound, by its path, in its canonical form."""
    for path in sorted(path for path in model_dir.rglob("*") if path.is_file()):
        name = path.relative_to(model_dir).as_posix()
        if any(fnmatchcase(name, pattern) for pattern in (*_NOT_THE_MODEL, *identity.unread)):
            continue
        if name == "config.json":
            yield name, _encoded(config)
        elif name == _SETTINGS and settings is not None:
            yield name, _canonical_file(path, settings)
        else:
            yield name, _canonical_file(path, None)


def _canonical_file(path: Path, keys: frozenset[str] | None) -> bytes:
    """A file's JSON object, sorted, of the given keys alone; the digest of its bytes where it holds none."""
    if path.suffix == ".json" and path.stat().st_size <= _READ_AS_JSON:
        try:
            fields = strict_json.read_object(path.read_bytes(), _READ_AS_JSON)
        except ValueError:  # whether it can be used, the family's adapter says
            return _digest(path)
        return _encoded({key: value for key, value in fields.items() if keys is None or key in keys})
    return _digest(path)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _encoded(fields: dict[str, object]) -> bytes:
    return canonical_json.encode(_without_volatile(fields))


def _without_volatile(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_volatile(child) for name, child in value.items() if name not in VOLATILE}
    return [_without_volatile(child) for child in value] if isinstance(value, list) else value


def _size(tensors: Sequence[Speaking]) -> int:
    return sum(tensor.span.end - tensor.span.start for tensor in tensors)


def _hash_tensors(tensors: Sequence[Speaking], on_done: Callable[[int], None]) -> bytes:
    done, digest = 0, hashlib.sha256(_TENSORS_DOMAIN)
    for tensor in tensors:
        with tensor.path.open("rb") as file:
            source = Source(file, tensor.span)
            kind, chunks = canonical(tensor.span, source.read, tensor.rows)
            digest.update(_label([tensor.name, kind, tensor.span.shape]))
            for chunk in chunks:
                digest.update(chunk)
                on_done(done + source.reached)
        done += _size([tensor])
    return digest.digest()


class Source:
    """The bytes of one tensor, in an open file; `reached` is how far they were read."""

    def __init__(self, file: BinaryIO, span: TensorSpan) -> None:
        self._file, self._span = file, span
        self.reached = 0

    def read(self, start: int, stop: int) -> bytes:
        """Bytes from `start` to `stop`; raises SubmissionFault(HEADER_INVALID) where the file ends before."""
        self._file.seek(self._span.start + start)
        raw = self._file.read(stop - start)
        if len(raw) != stop - start:
            raise SubmissionFault(Code.HEADER_INVALID, "a file ended before its tensors")
        self.reached = max(self.reached, stop)
        return raw


def _label(parts: Sequence[object]) -> bytes:
    """The label before some bytes; JSON, so that no two labels with what follows them run into each other."""
    return json.dumps(parts, separators=(",", ":")).encode() + b"\n"
