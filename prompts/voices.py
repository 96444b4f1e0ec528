"""Voices: what a description can ask for, in levels; how levels are said in words and read back, and how they are measured."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from pathlib import Path

import yaml

PATH = Path(__file__).with_name("voices.yaml")
LEVELS = 7
ORDINARY = 3


class Register(StrEnum):
    """F0 scale that a voice's pitch is measured on."""

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
    """A voice as asked: a register, and a level per attribute, 0 (least) … 6 (most); 3 is ordinary.

    Without a register no pitch is asked: `pitch` is then ordinary, or this raises ValueError.
    """

    register: Register | None = None
    rate: int = ORDINARY
    pitch: int = ORDINARY
    expression: int = ORDINARY
    loudness: int = ORDINARY

    def __post_init__(self) -> None:
        if self.register is None and self.pitch != ORDINARY:
            raise ValueError("a pitch is asked on the scale of a register")

    @property
    def judged(self) -> tuple[Attribute, ...]:
        """The attributes that it is judged by: each one out of the ordinary, and pitch where a register is named.

        None in plain reading, which asks nothing.
        """
        return tuple(
            attribute
            for attribute in Attribute
            if self.level(attribute) != ORDINARY or (attribute is Attribute.PITCH and self.register is not None)
        )

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


def asked_attributes(voice: Voice) -> tuple[Attribute, ...]:
    """The attributes that are not ordinary: the ones a description has to mention."""
    return tuple(attribute for attribute in Attribute if voice.level(attribute) != ORDINARY)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Ways to name a speaker by register (None: of any), and to say a level of an attribute (`levels[attribute][level]`)."""

    speakers: Mapping[Register | None, tuple[str, ...]]
    levels: Mapping[Attribute, tuple[tuple[str, ...], ...]]


@cache
def phrases() -> Phrases:
    """The phrases of voices.yaml."""
    raw = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return Phrases(
        {register: tuple(raw["register"][register or "any"]) for register in (*Register, None)},
        {attribute: tuple(tuple(level) for level in raw["attributes"][attribute]) for attribute in Attribute},
    )


def parse_description(description: str) -> Voice:
    """Read a description of ours back into levels: an attribute without mention is ordinary, as is a pitch of no register."""
    known, text = phrases(), description.lower()
    levels = {
        attribute.value: next((level for level, ways in enumerate(scale) if any(way in text for way in ways)), ORDINARY)
        for attribute, scale in known.levels.items()
    }
    register = next((register for register in Register if any(way in text for way in known.speakers[register])), None)
    return Voice(register=register, **(levels if register else levels | {Attribute.PITCH.value: ORDINARY}))


RATE_EDGES = (3.51, 6.19, 8.87, 11.54, 14.22, 16.90, 19.58, 22.26)
"""Phonemes per second of speech. Source of these and of the F0 edges: Data-Speech's first release (Lacombe et al. 2024, after Lyth and
King 2024): seven bins between eight edges."""
PITCH_EDGES = {
    Register.LOW: (74.0, 88.6, 103.0, 118.0, 132.0, 147.0, 162.0, 176.0),
    Register.HIGH: (130.0, 149.0, 168.0, 186.0, 205.0, 223.0, 242.0, 261.0),
}
"""Mean F0 in Hz."""
EXPRESSION_EDGES = (0.0, 17.4, 34.9, 52.3, 69.7, 87.2, 104.6, 122.0)
"""Standard deviation of F0 in Hz."""
LOUDNESS_EDGES = (-39.0, -35.0, -31.0, -27.0, -23.0, -19.0, -15.0, -11.0)
"""LUFS; a choice of this project, with ordinary speech (-27 … -23) in the middle."""


def edges(attribute: Attribute, register: Register | None) -> tuple[float, ...]:
    """The eight edges of an attribute's seven bins, in the unit it is measured in; raises ValueError for a pitch of no register."""
    match attribute:
        case Attribute.RATE:
            return RATE_EDGES
        case Attribute.PITCH:
            if register is None:
                raise ValueError("a pitch is measured on the scale of a register")
            return PITCH_EDGES[register]
        case Attribute.EXPRESSION:
            return EXPRESSION_EDGES
        case Attribute.LOUDNESS:
            return LOUDNESS_EDGES


def level(attribute: Attribute, register: Register | None, value: float) -> int:
    """The bin that a value falls in, 0 … 6; values beyond the outer edges fall in the outer bins.

    >>> level(Attribute.LOUDNESS, Register.LOW, -25.0), level(Attribute.LOUDNESS, Register.LOW, -60.0)
    (3, 0)
    """
    inner = edges(attribute, register)[1:-1]
    return bisect_right(inner, value)


def centre(attribute: Attribute, register: Register | None, wanted: int) -> float:
    """The middle of a bin."""
    scale = edges(attribute, register)
    return (scale[wanted] + scale[wanted + 1]) / 2


def agreement(asked: int, measured: int) -> float:
    """Ordinal agreement of two levels, `1 - |asked - measured| / 6`: 1 for equal ones, 0 for opposite ends, more is better.

    >>> agreement(asked=1, measured=4)
    0.5
    """
    return 1.0 - abs(asked - measured) / (len(RATE_EDGES) - 2)
