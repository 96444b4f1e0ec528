"""Which tensors of a folder can reach its sound, under names that do not depend on how they were saved."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from scoring import strict_json
from scoring.errors import Code, SubmissionFault
from scoring.model.canonical_name import canonical_name
from scoring.model.safetensors_header import MAX_HEADER_BYTES, TensorSpan, read_header
from scoring.synthesis.manifest import Identity

_INDEX_BYTES = 32 << 20
LENGTH, DIRECTION = ".weight_g", ".weight_v"
"""Endings of the two parts of a weight-normalised matrix: how long each row is, and where it points."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """A tensor that speaks: its canonical name, its place in a file, and, of a weight-normalised direction, its rows."""

    name: str
    path: Path
    span: TensorSpan
    rows: int | None = None


def speaking(model_dir: Path, identity: Identity) -> list[Speaking]:
    """The tensors of all files below a folder, by name; those in folders have the folder in theirs.

    Raises SubmissionFault: WEIGHTS_MISSING without any file, HEADER_INVALID for a broken one and for a tensor that occurs twice.
    """
    headers = {path: read_header(path, MAX_HEADER_BYTES) for path in sorted(model_dir.rglob("*.safetensors"))}
    if not headers:
        raise SubmissionFault(Code.WEIGHTS_MISSING)
    for folder in sorted({path.parent for path in headers}):
        _check_shards(folder, {path.name: spans for path, spans in headers.items() if path.parent == folder})
    found: dict[str, Speaking] = {}
    for path, spans in headers.items():
        inside = path.parent.relative_to(model_dir).as_posix()
        for span in spans:
            name = canonical_name(span.name, identity.prefix)
            if any(fnmatchcase(name, pattern) for pattern in identity.unused):
                continue
            full = name if inside == "." else f"{inside}/{name}"
            if full in found:
                raise SubmissionFault(Code.HEADER_INVALID, "a tensor occurs twice, in two files or under two names")
            found[full] = Speaking(full, path, span)
    return sorted(_with_rows(found), key=lambda tensor: tensor.name)


def _check_shards(folder: Path, headers: Mapping[str, Sequence[TensorSpan]]) -> None:
    """Refuse several files whose index does not name every tensor in its file: what no index names is loaded by nobody."""
    if len(headers) == 1:
        return
    held = {span.name: name for name, spans in headers.items() for span in spans}
    index = next(iter(sorted(folder.glob("*.safetensors.index.json"))), None)
    try:
        fields = {} if index is None else strict_json.read_object(index.read_bytes(), _INDEX_BYTES)
    except ValueError as exc:
        raise SubmissionFault(Code.HEADER_INVALID, f"the index of the weights cannot be read: {exc}") from exc
    if fields.get("weight_map") != held or sum(map(len, headers.values())) != len(held):
        raise SubmissionFault(
            Code.HEADER_INVALID, "the weights lie in several files, and no index names each tensor once, with its file"
        )


def _with_rows(found: Mapping[str, Speaking]) -> Iterator[Speaking]:
    """Each tensor; a direction that has a length beside it with its rows: as many as the length has, or the whole as one."""
    for name, tensor in found.items():
        length = found.get(name.removesuffix(DIRECTION) + LENGTH) if name.endswith(DIRECTION) else None
        if length is None:
            yield tensor
            continue
        first, *rest = length.span.shape or (1,)
        by_row = rest and set(rest) == {1} and tensor.span.shape[:1] == (first,)
        yield replace(tensor, rows=first if by_row else 1)
