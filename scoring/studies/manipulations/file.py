"""Manipulate a file: any sound file in, a 16-bit WAV out."""

from pathlib import Path

import soundfile
import torch

from scoring.audio.audio import Audio
from scoring.audio.decode import decode
from scoring.errors import Code, PlatformError
from scoring.studies.manipulations.manipulation import Manipulation, apply
from scoring.studies.manipulations.pcm import to_pcm


def manipulate(name: Manipulation, source: Path, target: Path) -> Audio:
    """Write the manipulated sound as mono WAV and return it.

    Raises PlatformError(AUDIO_INVALID) for a source that is no sound, and with the same code for a target that cannot be written.
    """
    changed = apply(name, decode(source))
    write(changed, target)
    return changed


def write(audio: Audio, target: Path) -> None:
    """A 16-bit mono WAV; raises PlatformError(AUDIO_INVALID) if it cannot be written."""
    samples = torch.frombuffer(bytearray(to_pcm(audio)), dtype=torch.int16)
    try:
        soundfile.write(target, samples.numpy(), audio.rate, subtype="PCM_16", format="WAV")
    except (soundfile.LibsndfileError, OSError) as exc:
        raise PlatformError(Code.AUDIO_INVALID, f"{target} cannot be written") from exc
