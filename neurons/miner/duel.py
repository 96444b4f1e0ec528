"""Whether a checkpoint is better than the last submission by a margin: a validator's own duel, on prompts that both spoke.

The prompts are drawn anew for each pair: none of them chose the checkpoint. Like a king's challengers, the checkpoints that are tried
against one submission share one error, so each further one needs more evidence.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from neurons.miner.journal import ScoreRecord
from scoring.competition import Track
from scoring.ranking import duel
from scoring.ranking.duel import Duel, DuelOutcome
from scoring.types import MICRO, BlockHash, Entrant, Micro, RoundNumber, to_micro


class Outlook(StrEnum):
    """The answer of the evidence so far."""

    OPEN = "open"
    BETTER = "better"
    NOT_BETTER = "not_better"


_OUTLOOKS = {DuelOutcome.OPEN: Outlook.OPEN, DuelOutcome.CROWNED: Outlook.BETTER}
"""Of every other end it is that the checkpoint is not better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelResult:
    """A contest after some rounds."""

    outlook: Outlook
    rounds: int
    groups: int
    lead: float
    """The mean difference of the groups."""
    margin: float
    """The lead that must be shown."""
    evidence: float
    """It decides when it reaches `needed`."""
    needed: float


def prompts_of(challenger: str, incumbent: str, number: int) -> BlockHash:
    """A stand-in for a block hash, from which the prompts of the contest's n-th round are drawn."""
    return BlockHash(f"0x{hashlib.sha256(f'contest/{challenger}/{incumbent}/{number}'.encode()).hexdigest()}")


def duel_result(
    challenger: Sequence[ScoreRecord], incumbent: Sequence[ScoreRecord], rules: Track, nth: int, margin: float | None
) -> DuelResult:
    """The contest over rounds that both were scored in, in order; without a `margin` it is a young king's.

    `nth` (from 1): how many checkpoints were tried against this incumbent, this one included.
    """
    young_kings = duel.margin(rules.duel, 0, incumbent[0].score) if incumbent else Micro(0)
    least = young_kings if margin is None else to_micro(margin)
    state = Duel(
        challenger=Entrant("checkpoint"),
        king=Entrant("last"),
        opened=RoundNumber(0),
        margin=least,
        threshold=duel.threshold(rules.duel, nth),
    )
    rounds = [
        [a - b for a, b in zip(mine.groups, theirs.groups, strict=True)]
        for mine, theirs in zip(challenger, incumbent, strict=True)
    ]
    outcome = DuelOutcome.OPEN
    for differences in rounds:
        if outcome is DuelOutcome.OPEN:
            state = duel.step(state, differences, rules.duel)
            outcome = duel.read(state, rules.duel)
    groups = [difference for differences in rounds for difference in differences]
    return DuelResult(
        outlook=_OUTLOOKS.get(outcome, Outlook.NOT_BETTER),
        rounds=state.rounds,
        groups=state.groups,
        lead=sum(groups) / len(groups) / MICRO if groups else 0.0,
        margin=least / MICRO,
        evidence=state.wealth,
        needed=state.threshold,
    )


def worth(first: ScoreRecord, rules: Track) -> Outlook:
    """Whether a model that nothing is compared with could be paid at all."""
    return Outlook.BETTER if first.score >= rules.pay.floor * MICRO else Outlook.NOT_BETTER
