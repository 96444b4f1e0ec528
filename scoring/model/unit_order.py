"""A tensor's units put into the order and the scale of the base's, whoever moved them: hidden units can be permuted, and scaled one
against the next layer, without a sound changing.

Rows and columns are matched by what neither order nor scale changes: each one's numbers, sorted, in a matrix whose rows and columns
have all been scaled to the same size. A row of a network has hundreds of numbers, so another one's differ from them by more than a
training or a tenth of noise does. What matches nowhere is left as it is.
"""

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float32]

IS_NEAR = 0.5
"""Of a tensor that was trained from the base's, the difference to it is a smaller share of its norm."""
_MOST_UNITS = 4096
"""Each is compared with each: of more no order is sought."""
_MOST_FEATURES = 512
_ROUNDS = 8
"""Steps of scaling rows and columns; each divides what is left of a change of scale by the root of their number."""
_SLICE = 1024


def in_order_of(base: Numbers, numbers: Numbers) -> Numbers:
    """A tensor with the rows and columns that are nearest to the base's in its places, each scaled to be nearest; same shapes."""
    if base.ndim < 2:
        return _scaled(base.reshape(1, 1, -1), numbers.reshape(1, 1, -1)).reshape(base.shape)
    target, found = (each.reshape(*each.shape[:2], -1) for each in (base, numbers))
    if away(target, found) > IS_NEAR and max(target.shape[:2]) <= _MOST_UNITS:
        found = _reordered(target, found)
    return _scaled(target, found).reshape(base.shape)


def away(base: Numbers, numbers: Numbers) -> float:
    """The norm of the difference of two tensors that are scaled to norm 1, 0 … 2."""
    sizes = float(np.linalg.norm(base)), float(np.linalg.norm(numbers))
    return float(np.linalg.norm(base / sizes[0] - numbers / sizes[1])) if min(sizes) > 0.0 else 2.0


def _reordered(target: Numbers, found: Numbers) -> Numbers:
    """[rows, columns, taps] in the target's order, or as it was where no order is nearer."""
    even, mine = _even(target), _even(found)
    rows = _matches(_sorted(even), _sorted(mine))
    columns = _matches(_lines(even.swapaxes(0, 1)), _lines(mine[rows].swapaxes(0, 1)))
    rows = _matches(_lines(even), _lines(mine[:, columns]))
    again = mine[rows][:, columns]
    return found[rows][:, columns] if away(even, again) < away(even, mine) else found


def _even(tensor: Numbers) -> Numbers:
    """A tensor whose rows and columns have all the same mean square, nearly; those of zeros stay."""
    squares = np.einsum("rct,rct->rc", tensor, tensor).astype(np.float64)
    rows, columns = np.ones(squares.shape[0]), np.ones(squares.shape[1])
    for _ in range(_ROUNDS):
        rows = _inverse(squares @ columns / squares.shape[1])
        columns = _inverse(rows @ squares / squares.shape[0])
    even: Numbers = tensor * np.sqrt(rows).astype(np.float32)[:, None, None] * np.sqrt(columns).astype(np.float32)[None, :, None]
    return even


def _inverse(values: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.divide(1.0, values, out=np.ones_like(values), where=values > 0.0)
    return found


def _sorted(tensor: Numbers) -> Numbers:
    """Of each row the numbers of each tap in order of size: the same in whatever order the columns are."""
    return _thinned(np.sort(tensor, axis=1).swapaxes(1, 2).reshape(len(tensor), -1))


def _lines(tensor: Numbers) -> Numbers:
    """Of each row its numbers, as they stand."""
    return _thinned(tensor.reshape(len(tensor), -1))


def _thinned(features: Numbers) -> Numbers:
    step = -(-features.shape[1] // _MOST_FEATURES)
    return np.ascontiguousarray(features[:, ::step])


def _matches(targets: Numbers, found: Numbers) -> NDArray[np.int64]:
    """For each row of `targets` the row of `found` that takes its place, each once: first those that are each other's nearest."""
    sizes = np.einsum("rf,rf->r", found, found)
    nearest = np.empty(len(targets), np.int64)
    best, owner = np.full(len(found), np.inf), np.full(len(found), -1)
    for start in range(0, len(targets), _SLICE):
        part = targets[start : start + _SLICE]
        costs = sizes[None, :] - 2.0 * part @ found.T + np.einsum("rf,rf->r", part, part)[:, None]
        nearest[start : start + len(part)] = costs.argmin(axis=1)
        least = costs.min(axis=0)
        better = least < best
        owner[better] = start + costs.argmin(axis=0)[better]
        best[better] = least[better]
    taken = np.full(len(targets), -1)
    mutual = owner[nearest] == np.arange(len(targets))
    taken[mutual] = nearest[mutual]
    taken[~mutual] = np.setdiff1d(np.arange(len(found)), taken[mutual])
    return taken


def _scaled(target: Numbers, found: Numbers) -> Numbers:
    """Rows and columns each times the factor that brings them nearest to the target's (least squares, rows and columns in turn)."""
    both = np.einsum("rct,rct->rc", target, found).astype(np.float64)
    own = np.einsum("rct,rct->rc", found, found).astype(np.float64)
    rows, columns = np.ones(own.shape[0]), np.ones(own.shape[1])
    for _ in range(_ROUNDS):
        rows = _factors(both @ columns, own @ columns**2)
        columns = _factors(rows @ both, rows**2 @ own)
    scaled: Numbers = found * rows.astype(np.float32)[:, None, None] * columns.astype(np.float32)[None, :, None]
    return scaled


def _factors(both: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """The factor of each line; 1 for those of zeros."""
    found: NDArray[np.float64] = np.divide(both, own, out=np.ones_like(both), where=own > 0.0)
    return found
