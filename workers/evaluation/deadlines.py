"""The time that an answer may take: by the speech that is expected, and by what its family needs for a second of it."""

from prompts.groups import Prompt
from scoring.competition import SubmissionLimits
from scoring.receipts.receipt import expected_seconds
from scoring.synthesis.families import FAMILIES


def answer_seconds(prompt: Prompt, family: str, limits: SubmissionLimits) -> float:
    """Seconds after which the answer to a prompt is late."""
    return _seconds(min(expected_seconds(prompt), _longest_speech(limits)), family, limits)


def longest_answer(family: str, limits: SubmissionLimits) -> float:
    """The most that `answer_seconds` gives for any prompt."""
    return _seconds(_longest_speech(limits), family, limits)


def _seconds(speech: float, family: str, limits: SubmissionLimits) -> float:
    return max(limits.sample_seconds, limits.late_factor * FAMILIES[family].real_time_factor * speech)


def _longest_speech(limits: SubmissionLimits) -> float:
    """Seconds of a prompt whose longest sound is just as long as a sound may be."""
    return limits.max_audio_seconds / limits.expected_high
