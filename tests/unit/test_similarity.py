"""Sounds compared wave by wave."""

import numpy as np
import pytest
from numpy.typing import NDArray

from scoring.audio.similarity import similarity

NOISE = np.random.default_rng(1).normal(size=(2, 8000)) * 3000.0


def pcm(wave: NDArray[np.float64]) -> bytes:
    """As a guest sends it."""
    return wave.round().clip(-32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize(
    ("other", "least"),
    [
        pytest.param(NOISE[0], 1.0, id="itself"),
        pytest.param(NOISE[0] / 2.0, 0.9999, id="half as loud"),
        pytest.param(-NOISE[0], 0.9999, id="turned over"),
        pytest.param(NOISE[0] + 500.0, 0.9999, id="with an offset"),
        pytest.param(np.concatenate([np.zeros(1234), NOISE[0], np.zeros(77)]), 0.999, id="later"),
        pytest.param(NOISE[0] + 0.1 * NOISE[1], 0.99, id="with faint noise"),
    ],
)
def test_the_same_wave(other: NDArray[np.float64], least: float) -> None:
    """However loud, whenever it begins."""
    assert 1.0 >= similarity(pcm(NOISE[0]), pcm(other)) >= least - 1e-12


@pytest.mark.parametrize(
    ("other", "most"),
    [
        pytest.param(NOISE[1], 0.06, id="another one"),
        pytest.param(np.zeros(8000), 0.0, id="silence"),
        pytest.param(np.zeros(0), 0.0, id="nothing"),
    ],
)
def test_other_waves(other: NDArray[np.float64], most: float) -> None:
    """No lag makes them alike, whichever is given first."""
    assert similarity(pcm(NOISE[0]), pcm(other)) <= most
    assert similarity(pcm(other), pcm(NOISE[0])) <= most


def test_it_is_the_cosine_at_the_best_lag() -> None:
    """Two short waves by hand: (1, 2, −3) against (2, −3, 1), best one step apart: (2·2 + 3·3) / 14."""
    assert similarity(pcm(np.array([1.0, 2.0, -3.0])), pcm(np.array([2.0, -3.0, 1.0]))) == pytest.approx(13.0 / 14.0)
