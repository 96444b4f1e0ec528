"""Texts to say: sentences that the project's own grammars make."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from prompts.draw import Draw
from prompts.groups import TextKind

FOLDER = Path(__file__).with_name("corpus")
KINDS = tuple(kind for kind in TextKind if kind is not TextKind.GIVEN)
"""Kinds of sentences, a file of the corpus each."""
SLOT = re.compile(r"\{(\w+)\}")
"""A place in a line that a word or a number fills."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words to say, and the kind of text that they are."""

    words: str
    kind: TextKind


class Texts:
    """The texts of the round with this seed, one after the other, each different from the others."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._used: set[str] = set()

    def fresh(self) -> Text:
        """A text that this round has not asked yet; it owes nothing to what else the round draws."""
        draw = Draw(self._seed, f"text {len(self._used)}")
        while (text := _text(draw)).words in self._used:
            pass
        self._used.add(text.words)
        return text


def _text(draw: Draw) -> Text:
    grammar = draw.choice(grammars())
    return Text(grammar.sentence(draw), TextKind(grammar.kind))


@dataclass(frozen=True, slots=True)
class Grammar:
    """Lines of one kind; each `{slot}` is filled from `words` (a list of phrases) or `numbers` (from, to; inclusive)."""

    kind: str
    lines: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    numbers: Mapping[str, tuple[int, int]]

    def sentence(self, draw: Draw) -> str:
        """One sentence; a slot that occurs twice in a line is drawn twice."""
        return SLOT.sub(lambda match: self._fill(match.group(1), draw), draw.choice(self.lines))

    def _fill(self, slot: str, draw: Draw) -> str:
        if slot in self.numbers:
            first, last = self.numbers[slot]
            return str(first + draw.below(last - first + 1))
        return draw.choice(self.words[slot])


@cache
def grammars() -> tuple[Grammar, ...]:
    """One grammar per kind, in the order of KINDS."""
    shared = yaml.safe_load((FOLDER / "words.yaml").read_text(encoding="utf-8"))
    return tuple(_grammar(kind, shared) for kind in KINDS)


def _grammar(kind: str, shared: Mapping[str, list[str]]) -> Grammar:
    raw = yaml.safe_load((FOLDER / f"{kind}.yaml").read_text(encoding="utf-8"))
    words = {**shared, **raw["words"]}
    numbers = {slot: (first, last) for slot, (first, last) in raw.get("numbers", {}).items()}
    return Grammar(kind, tuple(raw["lines"]), {slot: tuple(ways) for slot, ways in words.items()}, numbers)
