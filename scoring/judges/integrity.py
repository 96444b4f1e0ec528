"""Gates that need no model: is there a sound, in an allowed form, of a believable length, with speech in it?"""

from prompts.groups import Prompt
from prompts.voices import Attribute, centre
from scoring.audio.audio import from_pcm, speech_seconds
from scoring.audio.clip import RATE, Clip
from scoring.audio.spoken import Spoken
from scoring.competition import SubmissionLimits
from scoring.judges.recognition.dictionary import count_phonemes
from scoring.language.text import normalise
from scoring.report import Gate

NAME = "integrity"
VERSION = "2"
RATES = frozenset({16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
"""Sampling rates accepted, in Hz."""
LEAST_SPEECH = 0.25
"""Speech must cover this share of the clip, …"""
LEAST_SPEECH_SECONDS = 0.3
"""… and this many seconds."""


def expected_seconds(prompt: Prompt) -> float:
    """Seconds that the prompt should take: its phonemes (CMUdict) at the middle of the asked rate's bin, phonemes per second.

    >>> from prompts.voices import Register, Voice
    >>> ordinary = Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=3)
    >>> prompt = Prompt(id="p", text="Take the silver ring.", description="", voice=ordinary)
    >>> round(expected_seconds(prompt), 3)  # 13 phonemes at 12.15 a second
    1.07
    """
    return count_phonemes(normalise(prompt.text)) / centre(Attribute.RATE, prompt.voice.rate)


def examine(prompt: Prompt, spoken: Spoken | None, limits: SubmissionLimits) -> Clip | Gate:
    """The sound to judge, or the first gate that is closed to it; nothing at all counts as a failed generation."""
    if spoken is None:
        return Gate.GENERATION_FAILED
    if spoken.failure is not None:
        return spoken.failure
    if len(spoken.pcm) < 2:
        return Gate.EMPTY
    if spoken.rate not in RATES:
        return Gate.WRONG_RATE
    clip = Clip(from_pcm(spoken.pcm, spoken.rate))
    return examine_clip(clip, expected_seconds(prompt), limits) or clip


def examine_clip(clip: Clip, expected: float, limits: SubmissionLimits) -> Gate | None:
    """The first gate closed to a sound that should last `expected` seconds, or None; the cheapest looks come first."""
    audio = clip.audio
    if audio.samples.shape[0] == 0:
        return Gate.EMPTY
    if not bool(audio.samples.isfinite().all()):
        return Gate.NOT_FINITE
    if audio.seconds < limits.expected_low * expected:
        return Gate.TOO_SHORT
    if audio.seconds > limits.expected_high * expected:
        return Gate.TOO_LONG
    speech = speech_seconds(clip.at(RATE))  # at the judges' rate: sound above 8 kHz is no speech
    if speech < max(LEAST_SPEECH_SECONDS, LEAST_SPEECH * audio.seconds):
        return Gate.NO_SPEECH
    if clip.speech.samples.shape[0] == 0:  # a square wave: loud, and nothing stands out of it for the judges to hear
        return Gate.NO_SPEECH
    return None
