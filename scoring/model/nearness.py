"""How near two models are to each other, by their sketches, in what they learnt beyond the model that they were trained from.

Each tensor is scaled to norm 1, and the base's is taken away: what is left is what training did to it. Of two models a tensor's
distance is 1 − max(0, cosine of what training did)²: the share of the one's change that the other's, scaled as fits best, leaves
unexplained. The models' distance is the median over the tensors that training changed, by their numbers: no few tensors decide,
such as an attention's key bias, which may hold anything. 0 is the same model, 1 nothing in common.

Tensors that one of them, or the base, does not have, and those that one took over from the base, say nothing, so that honest
fine-tunes of one base are no copies of each other because they share what neither has changed. The base is there at every precision
that models are saved in.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scoring.model.canonical_tensor import Narrow
from scoring.model.fingerprint import OnBytes, fingerprint
from scoring.model.folded_tensors import Floats
from scoring.model.sketch import Sketch, SketchKey, sketch
from scoring.types import ContentHash

PRECISIONS: tuple[Narrow | None, ...] = (None, "F16", "BF16")
LEAST_CHANGE = 5e-4
"""A tensor of norm 1 that moved less from the base was not trained: rounding to float16 moves it by 2.8e-4."""
_SAME_BASE = 0.5
"""Half of the numbers of a model that was trained from a base moved by less than this; of unrelated ones by 1.4."""
BANDS = 32
_BAND_TENSORS = 3
_LEAST_ELEMENTS = 64
"""Smaller tensors choose no band: too little of a model hangs on them."""


@dataclass(frozen=True, slots=True)
class Base:
    """A model that everybody may train from, and that is nobody's lineage: its sketches, as published and rounded to 16 bits."""

    content: ContentHash
    sketches: tuple[Sketch, ...]


@dataclass(frozen=True, slots=True)
class Nearness:
    """Two models' distance, 0 (the same) … 1 (nothing in common), and how many numbers of trained tensors it rests on."""

    distance: float
    compared: int
    base: ContentHash | None
    """The base from which both were trained, if one is known."""


def base_of(model_dir: Path, key: SketchKey, on_bytes: OnBytes) -> Base:
    """A base from its folder, for models that were sketched with the same key; raises as `sketch`."""

    def told(place: int) -> OnBytes:
        return lambda done, total: on_bytes(place * total + done, (1 + len(PRECISIONS)) * total)

    sketches = tuple(sketch(model_dir, key, told(place), saved_as) for place, saved_as in enumerate(PRECISIONS))
    return Base(fingerprint(model_dir, told(len(PRECISIONS))).content, sketches)


def nearness(one: Sketch, other: Sketch, bases: Sequence[Base]) -> Nearness:
    """The distance of two models, both measured from the base that is nearest to the farther one of them, if both come from one."""
    base = _shared_base((one, other), bases)
    left, right = _trained(one, base), _trained(other, base)
    names = sorted(left.keys() & right.keys())
    content = None if base is None else base.content
    if not names:
        return Nearness(1.0, 0, content)
    elements = np.array([min(one.tensors[name].elements, other.tensors[name].elements) for name in names])
    mine, theirs = np.array([left[name] for name in names]), np.array([right[name] for name in names])
    distances = _unexplained(mine, theirs)
    return Nearness(_median(distances, elements), int(elements.sum()), content)


def bands(model: Sketch, bases: Sequence[Base]) -> tuple[int, ...]:
    """64-bit numbers of which a near-copy shares several: an index finds the few models that are worth comparing.

    Each is the hash of the signs of three tensors' projections, the three that a hash of their names puts first: junk and pruned
    tensors change few of the choices, and small changes few of the signs. Of two unrelated models one in 500,000 shares one.
    """
    base = _shared_base((model,), bases)
    trained = {name: change for name, change in _trained(model, base).items() if model.tensors[name].elements >= _LEAST_ELEMENTS}
    origin = b"" if base is None else bytes.fromhex(base.content)
    return tuple(sorted({_band(number, trained, origin) for number in range(BANDS)})) if trained else ()


def _band(number: int, trained: Mapping[str, Floats], origin: bytes) -> int:
    def order(name: str) -> bytes:
        return hashlib.blake2b(name.encode(), digest_size=8, salt=number.to_bytes(2, "big")).digest()

    digest = hashlib.blake2b(origin + number.to_bytes(2, "big"), digest_size=8)
    for name in sorted(trained, key=order)[:_BAND_TENSORS]:
        digest.update(name.encode() + b"\0" + np.packbits(trained[name] > 0.0).tobytes())
    return int.from_bytes(digest.digest(), "big", signed=True)


def _shared_base(models: Iterable[Sketch], bases: Sequence[Base]) -> Base | None:
    """The base that the farthest of some models is nearest to; None where one of them does not come from it."""
    models = tuple(models)
    found = [(max(_moved(model, base) for model in models), base.content, base) for base in bases]
    least, _, base = min(found, default=(np.inf, "", None), key=lambda item: item[:2])
    return base if least < _SAME_BASE else None


def _moved(model: Sketch, base: Base) -> float:
    """How far half of a model's numbers moved from a base at most, as shares of their tensors' norms."""
    changes = _changes(model, base)
    if not changes:
        return np.inf
    sizes = np.array([_size(change) for change in changes.values()])
    return _median(sizes, np.array([model.tensors[name].elements for name in changes]))


def _trained(model: Sketch, base: Base | None) -> Mapping[str, Floats]:
    """What training did to each tensor, of those that it changed; without a base the tensors themselves."""
    if base is None:
        return {name: tensor.unit for name, tensor in model.tensors.items() if tensor.norm > 0.0}
    return {name: change for name, change in _changes(model, base).items() if _size(change) > LEAST_CHANGE}


def _changes(model: Sketch, base: Base) -> dict[str, Floats]:
    """The difference of each tensor to the base's at the precision that is nearest to it."""
    found: dict[str, Floats] = {}
    for name, tensor in model.tensors.items():
        candidates = [tensor.unit - each.tensors[name].unit for each in base.sketches if name in each.tensors]
        if candidates:
            found[name] = min(candidates, key=_size)
    return found


def _size(change: Floats) -> float:
    """The norm of what projections were taken of, as they tell it."""
    return float(np.sqrt(np.mean(change * change)))


def _unexplained(mine: Floats, theirs: Floats) -> Floats:
    """1 − max(0, cosine)², of each row with its partner, without the digits that a cosine near 1 has lost."""
    left = mine / np.linalg.norm(mine, axis=1, keepdims=True)
    right = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
    half_chord = np.sum((left - right) ** 2, axis=1) / 4.0  # sin² of half of the angle
    return np.where(half_chord < 0.5, 4.0 * half_chord * (1.0 - half_chord), 1.0)


def _median(values: Floats, weights: NDArray[np.int64]) -> float:
    """The least value that half of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2.0)
    return float(values[order][half])
