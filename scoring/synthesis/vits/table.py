"""A repository's voice.json: what its network needs to be asked for, beyond what transformers' own files can say. All of it optional."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from scoring import strict_json
from scoring.schema import StrictModel, first_fault

NAME = "voice.json"
Phrases = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=50, strict=False)]
Accent = Literal["en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-029"]
"""espeak-ng's voice for the phonemes; `en` is British."""
Sign = Annotated[str, Field(min_length=1, max_length=1)]


class Frame(StrictModel):
    """Symbols of vocab.json that stand before and behind every text."""

    begin: Sign
    end: Sign


class Asked(StrictModel):
    """Phrases of a description, in any case, by which something is asked for."""

    phrases: Phrases = ()


class Speaker(Asked):
    """One of a network's speakers."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    id: Annotated[int, Field(ge=0)]


class Rate(Asked):
    """A speed, as a multiple of config.json's `speaking_rate`: more is faster."""

    factor: Annotated[float, Field(ge=0.5, le=2.0)]


class Loudness(Asked):
    """A gain, in dB; what is louder than full scale is clipped."""

    gain: Annotated[float, Field(ge=-30.0, le=20.0)]


class VoiceTable(StrictModel):
    """The file. Its lists are searched for the longest phrase that occurs in a description; the first speaker speaks where none does."""

    accent: Accent = "en-us"
    punctuation: Annotated[str, Field(min_length=1, max_length=30)] | None = None
    """The signs that the network was trained with, each with a space behind it; without it all stay as they are."""
    frame: Frame | None = None
    speakers: Annotated[tuple[Speaker, ...], Field(max_length=10_000, strict=False)] = ()
    rate: Annotated[tuple[Rate, ...], Field(max_length=50, strict=False)] = ()
    loudness: Annotated[tuple[Loudness, ...], Field(max_length=50, strict=False)] = ()


Choice = TypeVar("Choice", bound=Asked)


def asked_for(choices: Sequence[Choice], description: str) -> Choice | None:
    """The choice with the longest phrase that occurs in a description: "very slowly" before "slowly"."""
    said = description.lower()
    found = [(len(phrase), choice) for choice in choices for phrase in choice.phrases if phrase.lower() in said]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def read_table(folder: Path) -> VoiceTable:
    """The table of a model folder, or an empty one; raises ValueError with what is wrong."""
    path = folder / NAME
    if not path.exists():
        return VoiceTable()
    raw = strict_json.read_file(path)
    try:
        return VoiceTable.model_validate(raw)
    except ValidationError as exc:
        raise ValueError(f"{NAME}: {first_fault(exc, 'the file')}") from exc
