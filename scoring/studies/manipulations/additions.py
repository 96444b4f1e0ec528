"""Manipulations that put other sound over the speech, or in its place. Levels are relative to the speech's own power."""

import math

import torch

from scoring.audio.audio import FRAME_SECONDS, Audio, activity
from scoring.studies.manipulations.chance import generator

HUM_BELOW_DB = 15.0
HUM_OVERTONES = 5
AFTER_HZ = 150.0
GLIDE_HZ, GLIDE_SPAN_HZ, GLIDES = 220.0, 150.0, 0.7
"""The gliding tone's middle, how far it goes to either side, and how often in a second."""
DECAY_SECONDS = 1.0
"""A hall's reverberation time: the tail fades by 60 dB in it."""


def silence(audio: Audio) -> Audio:
    """Nothing, for as long."""
    return Audio(torch.zeros_like(audio.samples), audio.rate)


def tone(audio: Audio, hertz: float) -> Audio:
    """A sine of the speech's power, for as long."""
    wave = torch.sin(2.0 * math.pi * hertz * _time(audio))
    return Audio((wave * math.sqrt(2.0 * speech_power(audio))).to(torch.float32), audio.rate)


def noise(audio: Audio, snr: float) -> Audio:
    """White Gaussian noise, `snr` dB below the speech."""
    white = torch.randn(audio.samples.shape[0], generator=generator(audio))
    return Audio(audio.samples + white * math.sqrt(speech_power(audio) * 10.0 ** (-snr / 10.0)), audio.rate)


def hum(audio: Audio, hertz: float) -> Audio:
    """The mains: a tone and its overtones, each weaker than the one before, together 15 dB below the speech."""
    waves = torch.stack([torch.sin(2.0 * math.pi * k * hertz * _time(audio)) / k for k in range(1, HUM_OVERTONES + 1)]).sum(dim=0)
    power = speech_power(audio) * 10.0 ** (-HUM_BELOW_DB / 10.0)
    scaled = waves * torch.sqrt(power / waves.square().mean().clamp(min=1e-12))
    return Audio(audio.samples + scaled.to(torch.float32), audio.rate)


def tones(audio: Audio, seconds: float, below: float) -> Audio:
    """A faint tone after the last word, `below` dB under the loudest moment: taken for speech, it makes a voice slower and lower."""
    time = torch.arange(round(seconds * audio.rate), dtype=torch.float64) / audio.rate
    wave = torch.sin(2.0 * math.pi * AFTER_HZ * time) * (loudest(audio) * math.sqrt(2.0) * 10.0 ** (-below / 20.0))
    return Audio(torch.cat([audio.samples, wave.to(torch.float32)]), audio.rate)


def glide(audio: Audio, below: float) -> Audio:
    """A tone that rises and falls under all of the clip, `below` dB under its loudest moment: a lively pitch for any voice."""
    time = _time(audio)
    phase = (
        2.0 * math.pi * (GLIDE_HZ * time - GLIDE_SPAN_HZ / (2.0 * math.pi * GLIDES) * torch.cos(2.0 * math.pi * GLIDES * time))
    )
    wave = torch.sin(phase) * (loudest(audio) * math.sqrt(2.0) * 10.0 ** (-below / 20.0))
    return Audio(audio.samples + wave.to(torch.float32), audio.rate)


def loudest(audio: Audio) -> float:
    """Root mean square of the loudest 20 ms."""
    frame = round(FRAME_SECONDS * audio.rate)
    padded = torch.nn.functional.pad(audio.samples, (0, -audio.samples.shape[0] % frame))
    return float(padded.reshape(-1, frame).to(torch.float64).square().mean(dim=1).max().sqrt())


def reverberate(audio: Audio) -> Audio:
    """The clip in a hall: convolved with a decaying noise whose energy equals the direct sound's; the tail is kept."""
    length = round(DECAY_SECONDS * audio.rate)
    time = torch.arange(length, dtype=torch.float64) / audio.rate
    tail = torch.randn(length, generator=generator(audio), dtype=torch.float64) * 10.0 ** (-3.0 * time / DECAY_SECONDS)
    room = tail / tail.square().sum().sqrt()
    room[0] += 1.0
    size = audio.samples.shape[0] + length - 1
    spectrum = torch.fft.rfft(audio.samples.to(torch.float64), n=size) * torch.fft.rfft(room, n=size)
    return Audio(torch.fft.irfft(spectrum, n=size).to(torch.float32), audio.rate)


def speech_power(audio: Audio) -> float:
    """Mean square over the frames that hold speech; over the whole clip if none does."""
    active = activity(audio)
    per_sample = active.repeat_interleave(round(FRAME_SECONDS * audio.rate))[: audio.samples.shape[0]]
    chosen = audio.samples[per_sample] if bool(per_sample.any()) else audio.samples
    return float(chosen.to(torch.float64).square().mean())


def _time(audio: Audio) -> torch.Tensor:
    """Seconds since the start of each sample: float64 [n]."""
    return torch.arange(audio.samples.shape[0], dtype=torch.float64) / audio.rate
