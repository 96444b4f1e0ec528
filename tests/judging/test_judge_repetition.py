"""Repetition: sounds that come back the same, or never, and what must not hide it."""

from collections.abc import Callable

import pytest
import torch

from scoring.audio.audio import Audio, from_pcm
from scoring.audio.clip import Clip
from scoring.judges.repetition import metrics
from scoring.studies.manipulations import effects

RATE = 16_000
TEXT = "The train to Boston leaves at half past nine, so please bring your coat and your ticket, and wait beside the open door."


@pytest.fixture(scope="module")
def said(speak: Callable[..., bytes]) -> Audio:
    """A clear clip of a formant synthesiser."""
    return from_pcm(speak(TEXT), 22_050)


def noise(seconds: float, seed: int) -> torch.Tensor:
    """Noise whose spectrum wanders."""
    generator = torch.Generator().manual_seed(seed)
    pieces = []
    for _ in range(round(seconds / 0.05)):
        taps = torch.randn(24, generator=generator, dtype=torch.float64)
        piece = torch.randn(round(0.05 * RATE) + 23, generator=generator, dtype=torch.float64)
        pieces.append(torch.nn.functional.conv1d(piece[None, None], taps[None, None])[0, 0])
    wave = torch.cat(pieces)
    return (0.1 * wave / wave.std()).to(torch.float32)


def test_what_comes_back_the_same_has_no_distance_and_what_never_does_has_much() -> None:
    """The same second of sound three times, 1.2 s apart at the beginnings of frames; and three seconds of one that wanders."""
    once = noise(1.0, seed=5)
    again = torch.cat([once, once, once])
    assert metrics(Clip(Audio(again, RATE)))["closest_repeat"] < 0.02
    assert metrics(Clip(Audio(noise(3.0, seed=6), RATE)))["closest_repeat"] > 0.3


@pytest.mark.parametrize("name", ["en-us", "en-us+f2", "en-us+m1", "en-us+edward", "en-us+klatt4"])
def test_a_formant_voice_repeats_itself(speak: Callable[..., bytes], name: str) -> None:
    """Natural voices have .2 and more in nearly every clip."""
    assert metrics(Clip(from_pcm(speak(TEXT, name), 22_050)))["closest_repeat"] < 0.13


@pytest.mark.parametrize(
    "channel",
    [
        pytest.param(lambda audio: effects.gain(audio, -20.0), id="gain"),
        pytest.param(lambda audio: effects.low_pass(audio, 7500.0), id="low-pass"),
        pytest.param(lambda audio: effects.noise(audio, 35.0), id="noise"),
        pytest.param(lambda audio: _echo(audio), id="echo"),
    ],
)
def test_nothing_behind_the_voice_hides_it(said: Audio, channel: Callable[[Audio], Audio]) -> None:
    """Level, filter, noise and an echo."""
    assert metrics(Clip(channel(said)))["closest_repeat"] < 0.2


def test_a_short_clip_and_silence_repeat_nothing(said: Audio) -> None:
    """Nothing can be said of them."""
    for samples in (said.samples[:6000], torch.zeros(RATE)):
        assert metrics(Clip(Audio(samples, said.rate))) == {"closest_repeat": 1.0}


def test_is_the_same_on_any_threads(said: Audio) -> None:
    """Bit for bit."""
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(metrics(Clip(said)))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


def _echo(audio: Audio) -> Audio:
    """Once more, 25 ms later and half as loud."""
    later = round(0.025 * audio.rate)
    both = torch.nn.functional.pad(audio.samples, (0, later))
    both[later:] += 0.5 * audio.samples
    return Audio(both * 0.6, audio.rate)
