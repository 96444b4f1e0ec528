"""A request as these models take it: words and a voice in one line, and how long they may take. All of it is the competition's."""

import math
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from scoring import strict_json
from scoring.schema import StrictModel, first_fault

VOICE_FILE = "voice.json"
MOST_CHARACTERS = 1_000
_SLOWEST = 5.0
"""Characters a second of the slowest speech that is waited for; ordinary speech has about 14."""
_SPARE_SECONDS = 3.0
_DIGIT_CHARACTERS = 6
"""A figure is read as a word."""


class Named(StrictModel):
    """The table of a voice that has a name instead of a description."""

    name: Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_ -]{0,31}$")]


def read_name(model_dir: Path) -> str | None:
    """The name that a repository speaks under; None where it takes descriptions. Raises ValueError for a voice.json that is none."""
    path = model_dir / VOICE_FILE
    try:
        return Named.model_validate(strict_json.read_file(path)).name if path.is_file() else None
    except ValidationError as exc:
        raise ValueError(f"{VOICE_FILE}: {first_fault(exc, 'the file')}") from exc


def line(text: str, description: str, name: str | None) -> str:
    """What the model reads; raises ValueError for a text without a word, or one that is too long.

    >>> line("It's late.", "a deep voice", None), line("It's late.", "a deep voice", "tara")
    ('<description="a deep voice"> It\\'s late.', "tara: It's late.")
    """
    plain = " ".join(text.split())
    if not any(character.isalnum() for character in plain):
        raise ValueError("the text holds no word")
    if len(plain) > MOST_CHARACTERS:
        raise ValueError(f"the text holds {len(plain)} characters; there may be {MOST_CHARACTERS}")
    if name is not None:
        return f"{name}: {plain}"
    asked = " ".join(description.replace('"', "'").split())
    return f'<description="{asked}"> {plain}' if asked else plain


def most_frames(text: str, frame_rate: float) -> int:
    """Frames within which a text must have been said, at a codec's frames per second."""
    characters = sum(_DIGIT_CHARACTERS if character.isdigit() else 1 for character in text)
    return math.ceil((characters / _SLOWEST + _SPARE_SECONDS) * frame_rate)
