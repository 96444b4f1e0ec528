"""Melody: hand-made pitch whose span and movement are known, and what must not change them."""

import math
from collections.abc import Callable

import pytest
import torch

from scoring.audio.audio import Audio, from_pcm
from scoring.audio.clip import Clip
from scoring.judges.prosody import metrics
from scoring.studies.manipulations import effects

RATE = 16_000
TEXT = "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown."


def voice(hertz: torch.Tensor) -> Audio:
    """A harmonic tone with this F0 at each sample."""
    phase = 2.0 * math.pi * (hertz.to(torch.float64) / RATE).cumsum(dim=0)
    wave = torch.stack([torch.sin(k * phase) / k for k in range(1, 9)]).sum(dim=0)
    return Audio((0.1 * wave).to(torch.float32), RATE)


def glide(seconds: float = 2.0, octaves: float = 1.0) -> torch.Tensor:
    """F0 that rises evenly in semitones, from 110 Hz."""
    return 110.0 * 2.0 ** torch.linspace(0.0, octaves, round(seconds * RATE), dtype=torch.float64)


def test_an_even_rise_has_the_span_and_the_movement_it_was_made_with() -> None:
    """An octave in two seconds: nine tenths of it between the percentiles, six semitones a second."""
    found = metrics(Clip(voice(glide())))
    assert found["f0_span"] == pytest.approx(0.9 * 12.0, abs=0.3)
    assert found["f0_movement"] == pytest.approx(6.0, abs=0.3)


def test_a_flat_tone_has_neither() -> None:
    """One pitch."""
    assert metrics(Clip(voice(torch.full((RATE,), 140.0)))) == pytest.approx({"f0_span": 0.0, "f0_movement": 0.0}, abs=0.02)


def test_what_is_not_voiced_has_neither() -> None:
    """Noise, and nothing at all."""
    hiss = torch.randn(RATE, generator=torch.Generator().manual_seed(1)) * 0.1
    for samples in (hiss, torch.zeros(RATE)):
        assert metrics(Clip(Audio(samples, RATE))) == {"f0_span": 0.0, "f0_movement": 0.0}


def test_a_creak_read_an_octave_low_is_no_metrics() -> None:
    """A tenth of the sound an octave under a small rise changes the span by little, and a jump is no movement."""
    rise = 180.0 * 2.0 ** torch.linspace(0.0, 0.25, 2 * RATE, dtype=torch.float64)
    creak = rise.clone()
    creak[RATE : RATE + RATE // 5] /= 2.0
    plain, creaking = (metrics(Clip(voice(hertz))) for hertz in (rise, creak))
    assert creaking["f0_span"] == pytest.approx(plain["f0_span"], abs=0.5)
    assert creaking["f0_movement"] == pytest.approx(plain["f0_movement"], abs=0.5)


@pytest.mark.parametrize(
    "channel",
    [
        pytest.param(lambda audio: effects.gain(audio, -20.0), id="gain"),
        pytest.param(lambda audio: effects.noise(audio, 40.0), id="noise"),
        pytest.param(lambda audio: effects.low_pass(audio, 3400.0), id="low-pass"),
    ],
)
def test_the_channel_moves_it_little(speak: Callable[..., bytes], channel: Callable[[Audio], Audio]) -> None:
    """Neither level, nor a filter, nor noise gives a flat voice a melody."""
    said = from_pcm(speak(TEXT), 22_050)
    before, after = metrics(Clip(said)), metrics(Clip(channel(said)))
    assert after["f0_span"] == pytest.approx(before["f0_span"], abs=0.5)
    assert after["f0_movement"] == pytest.approx(before["f0_movement"], rel=0.15)


@pytest.mark.parametrize("name", ["en-us", "en-us+f2", "en-us+m1", "en-us+edward"])
def test_a_formant_voice_moves_less_than_people_do(speak: Callable[..., bytes], name: str) -> None:
    """People have 15 semitones a second and more in nearly every clip."""
    assert metrics(Clip(from_pcm(speak(TEXT, name), 22_050)))["f0_movement"] < 13.0
