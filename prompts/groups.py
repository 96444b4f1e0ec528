"""A round's prompts, and the groups in which they are compared."""

from dataclasses import dataclass
from enum import StrEnum

from prompts.voices import Attribute, Voice


class GroupKind(StrEnum):
    """Relation of the prompts of a group."""

    SINGLE = "single"
    """One prompt."""
    COUNTERFACTUAL = "counterfactual"
    """The same text under two descriptions that differ in one attribute, asked low and high."""
    VOICE = "voice"
    """Two texts under the same description."""


class TextKind(StrEnum):
    """What a text has for its reader to do."""

    NARRATIVE = "narrative"
    DIALOGUE = "dialogue"
    TWO_SENTENCES = "two_sentences"
    THREE_SENTENCES = "three_sentences"
    LISTS = "lists"
    ASIDES = "asides"
    """Parentheses and dashes."""
    EVERYDAY = "everyday"
    """Requests and instructions."""
    NEWS = "news"
    QUESTIONS = "questions"
    EMPHASIS = "emphasis"
    FEELINGS = "feelings"
    """Feelings that are said."""
    IMPLIED = "implied"
    """Feelings that no word names."""
    LONG = "long"
    TONGUE_TWISTERS = "tongue_twisters"
    HOMOGRAPHS = "homographs"
    """Words that only the sentence tells how to say."""
    FOREIGN = "foreign"
    """Names from elsewhere and loan words."""
    SPELLING = "spelling"
    """Letters one by one, acronyms."""
    MONEY = "money"
    DATES = "dates"
    UNITS = "units"
    TELEPHONE = "telephone"
    ADDRESSES = "addresses"
    """E-mail and web addresses."""
    GIVEN = "given"
    """No sampler made it: a recording's words, or what a test asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One thing to say: `text` aloud, in the voice that `description` asks for in words and `voice` in levels."""

    id: str
    text: str
    description: str
    voice: Voice
    kind: TextKind = TextKind.GIVEN


@dataclass(frozen=True, slots=True)
class Group:
    """The unit of comparison. `contrast` is the attribute in which a counterfactual pair differs; its prompts go low, high."""

    id: str
    kind: GroupKind
    prompts: tuple[Prompt, ...]
    contrast: Attribute | None = None


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """Number of groups of each kind in a round, and the attributes that their descriptions may ask for; none: plain reading."""

    single: int
    counterfactual: int
    voice: int
    asks: tuple[Attribute, ...] = ()
