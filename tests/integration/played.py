"""Rounds, played from opening to ledger."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scoring.types import RoundNumber

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

_TICKS = 12
"""A round needs fewer from one step to the next."""


async def play(stack: "ValidatorBed", rounds: int = 1, scores: Sequence[int] = (500_000, 600_000)) -> list[RoundNumber]:
    """Open, judge, close and fold rounds one after the other; every submission scores as listed, in the order of its claim."""
    played = []
    for _ in range(rounds):
        number = await _opened(stack)
        for score in scores:
            await stack.judge(await stack.claim(), score)
        for _ in range(_TICKS):
            if not await stack.store.ledger.waiting():
                break
            await stack.tick()
        head = await stack.store.ledger.head()
        assert head is not None
        assert head.round == number
        played.append(number)
    return played


async def _opened(stack: "ValidatorBed") -> RoundNumber:
    before = await stack.store.rounds.latest()
    if before is not None:
        stack.chain.block = (before.round + 1) * 360 + 5
    for _ in range(_TICKS):
        now = await stack.store.rounds.latest()
        if now is not None and now != before:
            return now.round
        await stack.tick()
    raise AssertionError("no round was opened")
