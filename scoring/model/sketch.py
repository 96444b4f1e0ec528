"""The sketch of a model: a few random projections of each tensor that speaks, by which near-copies are told without either's files.

A projection is a sum, in float64, of those of a tensor's numbers that were drawn for it by a secret key and the tensor's name, each with
a drawn sign, times √8: E[projection²] = ‖tensor‖², and the projections of a difference are the difference of projections. So a model
is compared with another, and both with the model that they were trained from, by their sketches alone (`nearness`). Whoever knew the
key could move weights along the projections alone, and seem far. Sketches of two keys have nothing in common.

A weight-normalised pair counts as the matrix that it stands for: how its rows were scaled leaves no trace. Tables of symbols and
speakers are left out, as in the tensors hash, and so is what holds whole numbers. What is no number counts as 0.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scoring.model.canonical_tensor import FLOATS, Narrow, floats
from scoring.model.fingerprint import Source, without_tables
from scoring.model.tensor_names import DIRECTION, LENGTH, Speaking

Floats = NDArray[np.float64]
KEY_BYTES = 32

PROJECTIONS = 8
"""Projections of each tensor: a model of two hundred tensors has 1,600, which tell a distance to some percent."""
_DOMAIN = b"voice/sketch/2"
_LINE = 4096
"""Numbers that share the sign of a line; the sign of a number is that of its line by that of its place in it."""
_CHUNK_LINES = 32
_MOST_ROWS = 1 << 20
_FIELDS = 2 + PROJECTIONS

OnBytes = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class SketchKey:
    """What draws the projections of a database's sketches, and what names it there; raises ValueError for a secret of another length."""

    id: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a sketch's key has {KEY_BYTES} bytes")


@dataclass(frozen=True, slots=True, eq=False)
class TensorSketch:
    """One tensor: how many numbers it has, its norm, and its projections."""

    elements: int
    norm: float
    projections: Floats

    @property
    def unit(self) -> Floats:
        """The projections of the tensor scaled to norm 1: of two layers one may be doubled and the next halved. 0 for a tensor of zeros."""
        return self.projections / self.norm if self.norm > 0.0 else self.projections


@dataclass(frozen=True, slots=True)
class Sketch:
    """A model's tensors by their names; those of a model without any float are none."""

    tensors: Mapping[str, TensorSketch]

    def to_bytes(self) -> bytes:
        """The names as a line of JSON, then ten little-endian float64 a tensor: elements, norm, projections."""
        names = sorted(self.tensors)
        rows = [[float(each.elements), each.norm, *each.projections] for each in (self.tensors[name] for name in names)]
        return json.dumps(names, separators=(",", ":")).encode() + b"\n" + np.array(rows, "<f8").tobytes()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The sketch that `to_bytes` wrote; raises ValueError for anything else."""
        line, _, numbers = raw.partition(b"\n")
        try:
            names = json.loads(line)
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as exc:
            raise ValueError("this is no sketch: it does not begin with a line of names") from exc
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError("this is no sketch: it does not begin with a list of names")
        if len(numbers) != 8 * _FIELDS * len(names):
            raise ValueError(f"this is no sketch: {len(names)} tensors do not have {len(numbers)} bytes of numbers")
        rows = np.frombuffer(numbers, "<f8").reshape(-1, _FIELDS)
        if not np.isfinite(rows).all() or (rows[:, :2] < 0.0).any():
            raise ValueError("this is no sketch: a number in it is none, or less than 0 where that cannot be")
        return cls({name: TensorSketch(int(row[0]), float(row[1]), row[2:]) for name, row in zip(names, rows, strict=True)})


def sketch(model_dir: Path, key: SketchKey, on_bytes: OnBytes, saved_as: Narrow | None = None) -> Sketch:
    """Sketch a model folder in bounded memory; `on_bytes` gets the bytes of tensors read so far and their total.

    With `saved_as` each number is first rounded to this type, as the sketch of the same model saved in it would be.
    Raises SubmissionFault: HEADER_INVALID, WEIGHTS_MISSING or CONFIG_INVALID.
    """
    found = [tensor for tensor in without_tables(model_dir) if tensor.span.dtype in FLOATS and math.prod(tensor.span.shape) > 0]
    lengths = {tensor.name: tensor for tensor in found if tensor.name.endswith(LENGTH)}
    total, done = sum(tensor.span.end - tensor.span.start for tensor in found), 0
    sketches: dict[str, TensorSketch] = {}
    folded = set[str]()
    for tensor in found:
        length = lengths.get(tensor.name.removesuffix(DIRECTION) + LENGTH) if tensor.name.endswith(DIRECTION) else None
        if length is not None and tensor.rows == math.prod(length.span.shape) <= _MOST_ROWS:
            name = tensor.name.removesuffix(DIRECTION) + ".weight"
            sketches[name] = _projected(_Drawn(key, name), tensor, _row_factors(tensor, length, saved_as), saved_as)
            folded.add(length.name)
        else:
            sketches.setdefault(tensor.name, _projected(_Drawn(key, tensor.name), tensor, None, saved_as))
        done += tensor.span.end - tensor.span.start
        on_bytes(done, total)
    return Sketch({name: each for name, each in sketches.items() if name not in folded})


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Bytes by chance, by a key and a tensor's name: the same on every machine."""

    key: SketchKey
    name: str

    def __call__(self, what: str, count: int) -> NDArray[np.uint8]:
        drawn = hashlib.shake_256(_DOMAIN + self.key.secret + what.encode() + b"\0" + self.name.encode())
        return np.frombuffer(drawn.digest(count), np.uint8)


def _projected(drawn: _Drawn, tensor: Speaking, row_factors: Floats | None, saved_as: Narrow | None) -> TensorSketch:
    """A tensor's sketch, each of its rows multiplied by its factor.

    Lines are added up first, each with its sign; then each place goes with its own sign into the one projection that was drawn for
    it. So a number costs one addition (by einsum: a matrix library's threads would cost more), and the mean square of the projections
    tells the norm as well as that of so many sums over everything.
    """
    elements, squares = math.prod(tensor.span.shape), 0.0
    by_line = 1.0 - 2.0 * (drawn("lines", -(-elements // _LINE)) & 1)
    sums = np.zeros(_LINE)
    for start, numbers in _numbers(tensor, saved_as):
        if row_factors is not None:
            numbers *= _by_number(row_factors, start, len(numbers), elements)
        squares += float(np.einsum("i,i->", numbers, numbers))
        whole, first = len(numbers) // _LINE, start // _LINE
        if whole:
            sums += np.einsum("l,lp->p", by_line[first : first + whole], numbers[: whole * _LINE].reshape(whole, _LINE))
        if rest := len(numbers) - whole * _LINE:
            sums[:rest] += by_line[first + whole] * numbers[-rest:]
    places = drawn("places", _LINE)
    signed = np.where(places & 1, -sums, sums)
    projections = math.sqrt(PROJECTIONS) * np.bincount(places >> 5, weights=signed, minlength=PROJECTIONS).astype(np.float64)
    return TensorSketch(elements, math.sqrt(squares), projections)


def _numbers(tensor: Speaking, saved_as: Narrow | None) -> Iterator[tuple[int, Floats]]:
    """A tensor's numbers in chunks of whole lines, each with the place of its first."""
    width = (tensor.span.end - tensor.span.start) // math.prod(tensor.span.shape)
    size, step = tensor.span.end - tensor.span.start, _CHUNK_LINES * _LINE * width
    with tensor.path.open("rb") as file:
        source = Source(file, tensor.span)
        for start in range(0, size, step):
            found = floats(tensor.span.dtype, source.read(start, min(start + step, size)), saved_as)
            yield start // width, found


def _row_factors(direction: Speaking, length: Speaking, saved_as: Narrow | None) -> Floats:
    """The factor that makes each row of a weight-normalised direction as long as it shall be; 0 where the row is 0."""
    elements, wanted = math.prod(direction.span.shape), np.concatenate([part for _, part in _numbers(length, saved_as)])
    squares = np.zeros(len(wanted))
    for start, numbers in _numbers(direction, saved_as):
        first, edges = _edges(start, len(numbers), elements // len(wanted))
        squares[first : first + len(edges)] += np.add.reduceat(numbers * numbers, edges)
    found: Floats = np.divide(wanted, np.sqrt(squares), out=np.zeros(len(wanted)), where=squares > 0.0)
    return found


def _edges(start: int, count: int, row: int) -> tuple[int, NDArray[np.int64]]:
    """The first row that a chunk touches, and where in the chunk each row of it begins."""
    first, last = start // row, (start + count - 1) // row
    return first, np.maximum(np.arange(first, last + 1) * row - start, 0)


def _by_number(row_factors: Floats, start: int, count: int, elements: int) -> Floats:
    """The factor of each number of a chunk."""
    first, edges = _edges(start, count, elements // len(row_factors))
    found: Floats = np.repeat(row_factors[first : first + len(edges)], np.diff(edges, append=count))
    return found
