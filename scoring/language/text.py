"""One normaliser for both sides of a comparison: the prompt's text and the recogniser's become the same kind of words.

A text is read from its first character to its last; at every place the first kind of expression that fits is read, the long ones
before their parts. Whatever people differ in is kept as a choice: `lattice` has all readings, `normalise` the first of each. Any text
has one; `doubts` names what nobody can read surely, for those who take texts in.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from num2words import num2words

from scoring.language import abbreviations, addresses, clock, dates, initials, money, numbers, symbols, telephone, units
from scoring.language.lattice import Kind, Said, Slot, Slots, first, kind
from scoring.language.letters import plain

CLIPPED = frozenset({"'bout", "'cause", "'em", "'round", "'til", "'tis", "'twas"})
"""Words that keep their leading apostrophe, as the dictionary spells them."""
NUMBER_WORDS = frozenset(
    word
    for number in (*range(1, 20), *range(20, 100, 10))
    for to in ("cardinal", "ordinal")
    for word in (str(num2words(number, lang="en", to=to)),)
)
HUNDREDS = frozenset({"hundred", "thousand", "million", "billion", "trillion"})
MOST_NAMED = 10
"""Parts that cannot be read, that an error names."""
MEMORY = 4096
"""Texts whose words are kept: every judge asks for those of the same prompt."""


def _word(match: re.Match[str]) -> Said:
    word = match[0].lower()
    return Said((((word if word in CLIPPED else word.removeprefix("'"),),),))


KINDS: tuple[Kind, ...] = (
    *addresses.KINDS,
    *dates.KINDS,
    *telephone.KINDS,
    *clock.KINDS,
    *money.KINDS,
    numbers.COUNTS,
    *units.KINDS,
    *numbers.KINDS,
    *abbreviations.KINDS,
    *initials.KINDS,
    kind(r"(?<![A-Za-z])'?[A-Za-z]+(?:'[A-Za-z]+)*", _word),
    *symbols.KINDS,
)
"""Where two begin at the same place, the earlier one is tried first."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as it is read: its chain of slots, and the parts that nobody can read surely."""

    slots: Slots
    doubts: tuple[str, ...]


@lru_cache(maxsize=MEMORY)
def read(text: str) -> Reading:
    """Read any text; numbers have their 'and' as a British speaker says it."""
    said = list(_pieces(plain(text)))
    return Reading(
        tuple(slot for _, piece in said for slot in piece.slots),
        tuple(dict.fromkeys(" ".join(found[0].split()) for found, piece in said if not piece.sure)),
    )


@lru_cache(maxsize=MEMORY)
def read_out(text: str) -> str:
    """The text for a voice that knows letters and punctuation only: what is no plain word is written as it is read.

    >>> read_out("Mr. Lee paid $5, at 5:30 p.m.")
    'Mister Lee paid five dollars, at five thirty p m.'
    """
    whole, written, end = plain(text), "", 0
    for found, piece in _pieces(whole):
        written, end = written + whole[end : found.start()], found.end()
        said = " ".join(first(piece.slots))
        if not said or said == found[0].lower():
            written += found[0]
            continue
        said = said.capitalize() if found[0][0].isupper() else said
        apart = " " if written[-1:].isalnum() else ""
        written += apart + said + ("." if found[0].endswith(".") and not whole[end:].strip() else "")
    return written + whole[end:]


@lru_cache(maxsize=MEMORY)
def normalise(text: str) -> tuple[str, ...]:
    """Lower-case words with numbers spelled out, without punctuation, and without the optional 'and' inside of numbers.

    Takes any text; normalising the words again changes nothing.

    >>> " ".join(normalise("Mr. Lee paid $105 on the 3rd."))
    'mister lee paid one hundred five dollars on the third'
    """
    return _without_optional(spell(text))


@lru_cache(maxsize=MEMORY)
def spell(text: str) -> tuple[str, ...]:
    """Normalise with numbers as a British speaker reads them.

    >>> " ".join(spell("Mr. Lee paid $105."))
    'mister lee paid one hundred and five dollars'
    """
    return first(read(text).slots)


@lru_cache(maxsize=MEMORY)
def lattice(text: str) -> Slots:
    """All accepted readings of a text, as normalised words: a chain of slots, each with its alternatives.

    >>> lattice("in 2020")
    ((('in',),), (('twenty', 'twenty'), ('twenty', 'hundred', 'twenty'), ('two', 'thousand', 'twenty')))
    """
    slots = read(text).slots
    kept: list[Slot] = []
    neighbours = zip(((), *slots[:-1]), slots, (*slots[1:], ()), strict=False)  # nothing said has no slot, and no neighbour
    for before, slot, after in neighbours:
        if not (slot == (("and",),) and _optional(before[0] if before else (), after[0] if after else ())):
            kept.append(tuple(dict.fromkeys(_without_optional(reading) for reading in slot)))
    return tuple(kept)


def doubts(text: str) -> tuple[str, ...]:
    """The parts of a text that nobody can read surely, as they are written: an ambiguous date, a sign without a name, another script.

    >>> doubts("On 3/4/2005 we paid 3 zł.")
    ('3/4/2005',)
    """
    return read(text).doubts


def unreadable(text: str) -> str | None:
    """Why nobody can be asked to say a text: it holds nothing to say, or something that nobody can read surely; None where one can.

    >>> unreadable("Come on 3/4/2005.")
    'nobody can be sure how to read: 3/4/2005'
    """
    if not normalise(text):
        return "the text holds no word that can be read"
    unsure = doubts(text)
    named = ", ".join(unsure[:MOST_NAMED]) + (" …" if len(unsure) > MOST_NAMED else "")
    return f"nobody can be sure how to read: {named}" if unsure else None


def _pieces(text: str) -> Iterator[tuple[re.Match[str], Said]]:
    """What is found, from left to right, and how it is read. Every kind passes over every character once: time is linear in the text."""
    found = [one.pattern.search(text) for one in KINDS]
    while True:
        ahead = [(match.start(), index, match) for index, match in enumerate(found) if match is not None]
        if not ahead:
            return
        _, index, match = min(ahead, key=lambda item: item[:2])
        said = KINDS[index].read(match)
        if said is None:
            found[index] = KINDS[index].pattern.search(text, match.start() + 1)
            continue
        yield match, said
        end = match.end()
        for place, other in enumerate(found):
            if other is not None and other.start() < end:
                found[place] = KINDS[place].pattern.search(text, end)


def _without_optional(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        word
        for index, word in enumerate(words)
        if not (word == "and" and _optional(words[max(0, index - 1) : index], words[index + 1 : index + 2]))
    )


def _optional(before: tuple[str, ...], after: tuple[str, ...]) -> bool:
    """Whether an 'and' between these words is one that some leave out."""
    return bool(before and after) and before[-1] in HUNDREDS and after[0] in NUMBER_WORDS
