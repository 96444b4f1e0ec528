"""Voices: what a description can ask for, in levels and in words, and how to read a description back."""

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


def asked_attributes(voice: Voice) -> tuple[Attribute, ...]:
    """The attributes that are not ordinary: the ones a description has to mention."""
    return tuple(attribute for attribute in Attribute if voice.level(attribute) != ORDINARY)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Ways to name a speaker by register, and to say a level of an attribute (`levels[attribute][level]`)."""

    speakers: Mapping[Register, tuple[str, ...]]
    levels: Mapping[Attribute, tuple[tuple[str, ...], ...]]


@cache
def phrases() -> Phrases:
    """The phrases of voices.yaml."""
    raw = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return Phrases(
        {register: tuple(raw["register"][register]) for register in Register},
        {attribute: tuple(tuple(level) for level in raw["attributes"][attribute]) for attribute in Attribute},
    )


def parse_description(description: str) -> Voice:
    """Read a description of ours back into levels: an attribute without mention is ordinary, an unnamed register is low."""
    known, text = phrases(), description.lower()
    levels = {
        attribute.value: next((level for level, ways in enumerate(scale) if any(way in text for way in ways)), ORDINARY)
        for attribute, scale in known.levels.items()
    }
    register = next((register for register, ways in known.speakers.items() if any(way in text for way in ways)), Register.LOW)
    return Voice(register=register, **levels)
