"""The families that a competition may name, and what each hears of a prompt besides its text. Free of adapters and their libraries."""

from collections.abc import Mapping
from dataclasses import dataclass

from prompts.voices import Attribute


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Abilities of a family."""

    hears: frozenset[Attribute]
    """The attributes of a voice that reach its sound when a prompt's description asks for them."""


READS_ALOUD = Capabilities(frozenset())
"""It speaks the text in its own voice, whatever the description says."""
FOLLOWS_DESCRIPTIONS = Capabilities(frozenset(Attribute))
"""The description in words decides who speaks and how."""

FAMILIES: Mapping[str, Capabilities] = {"espeak": FOLLOWS_DESCRIPTIONS, "vits": READS_ALOUD}
"""Each has its adapter in `scoring.synthesis.load`, which knows one more: the reference model, which measures the host."""
