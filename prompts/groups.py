"""A round's prompts, and the groups in which they are compared."""

from dataclasses import dataclass, replace
from enum import StrEnum


class GroupKind(StrEnum):
    """Relation of the prompts of a group."""

    SINGLE = "single"
    """One prompt."""
    COUNTERFACTUAL = "counterfactual"
    """The same text under two descriptions that differ in one attribute, asked low and high."""
    VOICE = "voice"
    """Two texts under the same description."""


class Register(StrEnum):
    """F0 scale that a voice is measured on."""

    LOW = "low"
    HIGH = "high"


class Attribute(StrEnum):
    """A property of a voice that a description asks for and a judge measures."""

    RATE = "rate"
    PITCH = "pitch"
    EXPRESSION = "expression"
    LOUDNESS = "loudness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A voice as asked: a register, and a level per attribute, 0 (least) … 6 (most); 3 is ordinary."""

    register: Register
    rate: int
    pitch: int
    expression: int
    loudness: int

    def level(self, attribute: Attribute) -> int:
        """The level asked for one attribute, 0 … 6."""
        return int(getattr(self, attribute.value))

    def with_level(self, attribute: Attribute, level: int) -> "Voice":
        """The same voice with one attribute at another level."""
        match attribute:
            case Attribute.RATE:
                return replace(self, rate=level)
            case Attribute.PITCH:
                return replace(self, pitch=level)
            case Attribute.EXPRESSION:
                return replace(self, expression=level)
            case Attribute.LOUDNESS:
                return replace(self, loudness=level)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing to say: `text` aloud, in the voice that `description` asks for in words and `voice` in levels."""

    id: str
    text: str
    description: str
    voice: Voice


@dataclass(frozen=True, slots=True)
class Group:
    """The unit of comparison. `contrast` is the attribute in which a counterfactual pair differs; its prompts go low, high."""

    id: str
    kind: GroupKind
    prompts: tuple[Prompt, ...]
    contrast: Attribute | None = None


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """Number of groups of each kind in a round."""

    single: int
    counterfactual: int
    voice: int
