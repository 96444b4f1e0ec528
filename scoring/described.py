"""The track of voices that are described in words: its rules ship whole but for the parts that its families pin."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter, model_validator

from scoring.competition import Track
from scoring.errors import Code, PlatformError
from scoring.types import RoundNumber

PATH = Path(__file__).with_name("described.toml")
_VERSION = re.compile(r"^\[\[version\]\]", re.MULTILINE)
_FROM_ROUND = re.compile(r"^from_round\s*=.*$", re.MULTILINE)
_SHARE = re.compile(r"^share\s*=\s*([0-9.e-]+)", re.MULTILINE)


class UnpinnedTrack(Track):
    """A track whose parts are not pinned yet: it can be read, and no competition admits it."""

    @model_validator(mode="after")
    def _pins_what_families_need(self) -> Self:
        if self.parts:
            raise ValueError("the parts are those that `voice family pin` writes, and none of them ships")
        return self


@cache
def described() -> UnpinnedTrack:
    """The rules that ship."""
    (track,) = tomllib.loads(PATH.read_text(encoding="utf-8"))["version"]["track"]
    return TypeAdapter(UnpinnedTrack).validate_python(track)


def with_described(text: str, from_round: RoundNumber, pins: Sequence[str]) -> str:
    """A competition's text with one more version: its last one, whose tracks make room, and the track with these parts.

    `pins` are lines that `voice family pin` wrote. Whether the result is a competition is for `scoring.competition.load` to say. Raises
    PlatformError(ARGUMENT_INVALID) for a text without a version, and for pins that are not those of each family of the track, once.
    """
    versions = [found.start() for found in _VERSION.finditer(text)]
    if not versions:
        raise PlatformError(Code.ARGUMENT_INVALID, "the competition's file holds no [[version]] to go on from")
    _all_or_raise([family for lines in pins for family in _families_or_raise(lines)])
    left = 1.0 - described().share
    last = _FROM_ROUND.sub(f"from_round = {from_round}", text[versions[-1] :], count=1)
    last = _SHARE.sub(lambda found: f"share = {round(float(found[1]) * left, 12)!r}", last)
    return "\n".join([text.rstrip(), "", last.rstrip(), "", PATH.read_text(encoding="utf-8"), *pins])


def _all_or_raise(pinned: Sequence[str]) -> None:
    track = described()
    admits = f"the track {track.name} admits {', '.join(track.families)}"
    if strangers := sorted(set(pinned) - set(track.families)):
        raise PlatformError(Code.ARGUMENT_INVALID, f"there are pinned parts of {', '.join(strangers)}: {admits}")
    if twice := [family for family in track.families if pinned.count(family) > 1]:
        raise PlatformError(Code.ARGUMENT_INVALID, f"there are pinned parts of {twice[0]} twice: give one file of them")
    if missing := [family for family in track.families if family not in pinned]:
        why = f"there are no pinned parts of {missing[0]}: `voice family pin {missing[0]}` writes them, and {admits}"
        raise PlatformError(Code.ARGUMENT_INVALID, why)


def _families_or_raise(lines: str) -> Sequence[str]:
    """The families whose parts the lines pin."""
    try:
        found = tomllib.loads(lines)
    except tomllib.TOMLDecodeError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"the pinned parts are not TOML: {exc}") from exc
    match found:
        case {"version": {"track": {"parts": dict() as parts, **no_rules}, **no_shared}, **no_schedule}:
            if not (no_rules or no_shared or no_schedule):
                return list(parts)
    raise PlatformError(Code.ARGUMENT_INVALID, "a file of pinned parts holds what `voice family pin` writes, and nothing else")
