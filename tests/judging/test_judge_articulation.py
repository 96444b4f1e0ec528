"""Articulation: distributions whose distance is known, signals that hold and jump or never change, and what must not change it."""

from collections.abc import Callable

import pytest
import torch

from scoring.audio.audio import Audio, from_pcm, resample
from scoring.audio.clip import Clip
from scoring.judges.articulation import QUANTILES, changes, distance, metrics, profile, references
from scoring.studies.manipulations import effects

RATE = 16_000
TEXT = "Nobody in Chicago remembers Rachel Morgan, who painted the bakery brown."


@pytest.fixture(scope="module")
def said(speak: Callable[..., bytes]) -> Audio:
    """A clear clip of a formant synthesiser."""
    return from_pcm(speak(TEXT), 22_050)


def test_a_profile_is_sorted_and_stands_on_its_mean_power() -> None:
    """Ten and zero dB, 33 of each: the mean power is 5.5, 7.4 dB; each quantile is one of the two, less that."""
    values = torch.tensor([10.0, 0.0], dtype=torch.float64).repeat(QUANTILES)
    expected = torch.tensor([-7.4036] * 17 + [2.5964] * 16, dtype=torch.float64)
    assert torch.allclose(profile(values).sort().values, profile(values))
    assert torch.allclose(profile(values)[[0, 15, 17, 32]], expected[[0, 15, 17, 32]], atol=1e-4)


def test_the_reference_is_a_profile_and_has_no_distance_from_itself() -> None:
    """33 rising quantiles of each kind of change."""
    for natural in references().values():
        assert natural.shape == (QUANTILES,)
        assert bool((natural.diff() > 0.0).all())
        assert distance(natural, natural) == 0.0


def test_what_never_changes_and_what_jumps_are_both_far_from_natural() -> None:
    """Steady noise changes by the same at any time; two sounds in turn hold for 200 ms and then jump."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(2 * RATE, generator=generator) * 0.1
    time = torch.arange(2 * RATE, dtype=torch.float64) / RATE
    low, high = (
        torch.stack([torch.sin(2.0 * torch.pi * f * time) for f in tones]).sum(dim=0) for tones in ((400, 900), (700, 2300))
    )
    turns = torch.where((time * 5.0).floor() % 2 == 0, low, high).to(torch.float32) * 0.1 + noise * 0.01
    for wave in (noise, turns):
        found = metrics(Clip(Audio(wave, RATE)))
        assert found["flux_distance"] > 1.5
    assert float(changes(Clip(Audio(turns, RATE))).flux.max() - changes(Clip(Audio(turns, RATE))).flux.median()) > 6.0


@pytest.mark.parametrize("name", ["en-us", "en-us+f2", "en-us+m1", "en-us+edward", "en-us+klatt4"])
def test_a_formant_voice_is_told(speak: Callable[..., bytes], name: str) -> None:
    """Natural voices have less than .7 in nearly every clip."""
    found = metrics(Clip(from_pcm(speak(TEXT, name), 22_050)))
    assert found["flux_distance"] > 1.3
    assert found["cepstral_distance"] > 1.3


@pytest.mark.parametrize(
    ("channel", "most"),
    [
        pytest.param(lambda audio: effects.gain(audio, -20.0), 0.02, id="gain"),
        pytest.param(lambda audio: resample(audio, 48_000), 0.02, id="rate"),
        pytest.param(lambda audio: effects.low_pass(audio, 7500.0), 0.15, id="low-pass"),
        pytest.param(lambda audio: _tilted(audio), 0.15, id="equaliser"),
    ],
)
def test_no_filter_buys_it(said: Audio, channel: Callable[[Audio], Audio], most: float) -> None:
    """Level, rate and equaliser change both distances by little."""
    assert metrics(Clip(channel(said))) == pytest.approx(metrics(Clip(said)), abs=most)


@pytest.mark.parametrize("name", ["en-us", "en-us+f2", "en-us+edward"])
def test_no_noise_at_30_db_buys_it(speak: Callable[..., bytes], name: str) -> None:
    """It fills the gaps of a formant voice, but the gaps are not heard so far down."""
    found = metrics(Clip(effects.noise(from_pcm(speak(TEXT, name), 22_050), 30.0)))
    assert found["flux_distance"] > 1.0
    assert found["cepstral_distance"] > 1.3


def test_smearing_is_not_natural_either(said: Audio) -> None:
    """A hall makes every change alike."""
    assert metrics(Clip(effects.reverberate(said)))["flux_distance"] > 1.0


def test_is_the_same_on_any_threads_and_finite_for_the_shortest_clip(said: Audio) -> None:
    """Bit for bit; a tenth of a second and silence have numbers."""
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(metrics(Clip(said)))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]
    for samples in (said.samples[:2205], torch.zeros(RATE)):
        assert all(0.0 <= value < 20.0 for value in metrics(Clip(Audio(samples, 22_050))).values())


def _tilted(audio: Audio) -> Audio:
    """Treble raised by up to 12 dB, a dip of 6 dB at 1 kHz: the same at all times."""
    spectrum = torch.fft.rfft(audio.samples.to(torch.float64))
    hertz = torch.linspace(0.0, audio.rate / 2.0, spectrum.shape[0], dtype=torch.float64)
    decibels = 12.0 * hertz / (audio.rate / 2.0) - 6.0 * torch.exp(-(((hertz - 1000.0) / 300.0) ** 2))
    shaped = torch.fft.irfft(spectrum * 10.0 ** (decibels / 20.0), n=audio.samples.shape[0])
    return Audio((0.5 * shaped).to(torch.float32), audio.rate)
