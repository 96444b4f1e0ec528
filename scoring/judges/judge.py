"""What a judge is: one aspect of speech, measured in plain numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from prompts.groups import Group, Prompt
from scoring.audio import Audio
from scoring.report import Metrics


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One prompt as spoken: not empty, at one of the allowed rates."""

    prompt: Prompt
    group: Group
    audio: Audio


class Judge(Protocol):
    """Measures utterances. The same utterance gives the same numbers in any batch, order and process."""

    @property
    def name(self) -> str:
        """What it judges."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever a number it returns may change; model checksums are part of it."""
        ...

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """One mapping of finite metrics per utterance, in order; raises InfrastructureFault when the judge itself fails."""
        ...
