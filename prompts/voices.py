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


EDGES: Mapping[Attribute, tuple[float, ...]] = {
    Attribute.RATE: (6.0, 7.3, 8.7, 10.3, 14.0, 16.0, 18.4, 21.0),
    Attribute.PITCH: (-7.5, -5.0, -3.0, -1.5, 1.5, 3.0, 5.0, 7.5),
    Attribute.EXPRESSION: (0.0, 0.5, 1.0, 1.8, 2.8, 3.6, 4.6, 6.0),
}
"""The eight edges of an attribute's seven bins: phonemes per second of speech; semitones from the middle of the register; standard
deviation of F0 in semitones. Set on a person and three neural voices, whose ordinary reading lies in the middle bin of rate (medians
10.8 … 12.8) and in or beside that of expression (2.0 … 3.0). Loudness has none: a recording's level says nothing of the voice's own."""
MIDDLE_HZ = {Register.LOW: 100.0, Register.HIGH: 200.0}
"""Ordinary F0 of a register: medians of low voices at hand are 93 … 105, of high ones 175 … 210."""


def centre(attribute: Attribute, wanted: int) -> float:
    """The middle of a level's bin, in the attribute's unit; raises KeyError for loudness."""
    scale = EDGES[attribute]
    return (scale[wanted] + scale[wanted + 1]) / 2


def place(attribute: Attribute, value: float) -> float:
    """Where a value lies on its attribute's scale: a level's own number in the middle of its bin, -0.5 … 6.5 at and beyond the ends.

    Raises KeyError for loudness.

    >>> place(Attribute.RATE, 12.15), place(Attribute.RATE, 14.0), place(Attribute.RATE, 99.0)
    (3.0, 3.5, 6.5)
    """
    scale = EDGES[attribute]
    inside = min(max(value, scale[0]), scale[-1])
    below = min(bisect_right(scale, inside), LEVELS) - 1
    return below - 0.5 + (inside - scale[below]) / (scale[below + 1] - scale[below])


def agreement(asked: int, found: float) -> float:
    """Nearness of a place on the scale to the asked level, `max(0, 1 - |asked - found| / 6)`, 0 … 1, more is better.

    >>> agreement(asked=1, found=4.0)
    0.5
    """
    return max(0.0, 1.0 - abs(asked - found) / (LEVELS - 1))
