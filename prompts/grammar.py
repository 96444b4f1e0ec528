"""Lines become texts: every slot of a line is filled with a word, a phrase or figures.

A slot is a class in braces: `{tool}`. `{tool2}` is another one of the same class; the same slot twice in a line says the same twice.
`{tool.s}` is the plural, `{go.did}` the past, `{done}` and `{doing}` the participles; `{Tool}` begins with a capital; `{2-19}` is a number.
The article before a slot fits what fills it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from prompts.draw import Draw
from prompts.figures import FIGURES
from prompts.inflect import article
from prompts.vocabulary import Form, Words, inflect

SLOT = re.compile(r"\{(\d+-\d+|[A-Za-z_]+)(\d*)(?:\.(\w+))?\}")
ARTICLE = re.compile(r"((?<![\w'-])a|^A|(?<=[.!?] )A|(?<=[\"(])A) $")
"""Ends what stands before a slot; a capital that begins no sentence is the letter."""
TRIES = 40
"""Words drawn before one that the text has already may come again."""


@dataclass(slots=True)
class Writer:
    """Writes one text: fills lines from a stream of draws, no word of a class twice."""

    draw: Draw
    words: Words
    figures: Mapping[str, Callable[[Draw], str]] = field(default_factory=lambda: FIGURES)
    _said: set[str] = field(default_factory=set)

    def fill(self, line: str) -> str:
        """The line with every slot filled; raises KeyError for a class that there is not."""
        chosen: dict[str, str] = {}
        parts: list[str] = []
        end = 0
        for match in SLOT.finditer(line):
            filling = self._filling(match, chosen)
            parts.append(ARTICLE.sub(lambda found: f"{found[1]}{article(filling)[1:]} ", line[end : match.start()]))  # noqa: B023
            parts.append(filling)
            end = match.end()
        return "".join([*parts, line[end:]])

    def _filling(self, match: re.Match[str], chosen: dict[str, str]) -> str:
        name, number, form = match[1], match[2], Form(match[3]) if match[3] else None
        if name[0].isdigit():
            first, last = name.split("-")
            return str(int(first) + self.draw.below(int(last) - int(first) + 1))
        lower = name[0].lower() + name[1:]
        key = lower + number
        if key not in chosen:
            chosen[key] = self._fresh(lower, form)
        word = inflect(chosen[key], form) or chosen[key]
        return word[0].upper() + word[1:] if name[0].isupper() else word

    def _fresh(self, name: str, form: Form | None) -> str:
        if name in self.figures:
            return self.figures[name](self.draw)
        for _ in range(TRIES):
            entry = self.draw.choice(self.words[name])
            if entry not in self._said and inflect(entry, form):
                break
        self._said.add(entry)
        return self.fill(entry) if "{" in entry else entry
