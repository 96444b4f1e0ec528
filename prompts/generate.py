"""A round's groups, drawn from a block hash: nobody knows before that block what the models will be asked to say.

Draws give the same on every machine and every version of Python. Sentences come from the project's own grammars, descriptions from the
phrases of `prompts.voices`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar, assert_never

import yaml

from prompts.groups import Group, GroupKind, GroupPlan, Prompt
from prompts.voices import ORDINARY, Attribute, Register, Voice, asked_attributes, phrases

T = TypeVar("T")

WORD = 1 << 64
"""Values of a word of the stream, which has 64 bits."""
SEED_BYTES = 32
"""Of a block hash."""
ASKED_LEVELS = (1, 2, 4, 5)
"""Levels drawn for an attribute that is asked; the outermost ones (0, 6) leave the range of natural speech."""
MOST_ASKED = 3
"""Attributes out of the ordinary in one description, at most."""
CONTRAST_LEVELS = (1, 5)
"""Levels of a counterfactual pair: low, high."""
FOLDER = Path(__file__).with_name("corpus")
KINDS = ("roleplay", "numbers", "names", "questions", "feelings")
"""Kinds of sentences, a file of the corpus each."""
SLOT = re.compile(r"\{(\w+)\}")
"""A place in a line that a word or a number fills."""


def generate(seed: bytes, plan: GroupPlan) -> tuple[Group, ...]:
    """The groups of the round whose first block has this hash (32 bytes): texts distinct, order shuffled, ids g00 …

    The same on every machine. Raises ValueError unless the seed has 32 bytes.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed is the {SEED_BYTES} bytes of a block hash, not {len(seed)} bytes")
    kinds = [GroupKind.SINGLE] * plan.single + [GroupKind.COUNTERFACTUAL] * plan.counterfactual + [GroupKind.VOICE] * plan.voice
    used: set[str] = set()
    return tuple(
        _group(f"g{index:02d}", kind, Draw(seed, f"group {index}"), used)
        for index, kind in enumerate(Draw(seed, "order").shuffle(kinds))
    )


class Draw:
    """A stream of unbiased draws; one (seed, label) always gives one stream, and another label an independent one."""

    def __init__(self, seed: bytes, label: str) -> None:
        self._key = hashlib.sha256(len(seed).to_bytes(4, "big") + seed + label.encode()).digest()
        self._counter = 0

    def below(self, n: int) -> int:
        """An integer uniform in 0 … n - 1; raises ValueError unless 1 ≤ n ≤ 2**64."""
        if not 1 <= n <= WORD:
            raise ValueError(f"a draw is below 1 … 2**64, not {n}")
        bound = WORD - WORD % n  # words at or above it would favour small remainders
        while (word := self._word()) >= bound:
            pass
        return word % n

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, each equally likely."""
        return items[self.below(len(items))]

    def shuffle(self, items: Sequence[T]) -> tuple[T, ...]:
        """The items in a uniformly random order."""
        left = list(items)
        return tuple(left.pop(self.below(len(left))) for _ in items)

    def _word(self) -> int:
        block = hashlib.sha256(self._key + self._counter.to_bytes(8, "big")).digest()
        self._counter += 1
        return int.from_bytes(block[:8], "big")


def _group(name: str, kind: GroupKind, draw: Draw, used: set[str]) -> Group:
    match kind:
        case GroupKind.SINGLE:
            return Group(name, kind, _same_voice(name, 1, draw, used))
        case GroupKind.VOICE:
            return Group(name, kind, _same_voice(name, 2, draw, used))
        case GroupKind.COUNTERFACTUAL:
            return _counterfactual(name, draw, used)
        case unreachable:
            assert_never(unreachable)


def _same_voice(name: str, texts: int, draw: Draw, used: set[str]) -> tuple[Prompt, ...]:
    voice = _voice(draw)
    description = describe(voice, name_speaker(voice.register, draw), draw)
    return tuple(Prompt(f"{name}.{letter}", _fresh(draw, used), description, voice) for letter in "ab"[:texts])


def _counterfactual(name: str, draw: Draw, used: set[str]) -> Group:
    contrast, text, voice = draw.choice(tuple(Attribute)), _fresh(draw, used), _ordinary(draw)
    speaker = name_speaker(voice.register, draw)
    sides = [voice.with_level(contrast, level) for level in CONTRAST_LEVELS]
    prompts = (
        Prompt(f"{name}.{letter}", text, describe(side, speaker, draw), side) for letter, side in zip("ab", sides, strict=True)
    )
    return Group(name, GroupKind.COUNTERFACTUAL, tuple(prompts), contrast)


def _ordinary(draw: Draw) -> Voice:
    return Voice(register=draw.choice(tuple(Register)), rate=ORDINARY, pitch=ORDINARY, expression=ORDINARY, loudness=ORDINARY)


def _voice(draw: Draw) -> Voice:
    """A voice with one to three attributes out of the ordinary."""
    voice = _ordinary(draw)
    for attribute in draw.shuffle(tuple(Attribute))[: 1 + draw.below(MOST_ASKED)]:
        voice = voice.with_level(attribute, draw.choice(ASKED_LEVELS))
    return voice


def _fresh(draw: Draw, used: set[str]) -> str:
    """A sentence that this round has not asked yet."""
    while (text := draw.choice(grammars()).sentence(draw)) in used:
        pass
    used.add(text)
    return text


def name_speaker(register: Register | None, draw: Draw) -> str:
    """Draw words for a speaker, e.g. 'a deep-voiced man'."""
    return draw.choice(phrases().speakers[register])


def describe(voice: Voice, speaker: str, draw: Draw) -> str:
    """One sentence that asks for the voice, e.g. 'A deep-voiced man speaks very slowly and in a monotone.'"""
    known = phrases()
    manner = [draw.choice(known.levels[attribute][voice.level(attribute)]) for attribute in draw.shuffle(asked_attributes(voice))]
    if not manner:
        manner = [draw.choice(known.levels[draw.choice(tuple(Attribute))][ORDINARY])]
    said = " and ".join([part for part in (", ".join(manner[:-1]), manner[-1]) if part])
    return f"{speaker[0].upper()}{speaker[1:]} speaks {said}."


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
