"""A round's groups, drawn from a block hash: nobody knows before that block what the models will be asked to say."""

from typing import assert_never

from prompts.draw import Draw
from prompts.groups import Attribute, Group, GroupKind, GroupPlan, Prompt, Register, Voice
from prompts.sentences import grammars
from prompts.voices import ORDINARY, describe, name_speaker

SEED_BYTES = 32
ASKED_LEVELS = (1, 2, 4, 5)
"""Levels drawn for an attribute that is asked; the outermost ones (0, 6) leave the range of natural speech."""
MOST_ASKED = 3
"""Attributes out of the ordinary in one description, at most."""
CONTRAST_LEVELS = (1, 5)
"""Levels of a counterfactual pair: low, high."""


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
