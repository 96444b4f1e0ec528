"""Steps that lose something of a sound and add nothing: other rates, fewer bits, filters, codecs. None of them may raise a score."""

import io
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial

import soundfile
import torch

from scoring.audio.audio import Audio, resample
from scoring.studies.manipulations import effects

CODEC_RATE = 24_000
"""Hz: of those that Opus takes, the nearest to the rates of voices."""


class Loss(StrEnum):
    """A loss's public name."""

    THROUGH_16K = "through-16k"
    THROUGH_22K = "through-22k"
    THROUGH_24K = "through-24k"
    AT_16K = "at-16k"
    AT_22K = "at-22k"
    AT_24K = "at-24k"
    AT_44K = "at-44k"
    AT_48K = "at-48k"
    AT_48K_OF_16K = "at-48k-of-16k"
    BELOW_3400 = "low-pass-3400"
    BELOW_5500 = "low-pass-5500"
    BELOW_7000 = "low-pass-7000"
    BELOW_7500 = "low-pass-7500"
    BITS_12 = "bits-12"
    BITS_10 = "bits-10"
    BITS_8 = "bits-8"
    MU_LAW = "mu-law"
    INVERTED = "inverted"
    SOFTER = "softer"
    LOUDER = "louder"
    MP3 = "mp3"
    VORBIS = "vorbis"
    OPUS = "opus"


def through(audio: Audio, rate: int) -> Audio:
    """Resampled to `rate` and back."""
    return resample(resample(audio, rate), audio.rate)


def at_rate(audio: Audio, rate: int, source: int | None = None) -> Audio:
    """Sent at `rate`, having been at `source` before where that is given."""
    return resample(resample(audio, source) if source else audio, rate)


def requantise(audio: Audio, bits: int) -> Audio:
    """Rounded to `bits` bits, without dither."""
    steps = 1 << (bits - 1)
    return Audio((audio.samples * steps).round().clamp(-steps, steps - 1) / steps, audio.rate)


def invert(audio: Audio) -> Audio:
    """The other polarity, as a down-mix of one channel may have it."""
    return Audio(-audio.samples, audio.rate)


def coded(audio: Audio, form: str, subtype: str) -> Audio:
    """Through a codec at 24 kHz, as libsndfile writes and reads it with its own settings."""
    file = io.BytesIO()
    samples = resample(audio, CODEC_RATE).samples.clamp(-1.0, 1.0)
    soundfile.write(file, samples.numpy(), CODEC_RATE, format=form, subtype=subtype)
    file.seek(0)
    decoded, rate = soundfile.read(file, dtype="float32")
    return Audio(torch.from_numpy(decoded), int(rate))


LOSSES: Mapping[Loss, Callable[[Audio], Audio]] = {
    Loss.THROUGH_16K: partial(through, rate=16_000),
    Loss.THROUGH_22K: partial(through, rate=22_050),
    Loss.THROUGH_24K: partial(through, rate=24_000),
    Loss.AT_16K: partial(at_rate, rate=16_000),
    Loss.AT_22K: partial(at_rate, rate=22_050),
    Loss.AT_24K: partial(at_rate, rate=24_000),
    Loss.AT_44K: partial(at_rate, rate=44_100),
    Loss.AT_48K: partial(at_rate, rate=48_000),
    Loss.AT_48K_OF_16K: partial(at_rate, rate=48_000, source=16_000),
    Loss.BELOW_3400: partial(effects.low_pass, hertz=3_400.0),
    Loss.BELOW_5500: partial(effects.low_pass, hertz=5_500.0),
    Loss.BELOW_7000: partial(effects.low_pass, hertz=7_000.0),
    Loss.BELOW_7500: partial(effects.low_pass, hertz=7_500.0),
    Loss.BITS_12: partial(requantise, bits=12),
    Loss.BITS_10: partial(requantise, bits=10),
    Loss.BITS_8: partial(requantise, bits=8),
    Loss.MU_LAW: effects.mu_law,
    Loss.INVERTED: invert,
    Loss.SOFTER: partial(effects.gain, decibels=-1.0),
    Loss.LOUDER: partial(effects.gain, decibels=1.0),
    Loss.MP3: partial(coded, form="MP3", subtype="MPEG_LAYER_III"),
    Loss.VORBIS: partial(coded, form="OGG", subtype="VORBIS"),
    Loss.OPUS: partial(coded, form="OGG", subtype="OPUS"),
}


def lose(name: Loss, audio: Audio) -> Audio:
    """The sound after the loss, float32 in [-1, 1]; an empty sound stays as it is."""
    if audio.samples.shape[0] == 0:
        return audio
    changed = LOSSES[name](audio)
    return Audio(changed.samples.clamp(-1.0, 1.0), changed.rate)
