"""The tensors of a model that speak, as the numbers that they stand for: a weight-normalised pair counts as its matrix.

Tables of symbols and speakers are left out, as in the tensors hash, and so is what holds whole numbers. What is no number counts as 0.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.model.canonical_tensor import FLOATS, Narrow, floats
from scoring.model.fingerprint import Source, without_tables
from scoring.model.tensor_names import DIRECTION, LENGTH, Speaking

Floats = NDArray[np.float64]

LINE = 4096
"""Chunks are whole lines of so many numbers, but for a tensor's last one."""
_CHUNK_LINES = 32
_MOST_ROWS = 1 << 20


@dataclass(frozen=True, slots=True)
class FoldedTensor:
    """A tensor's name, and where its numbers lie: those of a matrix, or of a direction with the lengths of its rows."""

    name: str
    tensor: Speaking
    length: Speaking | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the matrix."""
        return tuple(self.tensor.span.shape)

    @property
    def elements(self) -> int:
        """Numbers of the matrix."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Of what is read."""
        return sum(each.span.end - each.span.start for each in (self.tensor, self.length) if each is not None)

    def chunks(self, saved_as: Narrow | None) -> Iterator[tuple[int, Floats]]:
        """The numbers in chunks, each with the place of its first; with `saved_as` rounded to this type before anything else."""
        factors = None if self.length is None else _row_factors(self.tensor, self.length, saved_as)
        for start, numbers in _numbers(self.tensor, saved_as):
            if factors is not None:
                numbers *= _by_number(factors, start, len(numbers), self.elements)
            yield start, numbers

    def whole(self, saved_as: Narrow | None = None) -> NDArray[np.float32]:
        """The whole matrix, in float32."""
        found = np.empty(self.elements, np.float32)
        for start, numbers in self.chunks(saved_as):
            found[start : start + len(numbers)] = numbers
        return found.reshape(self.shape)


def folded(model_dir: Path) -> list[FoldedTensor]:
    """A model's tensors that are not empty; raises SubmissionFault: HEADER_INVALID, WEIGHTS_MISSING or CONFIG_INVALID."""
    found = [tensor for tensor in without_tables(model_dir) if tensor.span.dtype in FLOATS and math.prod(tensor.span.shape) > 0]
    lengths = {tensor.name: tensor for tensor in found if tensor.name.endswith(LENGTH)}
    tensors: dict[str, FoldedTensor] = {}
    used = set[str]()
    for tensor in found:
        length = lengths.get(tensor.name.removesuffix(DIRECTION) + LENGTH) if tensor.name.endswith(DIRECTION) else None
        if length is not None and tensor.rows == math.prod(length.span.shape) <= _MOST_ROWS:
            name = tensor.name.removesuffix(DIRECTION) + ".weight"
            tensors[name] = FoldedTensor(name, tensor, length)
            used.add(length.name)
        else:
            tensors.setdefault(tensor.name, FoldedTensor(tensor.name, tensor))
    return [each for name, each in tensors.items() if name not in used]


def _numbers(tensor: Speaking, saved_as: Narrow | None) -> Iterator[tuple[int, Floats]]:
    """A tensor's numbers in chunks of whole lines, each with the place of its first."""
    width = (tensor.span.end - tensor.span.start) // math.prod(tensor.span.shape)
    size, step = tensor.span.end - tensor.span.start, _CHUNK_LINES * LINE * width
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
