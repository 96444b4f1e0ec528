"""From a sound file to what judges hear."""

from pathlib import Path

import torch

from scoring.audio.audio import Audio
from scoring.audio.sound_file import read


def decode(source: bytes | Path) -> Audio:
    """A WAV, FLAC or OGG file, 8 … 192 kHz, up to ten minutes, as mono sound; raises PlatformError(AUDIO_INVALID) with a sentence."""
    samples, rate = read(source)
    return Audio(torch.from_numpy(samples), rate)
