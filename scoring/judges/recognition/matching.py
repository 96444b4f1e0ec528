"""Matches heard words to asked ones: the cheapest edit, in which words that sound alike are alike, however they are written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile

from scoring.judges.recognition.dictionary import sound_alike
from scoring.language.figures import figure
from scoring.language.lattice import closest
from scoring.language.text import lattice

LONGEST = 12
"""Words of one side that may be written as one on the other: spelled letters, and the words of a figure."""


class Kind(StrEnum):
    """What became of a stretch of words."""

    SAID = "said"
    REPLACED = "replaced"
    MISSING = "missing"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the edit: `asked` of the asked words became `heard` of the heard ones; the other side may be empty."""

    kind: Kind
    asked: tuple[str, ...]
    heard: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The cheapest edit from asked words to heard ones."""

    steps: tuple[Step, ...]

    @property
    def asked(self) -> tuple[str, ...]:
        """The asked words."""
        return tuple(word for step in self.steps for word in step.asked)

    @property
    def told(self) -> tuple[str, ...]:
        """The heard words; those that were said as asked are spelled as asked."""
        return tuple(word for step in self.steps for word in (step.asked if step.kind is Kind.SAID else step.heard))

    def tail(self, kind: Kind) -> int:
        """Words missing from the end, or added after it."""
        last = takewhile(lambda step: step.kind is kind, reversed(self.steps))
        return sum(len(step.asked) + len(step.heard) for step in last)

    @property
    def errors(self) -> int:
        """Words replaced, missing or added."""
        return sum(max(len(step.asked), len(step.heard)) for step in self.steps if step.kind is not Kind.SAID)

    @property
    def rate(self) -> float:
        """Errors per asked word; as many as there are if nothing was asked."""
        return self.errors / max(1, len(self.asked))


def nearest(text: str, heard: str) -> Match:
    """The match of the readings of both texts that leave the fewest word errors."""
    return match(*closest(lattice(text), lattice(heard)))


def match(asked: Sequence[str], heard: Sequence[str]) -> Match:
    """The edit of fewest replaced, missing and added words (Levenshtein 1966), where several words may also stand for one.

    Equal are: words with a common pronunciation or with the same spelling by American rules; a compound together or apart; letters and
    the word that they spell; all ways to say a figure. Missing and added words lie as far behind as they can.

    >>> match(("my", "birthday", "is", "in", "nineteen", "oh", "five"), ("my", "birth", "day", "in", "one", "nine", "zero", "five")).errors
    1
    """
    asked, heard = tuple(asked), tuple(heard)
    if asked == heard:
        return Match(tuple(Step(Kind.SAID, (word,), (word,)) for word in asked))
    joins = _joins(asked, heard)
    cost = [[0] * (len(heard) + 1) for _ in range(len(asked) + 1)]
    for i in range(len(asked) + 1):
        for j in range(len(heard) + 1):
            cost[i][j] = min((cost[i - a][j - b] + price for a, b, price, _ in _ways(i, j, asked, heard, joins)), default=0)
    return Match(tuple(reversed(list(_walk(cost, asked, heard, joins)))))


Joins = dict[tuple[int, int], list[tuple[int, int]]]
"""By the ends of two stretches of words, on the asked side and on the heard one: the lengths of those that are alike."""


def _ways(i: int, j: int, asked: tuple[str, ...], heard: tuple[str, ...], joins: Joins) -> Iterator[tuple[int, int, int, Kind]]:
    """The last steps of an edit of `i` asked words into `j` heard ones: words of both sides, price, kind; the preferred ones first."""
    if i:
        yield 1, 0, 1, Kind.MISSING
    if j:
        yield 0, 1, 1, Kind.ADDED
    if i and j:
        alike = sound_alike(asked[i - 1], heard[j - 1])
        yield 1, 1, 0 if alike else 1, Kind.SAID if alike else Kind.REPLACED
    for a, b in joins.get((i, j), ()):
        yield a, b, 0, Kind.SAID


def _walk(cost: list[list[int]], asked: tuple[str, ...], heard: tuple[str, ...], joins: Joins) -> Iterator[Step]:
    """The steps of the cheapest edit, from the last to the first."""
    i, j = len(asked), len(heard)
    while i or j:
        a, b, kind = next(
            (a, b, kind) for a, b, price, kind in _ways(i, j, asked, heard, joins) if cost[i - a][j - b] + price == cost[i][j]
        )
        yield Step(kind, asked[i - a : i], heard[j - b : j])
        i, j = i - a, j - b


def _joins(asked: tuple[str, ...], heard: tuple[str, ...]) -> Joins:
    """Stretches of both sides that are alike, at least one of them of several words."""
    found: Joins = {}
    known = _stretches(heard)
    for key, ends in _stretches(asked).items():
        for i, a in ends:
            for j, b in known.get(key, ()):
                if a > 1 or b > 1:
                    found.setdefault((i, j), []).append((a, b))
    return found


def _stretches(words: tuple[str, ...]) -> dict[str, list[tuple[int, int]]]:
    """What stretches of words are when they are written as one, with their ends and lengths: letters, and figures."""
    found: dict[str, list[tuple[int, int]]] = {}
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + LONGEST) + 1):
            stretch = words[start:end]
            for key in {"".join(stretch).replace("'", ""), figure(stretch)} - {None}:
                found.setdefault(str(key), []).append((end, end - start))
    return found
