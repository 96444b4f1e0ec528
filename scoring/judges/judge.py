"""A judge measures one aspect of speech in plain numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from prompts.groups import Group, Prompt
from scoring.audio.clip import Clip
from scoring.report import Metrics


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """One prompt as spoken: not empty, at one of the allowed rates."""

    prompt: Prompt
    group: Group
    clip: Clip


class Named(Protocol):
    """Identity of a judge: receipts name it beside each number."""

    @property
    def name(self) -> str:
        """The aspect that it judges."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever a number it returns may change; model checksums and the kind of device are part of it."""
        ...


class Judge(Named, Protocol):
    """Measures utterances one by one. The same utterance gives the same numbers in any batch, order and process."""

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """One mapping of finite metrics per utterance, in order; raises InfrastructureFault when the judge itself fails."""
        ...


class PairJudge(Named, Protocol):
    """Measures what only two utterances of one voice group can show."""

    def compare(self, one: Utterance, other: Utterance) -> Metrics:
        """Finite metrics that hold for both; the same in either order. Raises InfrastructureFault when the judge itself fails."""
        ...
