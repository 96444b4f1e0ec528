"""Ringing: echoes of known gain and delay, and voices without one."""

from collections.abc import Callable

import pytest
import torch

from scoring.audio.audio import Audio, from_pcm
from scoring.audio.clip import Clip
from scoring.judges.ringing import metrics
from scoring.studies.manipulations import effects

RATE = 16_000
TEXT = "The train to Boston leaves at half past nine, so please bring your coat and your ticket."


@pytest.fixture(scope="module")
def said(speak: Callable[..., bytes]) -> Audio:
    """A clear clip without an echo."""
    return from_pcm(speak(TEXT), 22_050)


def echo(audio: Audio, seconds: float, gain: float) -> Audio:
    """The sound, and once more so much later."""
    later = round(seconds * audio.rate)
    both = torch.nn.functional.pad(audio.samples, (0, later))
    both[later:] += gain * audio.samples
    return Audio(both * 0.6, audio.rate)


@pytest.mark.parametrize("gain", [0.2, 0.5])
def test_an_echo_in_noise_leaves_the_ripple_of_its_gain(gain: float) -> None:
    """`6.1 g` dB for ten seconds of noise with an echo of 25 ms; a tenth of it is lost where the frame cuts the echo off."""
    noise = Audio(torch.randn(10 * RATE, generator=torch.Generator().manual_seed(2)) * 0.05, RATE)
    assert metrics(Clip(noise))["ringing"] < 0.2
    assert metrics(Clip(echo(noise, 0.025, gain)))["ringing"] == pytest.approx(6.14 * gain, rel=0.15)


@pytest.mark.parametrize(("seconds", "gain"), [(0.02, 0.35), (0.04, 0.5), (0.06, 0.4), (0.08, 0.6)])
def test_an_echo_under_speech_is_told(said: Audio, seconds: float, gain: float) -> None:
    """Of a clear voice, which has none."""
    assert metrics(Clip(said))["ringing"] < 0.5
    assert metrics(Clip(echo(said, seconds, gain)))["ringing"] > 1.2


def test_a_long_filter_and_a_hall_are_told(said: Audio) -> None:
    """Random taps over 40 ms, half as strong as the sound, and the hall of the manipulations."""
    taps = torch.randn(round(0.04 * said.rate), generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    taps *= 0.5 / taps.norm()
    length = said.samples.shape[0] + taps.shape[0]
    spread = torch.fft.irfft(torch.fft.rfft(said.samples.double(), n=length) * torch.fft.rfft(taps, n=length), n=length)
    filtered = torch.nn.functional.pad(said.samples, (1, taps.shape[0] - 1)) + spread.float()
    for audio in (Audio(0.6 * filtered, said.rate), effects.reverberate(said)):
        assert metrics(Clip(audio))["ringing"] > 1.0


@pytest.mark.parametrize("seconds", [0.012, 0.032])
def test_a_filter_of_a_few_milliseconds_is_told(said: Audio, seconds: float) -> None:
    """Random taps that die away, as strong as the sound: what blurs the jumps of a formant voice."""
    number = round(seconds * said.rate)
    taps = torch.randn(number, generator=torch.Generator().manual_seed(4)) * torch.exp(-torch.arange(number) / (0.4 * number))
    taps = torch.cat([torch.ones(1), taps / taps.norm()])
    length = said.samples.shape[0] + number
    spread = torch.fft.irfft(torch.fft.rfft(said.samples, n=length) * torch.fft.rfft(taps, n=length), n=length)
    assert metrics(Clip(Audio(0.4 * spread, said.rate)))["ringing"] > 1.6


@pytest.mark.parametrize("name", ["en-us", "en-us+f2", "en-us+m1", "en-us+edward", "en-us+klatt4"])
def test_no_bare_voice_is_charged(speak: Callable[..., bytes], name: str) -> None:
    """Nor is one in noise."""
    audio = from_pcm(speak(TEXT, name), 22_050)
    for sound in (audio, effects.noise(audio, 30.0)):
        assert metrics(Clip(sound))["ringing"] < 0.6


def test_a_clip_of_one_frame_and_silence_have_none(said: Audio) -> None:
    """Nothing is averaged there."""
    for samples in (said.samples[:4000], torch.zeros(RATE)):
        assert metrics(Clip(Audio(samples, said.rate))) == {"ringing": 0.0}


def test_is_the_same_on_any_threads(said: Audio) -> None:
    """Bit for bit."""
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(metrics(Clip(echo(said, 0.03, 0.4))))
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]
