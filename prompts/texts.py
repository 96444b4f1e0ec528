"""Texts to say: every kind has lines of its own, and a share of each round."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path

from prompts.draw import Draw
from prompts.grammar import Writer
from prompts.groups import TextKind
from prompts.vocabulary import Words, read, split, united, vocabulary

FOLDER = Path(__file__).with_name("corpus")
KINDS = tuple(kind for kind in TextKind if kind is not TextKind.GIVEN)
"""Kinds that are drawn, a file of the corpus each."""
STEPS = 1 << 32
"""Places within one share."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words to say, and the kind of text that they are."""

    words: str
    kind: TextKind


@dataclass(frozen=True, slots=True)
class Grammar:
    """One kind's lines, the words that they are filled with, and the kind's part of the sum of all shares."""

    kind: TextKind
    share: int
    lines: tuple[str, ...]
    words: Words

    def text(self, line: str, draw: Draw) -> str:
        """One text of a line."""
        return Writer(draw, self.words).fill(line).replace("..", ".")


class Texts:
    """The texts of the round with this seed, one after the other, each different from the others.

    A round of `count` texts has of every kind what its share says, rounded up or down, and no line twice before all lines of its kind.
    """

    def __init__(self, seed: bytes, count: int) -> None:
        self._seed = seed
        self._kinds = deal(Draw(seed, "kinds"), count)
        self._left: dict[TextKind, list[str]] = {}
        self._used: set[str] = set()

    def fresh(self) -> Text:
        """The next text; it owes nothing to the voices that the round draws. Raises IndexError after `count` texts."""
        number = len(self._used)
        grammar, draw = grammars()[self._kinds[number]], Draw(self._seed, f"text {number}")
        line = self._line(grammar)
        while (words := grammar.text(line, draw)) in self._used:
            pass
        self._used.add(words)
        return Text(words, grammar.kind)

    def _line(self, grammar: Grammar) -> str:
        left = self._left.get(grammar.kind)
        if not left:
            order = Draw(self._seed, f"lines of {grammar.kind} from {len(self._used)}")
            left = self._left[grammar.kind] = list(order.shuffle(grammar.lines))
        return left.pop()


def deal(draw: Draw, count: int) -> tuple[TextKind, ...]:
    """So many kinds in random order, of each its share, rounded up or down by chance: evenly spaced places on the line of all shares."""
    ends = list(accumulate(grammars()[kind].share * STEPS for kind in KINDS))
    start = draw.below(ends[-1])
    places = [(start + number * ends[-1]) // count for number in range(count)]
    return draw.shuffle([KINDS[bisect_right(ends, place)] for place in places])


@cache
def grammars() -> Mapping[TextKind, Grammar]:
    """The grammar of every kind that is drawn."""
    return {kind: _grammar(kind) for kind in KINDS}


def _grammar(kind: TextKind) -> Grammar:
    raw = read(FOLDER / f"{kind}.yaml")
    words = {**vocabulary(), **united(split(raw.get("words", {})), vocabulary())}
    return Grammar(kind, raw["share"], tuple(raw["lines"].splitlines()), words)
