"""What can be derived from a stored clip, each under one name and made by one function."""

import json
from enum import StrEnum
from typing import assert_never

import numpy as np

from scoring.competition import MOST_AUDIO_SECONDS
from voice_api.web.listening import pictures, sound


class Derived(StrEnum):
    """What is derived; the value is its name in URLs and in the cache."""

    OPUS = "opus"
    WAVEFORM = "waveform"
    SPECTROGRAM = "spectrogram"
    LOUDNESS = "loudness"

    @property
    def media_type(self) -> str:
        """What it is served as."""
        match self:
            case Derived.OPUS:
                return "audio/ogg"
            case Derived.WAVEFORM:
                return "image/svg+xml"
            case Derived.SPECTROGRAM:
                return "image/png"
            case Derived.LOUDNESS:
                return "application/json"
            case _:
                assert_never(self)


def derive(kind: Derived, flac: bytes) -> bytes:
    """Make one from a stored file; raises PlatformError(AUDIO_INVALID) where that holds no sound."""
    clip = sound.decoded(flac, MOST_AUDIO_SECONDS)
    match kind:
        case Derived.OPUS:
            return sound.opus(clip)
        case Derived.WAVEFORM:
            return pictures.waveform(clip).encode()
        case Derived.SPECTROGRAM:
            return pictures.spectrogram(clip)
        case Derived.LOUDNESS:
            return json.dumps(_measured(clip)).encode()
        case _:
            assert_never(kind)


def _measured(clip: sound.Sound) -> dict[str, float]:
    return {
        "lufs": round(sound.loudness(clip), 2),
        "peak": round(float(np.abs(clip.samples).max()), 4),
        "rate": clip.rate,
        "seconds": round(clip.seconds, 3),
    }
