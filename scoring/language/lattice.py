"""The readings of a text: a chain of slots, each with the ways in which people say it, and the nearest two readings of two texts."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Words = tuple[str, ...]
Slot = tuple[Words, ...]
"""Ways to say one piece of a text; the first is what a careful reader says. One of them may have no words: some leave it out."""

Slots = tuple[Slot, ...]
"""A chain of them: whatever is said, one piece after the other."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a piece of a text becomes. Where it is not sure, nobody can know how it is read: the slots are a guess."""

    slots: Slots
    sure: bool = True


Read = Callable[[re.Match[str]], Said | None]
"""Reads what a pattern found; None where it is something else after all."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of expression: how it looks and how it is read. The pattern never matches nothing, and takes a time linear in the text."""

    pattern: re.Pattern[str]
    read: Read


def kind(pattern: str, read: Read) -> Kind:
    """A kind by its pattern, for plain texts: only ASCII letters and figures are any."""
    return Kind(re.compile(pattern, re.ASCII), read)


def words(text: str) -> Words:
    """The words of a plain text without figures.

    >>> words("one hundred and forty-six")
    ('one', 'hundred', 'and', 'forty', 'six')
    """
    return tuple(re.findall(r"[a-z']+", text.lower()))


def either(*readings: str) -> Slots:
    """One slot from plain texts, each once."""
    return (tuple(dict.fromkeys(words(reading) for reading in readings)),)


def plainly(text: str) -> Slots:
    """A slot for each word, with one reading."""
    return tuple(((word,),) for word in words(text))


def say(*parts: str | Slots, sure: bool = True) -> Said:
    """What plain texts and chains of slots say one after the other."""
    return Said(tuple(slot for part in parts for slot in (plainly(part) if isinstance(part, str) else part)), sure)


def first(slots: Sequence[Slot]) -> Words:
    """The first reading of each slot."""
    return tuple(word for slot in slots for word in slot[0])


def closest(asked: Sequence[Slot], heard: Sequence[Slot]) -> tuple[Words, Words]:
    """The reading of each side that leave the fewest word errors between them; among equals those that come first.

    The cheapest edit (Levenshtein 1966) over two graphs, whose arcs are words: time and memory grow with the product of their words.

    >>> closest([(("two", "thousand", "twenty"), ("twenty", "twenty"))], [(("twenty",),), (("twenty",),)])
    (('twenty', 'twenty'), ('twenty', 'twenty'))
    """
    if all(len(slot) == 1 for slot in (*asked, *heard)):
        return first(asked), first(heard)
    left, right = _graph(asked), _graph(heard)
    steps = _cheapest(left, right)
    return _walk_back(steps, len(left) - 1, len(right) - 1)


_Arc = tuple[int, str | None]
"""Where it comes from, and its word: None where a reading has none."""
_Step = tuple[int, int, int, str | None, str | None]
"""Errors so far, the nodes on both sides that it comes from, the words that it says."""


def _graph(slots: Sequence[Slot]) -> list[list[_Arc]]:
    """The arcs into each node, in an order in which every arc comes from an earlier node."""
    into: list[list[_Arc]] = [[]]
    for slot in slots:
        start = len(into) - 1
        ends: list[_Arc] = []
        for reading in slot:
            node = start
            for word in reading[:-1]:
                into.append([(node, word)])
                node = len(into) - 1
            ends.append((node, reading[-1] if reading else None))
        into.append(ends)
    return into


def _cheapest(left: Sequence[Sequence[_Arc]], right: Sequence[Sequence[_Arc]]) -> list[list[_Step]]:
    steps: list[list[_Step]] = []
    for row, arcs in enumerate(left):
        steps.append([])
        for column, others in enumerate(right):
            found = [(0, 0, 0, None, None)] if row == column == 0 else _steps_to(steps, (row, arcs), (column, others))
            steps[row].append(min(found, key=lambda step: step[0]))
    return steps


def _steps_to(
    steps: Sequence[Sequence[_Step]], left: tuple[int, Sequence[_Arc]], right: tuple[int, Sequence[_Arc]]
) -> list[_Step]:
    """The ways to a pair of nodes: a word on both sides, on the left only, on the right only."""
    (row, arcs), (column, others) = left, right
    both: list[_Step] = [
        (steps[source][other][0] + (word != said), source, other, word, said)
        for source, word in arcs
        for other, said in others
        if word is not None and said is not None
    ]
    missing: list[_Step] = [(steps[source][column][0] + (word is not None), source, column, word, None) for source, word in arcs]
    added: list[_Step] = [(steps[row][other][0] + (said is not None), row, other, None, said) for other, said in others]
    return both + missing + added


def _walk_back(steps: Sequence[Sequence[_Step]], row: int, column: int) -> tuple[Words, Words]:
    asked: list[str] = []
    heard: list[str] = []
    while row or column:
        _, row, column, word, said = steps[row][column]
        if word is not None:
            asked.append(word)
        if said is not None:
            heard.append(said)
    return tuple(reversed(asked)), tuple(reversed(heard))
