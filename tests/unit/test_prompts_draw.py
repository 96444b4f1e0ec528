"""Draws: the same everywhere, unbiased, independent by label."""

from collections import Counter

import pytest

from prompts.draw import Draw

SEED = bytes(range(32))


def test_is_the_same_on_every_machine() -> None:
    """These values may never change: they would ask every past round anew."""
    draw = Draw(SEED, "golden")
    assert [draw.below(1000) for _ in range(6)] == [611, 635, 75, 994, 543, 789]
    assert draw.shuffle("abcdef") == ("e", "b", "d", "a", "f", "c")


def test_labels_and_seeds_give_independent_streams() -> None:
    """Another label or another seed is another stream."""
    streams = [Draw(SEED, "a"), Draw(SEED, "b"), Draw(bytes(32), "a"), Draw(SEED[:-1], "\x1fa")]
    assert len({tuple(stream.below(1 << 32) for _ in range(2)) for stream in streams}) == len(streams)


@pytest.mark.parametrize("n", [pytest.param(1, id="one"), pytest.param(7, id="seven"), pytest.param(1 << 64, id="whole word")])
def test_stays_below(n: int) -> None:
    """Draws lie in 0 … n - 1."""
    draw = Draw(SEED, "range")
    assert all(0 <= draw.below(n) < n for _ in range(50))


@pytest.mark.parametrize(
    "n", [pytest.param(0, id="zero"), pytest.param(-3, id="negative"), pytest.param((1 << 64) + 1, id="too large")]
)
def test_refuses_an_impossible_range(n: int) -> None:
    """There is no integer below zero, nor one beyond a word."""
    with pytest.raises(ValueError, match="a draw is below"):
        Draw(SEED, "range").below(n)


def test_a_large_modulus_is_not_biased() -> None:
    """With n = 3/4 of a word, taking the remainder would draw the lower third twice as often as the others."""
    n = 3 << 62
    draw = Draw(SEED, "bias")
    thirds = Counter(draw.below(n) * 3 // n for _ in range(3000))
    assert all(abs(count - 1000) < 120 for count in thirds.values())  # 4.6 standard deviations


def test_shuffle_keeps_every_item_and_reaches_every_order() -> None:
    """All six orders of three items turn up about equally often."""
    draw = Draw(SEED, "orders")
    orders = Counter(draw.shuffle("abc") for _ in range(1200))
    assert len(orders) == 6
    assert all(sorted(order) == ["a", "b", "c"] and abs(count - 200) < 60 for order, count in orders.items())
