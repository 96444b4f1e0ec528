"""Voices in words: what a description says, and how to read it back."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from prompts.draw import Draw
from prompts.groups import Attribute, Register, Voice

PATH = Path(__file__).with_name("voices.yaml")
LEVELS = 7
ORDINARY = 3


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


def asked_attributes(voice: Voice) -> tuple[Attribute, ...]:
    """The attributes that are not ordinary: the ones a description has to mention."""
    return tuple(attribute for attribute in Attribute if voice.level(attribute) != ORDINARY)


def name_speaker(register: Register, draw: Draw) -> str:
    """Draw words for a speaker, e.g. 'a deep-voiced man'."""
    return draw.choice(phrases().speakers[register])


def describe(voice: Voice, speaker: str, draw: Draw) -> str:
    """One sentence that asks for the voice, e.g. 'A deep-voiced man speaks very slowly and in a monotone.'"""
    known = phrases()
    manner = [draw.choice(known.levels[attribute][voice.level(attribute)]) for attribute in draw.shuffle(asked_attributes(voice))]
    if not manner:
        manner = [draw.choice(known.levels[draw.choice(tuple(Attribute))][ORDINARY])]
    said = " and ".join([part for part in (", ".join(manner[:-1]), manner[-1]) if part])
    return f"{speaker[0].upper()}{speaker[1:]} speaks {said}."


def parse_description(description: str) -> Voice:
    """Read a description of ours back into levels: an attribute without mention is ordinary, an unnamed register is low."""
    known, text = phrases(), description.lower()
    levels = {
        attribute.value: next((level for level, ways in enumerate(scale) if any(way in text for way in ways)), ORDINARY)
        for attribute, scale in known.levels.items()
    }
    register = next((register for register, ways in known.speakers.items() if any(way in text for way in ways)), Register.LOW)
    return Voice(register=register, **levels)
