"""Units put into the order and the scale of the base's."""

import numpy as np
import pytest

from scoring.model.unit_order import Numbers, away, in_order_of

DRAW = np.random.default_rng(4)


def drawn(*shape: int) -> Numbers:
    """A tensor by chance."""
    return DRAW.normal(size=shape).astype(np.float32)


def moved(tensor: Numbers) -> Numbers:
    """Rows and columns in another order, each scaled by a number of its own."""
    rows, columns = tensor.shape[:2]
    scale = DRAW.uniform(0.5, 2.0, size=(rows, *[1] * (tensor.ndim - 1)))
    scale = scale * DRAW.uniform(0.5, 2.0, size=(columns, *[1] * (tensor.ndim - 2)))
    return (tensor[DRAW.permutation(rows)][:, DRAW.permutation(columns)] * scale).astype(np.float32)


@pytest.mark.parametrize("shape", [(96, 64), (48, 64, 5), (64, 48, 3, 3), (300, 1, 9)])
def test_moved_units_come_back(shape: tuple[int, ...]) -> None:
    """Of a training of the base's tensor, to rounding of what each order and scale makes nearest to the base."""
    base = drawn(*shape)
    trained = base + np.float32(0.01) * drawn(*shape)
    back = in_order_of(base, moved(trained))
    assert away(in_order_of(base, trained), back) < 1e-5
    assert away(base, moved(trained)) > 0.5 > 0.02 > away(base, back)


def test_noise_hides_no_order() -> None:
    """A tenth of each number's own spread."""
    base = drawn(128, 96, 3)
    assert away(base, in_order_of(base, moved(base + np.float32(0.1) * drawn(128, 96, 3)))) < 0.12


def test_what_is_near_stays_in_its_order() -> None:
    """A training that made two rows alike exchanges none."""
    base = drawn(64, 64)
    trained = base.copy()
    trained[3] = 1.1 * base[4]
    assert np.argmax(np.abs(in_order_of(base, trained)[3])) == np.argmax(np.abs(base[4]))


def test_an_unrelated_tensor_stays_far() -> None:
    """No order brings it to the base."""
    assert away(drawn(64, 64), in_order_of(drawn(64, 64), drawn(64, 64))) > 0.5


def test_a_vector_is_scaled() -> None:
    """And zeros stay zeros."""
    base = drawn(40)
    assert away(base, in_order_of(base, np.float32(3.0) * base)) < 1e-6
    assert not in_order_of(base, np.zeros(40, np.float32)).any()
    assert away(base, np.zeros(40, np.float32)) == 2.0
