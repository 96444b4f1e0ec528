"""Whether one model repeats what another's training did, told from both models' files and those of the base that both come from.

A copy's change is that of its original times a factor, beside something that has nothing to do with it: noise, rounding, another's
work. However large that is, the factor is one and the same in every part of the network. Two trainings of one base, though their
gradients often agree, follow each other here more and there less. So of each part of a tensor the factor is taken,

    factor = <change of the copy, change of the original> / |change of the original|²,

and the distance is the 75th percentile, over the parts by their numbers, of |factor / median factor − 1|, at most 1. 0 is a copy. It
depends on which of the two is the original: the earlier commit tells.

Units are first put into the base's order and scale (`unit_order`), and the base's tensor is rounded as the model's was, where that is
nearer. Nothing is secret here: whoever has the repositories measures the same.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.model.folded_tensors import FoldedTensor, folded
from scoring.model.nearness import LEAST_CHANGE, PRECISIONS
from scoring.model.unit_order import IS_NEAR, Numbers, away, in_order_of

LEAST_PARTS = 8
"""Over fewer parts one factor may be the same by chance."""
_PART = 1 << 17
"""Numbers of a part at most: no single tensor decides, and the factor is told to some percent under ten times as much noise."""
_LEAST_PART = 1 << 10
_MOST_TENSOR = 1 << 24
"""Larger tensors are left out, so that little memory is used."""
_MOST_NUMBERS = 1 << 27
"""So many numbers are compared at most; which tensors come first follows from their names."""


@dataclass(frozen=True, slots=True)
class ChangePart:
    """A part of a tensor: its numbers, the two changes' squared norms, and their inner product."""

    elements: int
    mine: float
    theirs: float
    both: float


@dataclass(frozen=True, slots=True)
class FileNearness:
    """How far a model is from repeating another's change, and the other from repeating its own, over how many numbers."""

    as_copy: float
    as_original: float
    compared: int


def repetitions(mine: Path, others: Sequence[Path], base: Path) -> list[FileNearness]:
    """A model in a folder beside each of several others, all from one base.

    Raises SubmissionFault as `folded`, OSError.
    """
    own_tensors, theirs, published = _by_name(mine), [_by_name(folder) for folder in others], _by_name(base)
    parts: list[list[ChangePart]] = [[] for _ in others]
    left = _MOST_NUMBERS
    for name in sorted(own_tensors.keys() & published.keys(), key=lambda name: hashlib.sha256(name.encode()).digest()):
        if not _LEAST_PART <= published[name].elements <= min(left, _MOST_TENSOR):
            continue
        left -= published[name].elements
        target, *rounded = (published[name].whole(saved_as) for saved_as in PRECISIONS)
        own = changed(target, own_tensors[name].whole(), rounded)
        for model, found in zip(theirs, parts, strict=True) if own is not None else ():
            other = changed(target, model[name].whole(), rounded) if name in model else None
            if own is not None and other is not None:
                found += parts_of(own, other)
    return [distances(found) for found in parts]


def _by_name(folder: Path) -> Mapping[str, FoldedTensor]:
    return {tensor.name: tensor for tensor in folded(folder)}


def distances(parts: Iterable[ChangePart]) -> FileNearness:
    """What some parts tell; 1 where they are too few."""
    found = list(parts)
    compared = sum(part.elements for part in found)
    if len(found) < LEAST_PARTS:
        return FileNearness(1.0, 1.0, compared)
    sizes = np.array([part.elements for part in found])
    as_copy = np.array([part.both / part.theirs for part in found])
    as_original = np.array([part.both / part.mine for part in found])
    return FileNearness(_unevenness(as_copy, sizes), _unevenness(as_original, sizes), compared)


def changed(base: Numbers, numbers: Numbers, rounded: Iterable[Numbers]) -> Numbers | None:
    """What training did to a tensor of the base, whose roundings are given; None where that is nothing, or where it is another tensor."""
    if base.shape != numbers.shape:
        return None
    size = float(np.linalg.norm(base))
    found = in_order_of(base, numbers)
    if size == 0.0 or away(base, found) > IS_NEAR:
        return None
    least = min((found - each for each in (base, *rounded)), key=lambda change: float(np.linalg.norm(change)))
    change: Numbers = (least / size).astype(np.float32)
    return change if float(np.linalg.norm(change)) > LEAST_CHANGE else None


def parts_of(one: Numbers, other: Numbers) -> Iterator[ChangePart]:
    """Two changes of a tensor, part by part."""
    count = -(-one.size // _PART)
    if one.size < _LEAST_PART:
        return
    for mine, theirs in zip(np.array_split(one.ravel(), count), np.array_split(other.ravel(), count), strict=True):
        products = [float(np.einsum("i,i->", *pair)) for pair in ((mine, mine), (theirs, theirs), (mine, theirs))]
        if min(products[:2]) > 0.0:
            yield ChangePart(mine.size, *products)


def _unevenness(factors: NDArray[np.float64], sizes: NDArray[np.int64]) -> float:
    """How much the factors differ from their median."""
    middle = _quantile(factors, sizes, 0.5)
    return min(1.0, _quantile(np.abs(factors / middle - 1.0), sizes, 0.75)) if middle > 0.0 else 1.0


def _quantile(values: NDArray[np.float64], sizes: NDArray[np.int64], share: float) -> float:
    """The least value that a share of the numbers does not exceed."""
    order = np.argsort(values, kind="stable")
    return float(values[order][np.searchsorted(np.cumsum(sizes[order]), share * sizes.sum())])
