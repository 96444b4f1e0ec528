"""The batches in which a model is asked a round's prompts: a function of the round, of its rules and of the family, and of nothing else.

What a row sounds like may depend on its neighbours: up to rounding everywhere, and in bfloat16 by more. So whoever lets a model speak
again asks it in the same batches: the next guest after a late answer, the next worker after one that died, and whoever verifies a
receipt, which names everything that they follow from.
"""

import random
from collections.abc import Collection, Sequence

from scoring.competition import Track
from scoring.synthesis.families import FAMILIES
from scoring.types import BlockHash
from workers.evaluation.requests import TimedRequest, requests_of

Batch = tuple[TimedRequest, ...]
_CHANCE = random.SystemRandom()


def batches_of(family: str, track: Track, block_hash: BlockHash) -> tuple[Batch, ...]:
    """Every prompt of the round whose first block has this hash, once, in the batches in which a family's models are asked them."""
    asked = requests_of(family, track.groups(block_hash), block_hash, track.limits)
    return composed(asked, track.synthesis.batch if FAMILIES[family].capabilities.batch else 1)


def composed(asked: Sequence[TimedRequest], size: int) -> tuple[Batch, ...]:
    """The requests in batches of at most `size`, short texts together and those of one length in their order; one by one in their order."""
    by_length = asked if size == 1 else sorted(asked, key=lambda timed: len(timed.request.text))
    return tuple(tuple(by_length[start : start + size]) for start in range(0, len(by_length), size))


def batches_with(batches: Sequence[Batch], prompts: Collection[str]) -> tuple[Batch, ...]:
    """The batches that hold one of these prompts at least, whole."""
    return tuple(batch for batch in batches if any(timed.request.prompt_id in prompts for timed in batch))


def reordered(batches: Sequence[Batch]) -> tuple[Batch, ...]:
    """The same batches in an order that nobody could know before, and not in this one: what a batch sounds like is no matter of it."""
    order = list(batches)
    while len(batches) > 1 and order == list(batches):
        _CHANCE.shuffle(order)
    return tuple(order)
