"""How much computing a second of speech takes, from a receipt alone: what decides between models of nearly the same score."""

from collections.abc import Mapping, Sequence

from prompts.groups import Attribute, Group, Prompt
from scoring.scores.delivery_levels import centre


def expected_seconds(prompt: Prompt) -> float:
    """About how long a prompt takes to say: its letters (English has nearly one for each phoneme) at the middle of the asked rate's bin.

    Whoever compares two models needs no dictionary for it: both are measured by the same letters.
    """
    letters = sum(character.isalnum() for character in prompt.text)
    return letters / centre(Attribute.RATE, prompt.voice.register, prompt.voice.rate)


def speed(timings: Mapping[str, float], asked: Sequence[Group]) -> int:
    """Milliseconds of computing for each expected second of speech, over a whole evaluation; less is better, 0 where unknown.

    `timings` are the receipt's, in wall-clock seconds; what counts is "speak".
    """
    expected = sum(expected_seconds(prompt) for group in asked for prompt in group.prompts)
    spoken = timings.get("speak", 0.0)
    return max(1, round(1000.0 * spoken / expected)) if spoken > 0.0 and expected > 0.0 else 0
