"""Flags in words, and the limits from which they are raised. Free of torch, so that every process can show them."""

from collections.abc import Mapping
from typing import assert_never

from scoring.report import Flag, FlagKind

REPEATED_SHARE, CONSTANT_SHARE = 0.5, 0.5
"""Of a clip's seconds; of honest ones none is found again (`make study-flags`), but two texts may begin with the same words."""
OWN_WORDS, OTHER_WORDS = 0.5, 0.25
"""Word error rates: at least so many of a prompt's own words are wrong, and at most so many of another's."""
RIPPLES_DB = 0.85
"""Of the mean spectrum of all clips, root mean square: no honest voice has .7 of them, and equalisers from .95 on (`make study-flags`)."""
MEANINGS: Mapping[FlagKind, str] = {
    FlagKind.REPEATED: "most of it is the same recording as in the clip of another text",
    FlagKind.CONSTANT: "most of it is the same all along: a hum, or one piece in a loop",
    FlagKind.OTHER_PROMPT: "the words heard are those of another prompt of the round",
    FlagKind.EQUALISED: "one narrow filter stands behind all clips, as it does where it was learnt against the judges; told of the first",
}
"""Meaning of each kind; a flag changes no score."""


def sentence(flag: Flag) -> str:
    """A flag in words, with its number."""
    match flag.kind:
        case FlagKind.REPEATED:
            return f"{flag.value:.0%} of it is the same recording as in {flag.other}, whose text is another"
        case FlagKind.CONSTANT:
            return f"{flag.value:.0%} of it comes again within it, as in a loop or a hum"
        case FlagKind.OTHER_PROMPT:
            return f"the words heard are those of {flag.other}, with {flag.value:.0%} of them wrong"
        case FlagKind.EQUALISED:
            return f"the mean spectrum of all clips has ripples of {flag.value:.1f} dB, as a fixed filter leaves them; voices have under .7"
        case _:
            assert_never(flag.kind)
