"""Consistency: one speaker in both clips of a voice pair. Timbre and pitch are compared within the pair, never across groups.

No speaker-verification network can be had without a compiler or a download, so this measures what makes two voices differ to the
ear: the long-term spectrum of voiced sound, and the pitch. Text and loudness hardly move it.
"""

import math
from dataclasses import dataclass

import torch

from scoring.audio.clip import Clip
from scoring.judges.dnsmos import DYNAMIC_DB, log_mel
from scoring.judges.judge import Utterance
from scoring.report import Metrics

TIMBRE_DB, OCTAVE = 10.0, 12.0
"""Spectra this many dB apart, or voices this many semitones apart, have nothing in common."""
CENTRE = 2
"""A pitch frame is centred on the spectral frame this many later."""


@dataclass(frozen=True, slots=True, eq=False)
class VoiceFeatures:
    """`spectrum` is the mean level of voiced frames by mel band, dB against its own mean, float32 [120]; `pitch` is the median F0
    in semitones above 1 Hz, None without a voiced frame."""

    spectrum: torch.Tensor
    pitch: float | None


class SpeakerJudge:
    """Likeness of two clips' voices.

    Metrics: `timbre_distance` (root mean square difference of the voices' mean spectra, dB) and `pitch_distance` (semitones
    between their median pitches), ≥ 0, less is better; `speaker_similarity`, 0 … 1, more is better: see `likeness`. Source: the long-term
    average spectrum of phonetics, over voiced frames only.
    """

    name = "speaker"
    version = "3"

    def compare(self, one: Utterance, other: Utterance) -> Metrics:
        """The same in either order."""
        first, second = voice_features(one.clip), voice_features(other.clip)
        timbre = float((first.spectrum - second.spectrum).square().mean().sqrt())
        pitch = _semitones(first.pitch, second.pitch)
        return {"speaker_similarity": likeness(timbre, pitch), "timbre_distance": timbre, "pitch_distance": pitch}


def likeness(decibels: float, semitones: float) -> float:
    """`max(0, 1 - max(dB / 10, semitones / 12))`, 0 … 1, more is better.

    >>> likeness(decibels=2.5, semitones=1.0), likeness(decibels=2.5, semitones=6.0), likeness(decibels=12.0, semitones=0.0)
    (0.75, 0.5, 0.0)
    """
    return max(0.0, 1.0 - max(decibels / TIMBRE_DB, semitones / OCTAVE))


def voice_features(clip: Clip) -> VoiceFeatures:
    """The voice of a clip; where nothing is voiced (a whisper), its spectrum is that of all frames."""
    speech, found = clip.level, clip.pitch
    frames = log_mel(speech.samples) * (DYNAMIC_DB / 2.0)
    voiced = found.voiced.nonzero()[:, 0]
    spectrum = (frames[voiced + CENTRE] if voiced.shape[0] else frames).mean(dim=0)
    pitch = 12.0 * math.log2(float(found.hertz[voiced].median())) if voiced.shape[0] else None
    return VoiceFeatures(spectrum - spectrum.mean(), pitch)


def _semitones(one: float | None, other: float | None) -> float:
    """Between two pitches; a voice and a whisper are an octave apart, two whispers not at all."""
    if one is None or other is None:
        return 0.0 if one == other else OCTAVE
    return abs(one - other)
