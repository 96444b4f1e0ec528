"""Reads number words back into figures: all ways to say a figure aloud (nine hundred forty-six, nine four six, nine forty-six) are one."""

from collections.abc import Sequence
from dataclasses import dataclass

from num2words import num2words

ZERO = frozenset({"zero", "oh", "o", "nought"})
SMALL = {str(num2words(number, lang="en")): number for number in range(1, 20)}
TENS = {str(num2words(number, lang="en")): number for number in range(20, 100, 10)}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
ORDINALS = {
    str(num2words(number, lang="en", to="ordinal")): str(num2words(number, lang="en"))
    for number in (*range(1, 20), *range(20, 100, 10), 100, 1000)
} | {"hundredth": "hundred", "thousandth": "thousand"}
REPEATED = {"double": 2, "triple": 3}
FIGURE_WORDS = frozenset({*ZERO, *SMALL, *TENS, *SCALES, *ORDINALS, *REPEATED, "hundred", "a", "point"})
"""Words that may stand in a figure; some of them stand elsewhere too."""


def figure(words: Sequence[str]) -> str | None:
    """The figure that the words spell, "th" behind an ordinal; None if one of them belongs to no figure.

    >>> figure(("nine", "hundred", "forty", "six")), figure(("nine", "four", "six")), figure(("twenty", "ten"))
    ('946', '946', '2010')
    >>> figure(("five", "point", "oh", "one")), figure(("the", "twenty", "first"))
    ('5.01', None)
    """
    if not words or any(word not in FIGURE_WORDS for word in words):
        return None
    ordinal = words[-1] in ORDINALS
    reader = _Reader([*words[:-1], ORDINALS.get(words[-1], words[-1])])
    parts: list[str] = []
    while reader.left:
        part = reader.part()
        if part is None:
            return None
        parts.append(part)
    return "".join(parts) + ("th" if ordinal else "")


@dataclass(slots=True)
class _Reader:
    """The words of a figure that are not read yet."""

    left: list[str]

    def part(self) -> str | None:
        """The next digits: a zero, a point, a digit said twice, or a whole number."""
        if self.left[0] in ZERO:
            self.left.pop(0)
            return "0"
        if self.left[0] == "point":
            self.left.pop(0)
            return "."
        if self.left[0] in REPEATED:
            times = REPEATED[self.left.pop(0)]
            digit = self.part() if self.left else None
            return digit * times if digit is not None and len(digit) == 1 else None
        number = self._whole()
        return None if number is None else str(number)

    def _whole(self) -> int | None:
        """A number of thousands, hundreds, tens and ones, as far as it goes by the grammar."""
        total, scale = 0, 10**15
        while (part := self._below_thousand()) is not None:
            if not self.left or SCALES.get(self.left[0], scale) >= scale:
                return total + part
            scale = SCALES[self.left.pop(0)]
            total += part * scale
        return total or None

    def _below_thousand(self) -> int | None:
        number = self._below_hundred()
        if number is None or not self.left or self.left[0] != "hundred":
            return number
        self.left.pop(0)
        return number * 100 + (self._below_hundred() or 0)

    def _below_hundred(self) -> int | None:
        match self.left:
            case ["a", "hundred" | "thousand" | "million" | "billion" | "trillion", *_]:
                self.left.pop(0)
                return 1
            case [tens, small, *_] if tens in TENS and SMALL.get(small, 10) < 10:
                del self.left[:2]
                return TENS[tens] + SMALL[small]
            case [word, *_] if word in TENS or word in SMALL:
                self.left.pop(0)
                return TENS.get(word) or SMALL[word]
            case _:
                return None
