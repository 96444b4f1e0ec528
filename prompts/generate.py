"""A round's groups, drawn from a block hash: nobody knows before that block what the models will be asked to say.

Draws give the same on every machine and every version of Python. Sentences come from the project's own grammars, descriptions from the
phrases of `prompts.voices`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import assert_never

from prompts.draw import Draw
from prompts.groups import Group, GroupKind, GroupPlan, Prompt
from prompts.texts import Text, Texts
from prompts.voices import ORDINARY, Attribute, Register, Voice, asked_attributes, phrases

SEED_BYTES = 32
"""Of a block hash."""
ASKED_LEVELS = (1, 5)
"""Levels drawn for an attribute that is asked, and those of a counterfactual pair: low, high. The outermost ones (0, 6) leave the range
of natural speech; those next to the ordinary (2, 4) are some voices' own."""
MOST_ASKED = 3
"""Attributes out of the ordinary in one description, at most."""
_KEPT = 8
"""Rounds and plans of which the groups are kept."""


@lru_cache(maxsize=_KEPT)
def generate(seed: bytes, plan: GroupPlan) -> tuple[Group, ...]:
    """The groups of the round whose first block has this hash (32 bytes): texts distinct, order shuffled, ids g00 …

    The same on every machine. The last few are kept: whoever checks a round's receipts asks for its groups with each of them. Raises
    ValueError unless the seed has 32 bytes, and for counterfactual pairs that have nothing to differ in.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed is the {SEED_BYTES} bytes of a block hash, not {len(seed)} bytes")
    if plan.counterfactual and not plan.asks:
        raise ValueError("counterfactual pairs differ in an attribute that may be asked, and none may")
    kinds = [GroupKind.SINGLE] * plan.single + [GroupKind.COUNTERFACTUAL] * plan.counterfactual + [GroupKind.VOICE] * plan.voice
    texts = Texts(seed, plan.single + plan.counterfactual + 2 * plan.voice)
    return tuple(
        _group(f"g{index:02d}", kind, Draw(seed, f"group {index}"), texts, plan.asks)
        for index, kind in enumerate(Draw(seed, "order").shuffle(kinds))
    )


def _group(name: str, kind: GroupKind, draw: Draw, texts: Texts, asks: Sequence[Attribute]) -> Group:
    match kind:
        case GroupKind.SINGLE:
            return Group(name, kind, _same_voice(name, "a", _voice(draw, asks), draw, texts))
        case GroupKind.VOICE:
            return Group(name, kind, _same_voice(name, "ab", _voice(draw, asks), draw, texts))
        case GroupKind.COUNTERFACTUAL:
            return _counterfactual(name, draw, texts, asks)
        case unreachable:
            assert_never(unreachable)


def _same_voice(name: str, letters: str, voice: Voice, draw: Draw, texts: Texts) -> tuple[Prompt, ...]:
    description = describe(voice, name_speaker(voice.register, draw), draw)
    return tuple(_prompt(f"{name}.{letter}", texts.fresh(), description, voice) for letter in letters)


def _counterfactual(name: str, draw: Draw, texts: Texts, asks: Sequence[Attribute]) -> Group:
    contrast, text, voice = draw.choice(asks), texts.fresh(), _ordinary(draw, asks)
    speaker = name_speaker(voice.register, draw)
    sides = [voice.with_level(contrast, level) for level in ASKED_LEVELS]
    prompts = (
        _prompt(f"{name}.{letter}", text, describe(side, speaker, draw), side) for letter, side in zip("ab", sides, strict=True)
    )
    return Group(name, GroupKind.COUNTERFACTUAL, tuple(prompts), contrast)


def _prompt(name: str, text: Text, description: str, voice: Voice) -> Prompt:
    return Prompt(id=name, text=text.words, description=description, voice=voice, kind=text.kind)


def _ordinary(draw: Draw, asks: Sequence[Attribute]) -> Voice:
    """A voice of a register, if its pitch may be asked."""
    return Voice(register=draw.choice(tuple(Register)) if Attribute.PITCH in asks else None)


def _voice(draw: Draw, asks: Sequence[Attribute]) -> Voice:
    """A voice with one to three of what may be asked out of the ordinary: never its loudness, which no clip shows alone."""
    voice = _ordinary(draw, asks)
    audible = [attribute for attribute in asks if attribute is not Attribute.LOUDNESS]
    if audible:
        for attribute in draw.shuffle(audible)[: 1 + draw.below(MOST_ASKED)]:
            voice = voice.with_level(attribute, draw.choice(ASKED_LEVELS))
    return voice


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
