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
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scoring.model.canonical_tensor import Narrow
from scoring.model.fingerprint import OnBytes
from scoring.model.folded_tensors import LINE, Floats, FoldedTensor, folded

KEY_BYTES = 32

PROJECTIONS = 8
"""Projections of each tensor: a model of two hundred tensors has 1,600, which tell a distance to some percent."""
_DOMAIN = b"voice/sketch/2"
_FIELDS = 2 + PROJECTIONS


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
    tensors = folded(model_dir)
    total, done = sum(tensor.n_bytes for tensor in tensors), 0
    sketches: dict[str, TensorSketch] = {}
    for tensor in tensors:
        sketches[tensor.name] = _projected(tensor, _Drawn(key, tensor.name), saved_as)
        done += tensor.n_bytes
        on_bytes(done, total)
    return Sketch(sketches)


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Bytes by chance, by a key and a tensor's name: the same on every machine."""

    key: SketchKey
    name: str

    def __call__(self, what: str, count: int) -> NDArray[np.uint8]:
        drawn = hashlib.shake_256(_DOMAIN + self.key.secret + what.encode() + b"\0" + self.name.encode())
        return np.frombuffer(drawn.digest(count), np.uint8)


def _projected(tensor: FoldedTensor, drawn: _Drawn, saved_as: Narrow | None) -> TensorSketch:
    """A tensor's sketch.

    Lines are added up first, each with its sign; then each place goes with its own sign into the one projection that was drawn for
    it. So a number costs one addition (by einsum: a matrix library's threads would cost more), and the mean square of the projections
    tells the norm as well as that of so many sums over everything.
    """
    squares, sums = 0.0, np.zeros(LINE)
    by_line = 1.0 - 2.0 * (drawn("lines", -(-tensor.elements // LINE)) & 1)
    for start, numbers in tensor.chunks(saved_as):
        squares += float(np.einsum("i,i->", numbers, numbers))
        whole, first = len(numbers) // LINE, start // LINE
        if whole:
            sums += np.einsum("l,lp->p", by_line[first : first + whole], numbers[: whole * LINE].reshape(whole, LINE))
        if rest := len(numbers) - whole * LINE:
            sums[:rest] += by_line[first + whole] * numbers[-rest:]
    places = drawn("places", LINE)
    signed = np.where(places & 1, -sums, sums)
    projections = math.sqrt(PROJECTIONS) * np.bincount(places >> 5, weights=signed, minlength=PROJECTIONS).astype(np.float64)
    return TensorSketch(tensor.elements, math.sqrt(squares), projections)
