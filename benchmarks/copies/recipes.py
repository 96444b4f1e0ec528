"""The fine-tunings of the corpus: other data, other seeds, other rates, other parts of the network, whole weights and low ranks."""

from collections.abc import Sequence
from enum import IntEnum

from benchmarks.copies.training import Part, Recipe


class Half(IntEnum):
    """Which models a number comes from: thresholds are chosen on one half of the trainings and reported on the other."""

    CHOOSE = 0
    REPORT = 1


def _of(voice: str, texts: int, part: Part, rate: float, seed: int, rank: int = 0) -> Recipe:
    way = f"rank {rank}" if rank else "whole"
    name = f"{voice}{texts} {part.value} {way} {rate:g} seed {seed}"
    return Recipe(name=name, voice=voice, texts=texts, part=part, rate=rate, seed=seed, rank=rank)


RECIPES: dict[Half, Sequence[Recipe]] = {
    Half.CHOOSE: (
        _of("hibari", 0, Part.DECODER, 1e-5, seed=1),
        _of(
            "hibari", 0, Part.DECODER, 1e-5, seed=2
        ),  # the same but for the seed: the nearest that two miners come by honest work
        _of("hibari", 1, Part.DECODER, 1e-5, seed=1),
        _of("hibari", 0, Part.FLOW, 1e-5, seed=1),
        _of("hibari", 0, Part.FLOW, 1e-5, seed=2),
        _of("hibari", 0, Part.ALL, 1e-5, seed=1),
        _of("hibari", 0, Part.ALL, 1e-5, seed=2),
        _of("hibari", 1, Part.LAST, 2e-5, seed=3),
        _of("f2", 0, Part.ALL, 1e-5, seed=1),
        _of("f2", 1, Part.DECODER, 3e-5, seed=2),
        _of("m1", 0, Part.SOUND, 2e-5, seed=3),
        _of("hibari", 0, Part.SOUND, 2e-4, seed=1, rank=8),
        _of("hibari", 0, Part.SOUND, 2e-4, seed=2, rank=8),
        _of("f2", 0, Part.ALL, 2e-4, seed=3, rank=16),
        _of("joe", 0, Part.ALL, 1e-4, seed=4),
        _of("joe", 1, Part.SOUND, 5e-5, seed=5),
    ),
    Half.REPORT: (
        _of("hibari", 0, Part.SOUND, 1e-5, seed=11),
        _of("hibari", 0, Part.SOUND, 1e-5, seed=12),
        _of("hibari", 1, Part.SOUND, 1e-5, seed=11),
        _of("hibari", 0, Part.LAST, 2e-5, seed=11),
        _of("hibari", 0, Part.LAST, 2e-5, seed=12),
        _of("f2", 0, Part.ALL, 1e-5, seed=11),
        _of("f2", 0, Part.ALL, 1e-5, seed=12),
        _of("hibari", 1, Part.TEXT, 5e-5, seed=13),
        _of("f2", 1, Part.FLOW, 2e-5, seed=11),
        _of("m1", 0, Part.ALL, 1e-5, seed=12),
        _of("m1", 1, Part.DECODER, 3e-5, seed=13),
        _of("hibari", 0, Part.DECODER, 2e-4, seed=11, rank=4),
        _of("hibari", 0, Part.DECODER, 2e-4, seed=12, rank=4),
        _of("m1", 0, Part.ALL, 2e-4, seed=13, rank=16),
        _of("joe", 0, Part.SOUND, 1e-4, seed=14),
        _of("joe", 1, Part.ALL, 5e-5, seed=15),
    ),
}
"""Each half has pairs that differ in nothing but their seed, and others in their data, their rate and what learns.

Whoever learns from joe trains the base on with its own voice: that moves weights far and costs little of its score.
"""
