"""The frontier of the pay: what other king's shares and half-lives would pay to former kings, burn, and offer to tricks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

from scoring.competition import Competition
from scoring.studies.simulation import actors
from scoring.studies.simulation.fields import play
from scoring.studies.simulation.payoff import SETTINGS, Arena, AttackSize
from scoring.studies.simulation.strategy_file import known
from scoring.studies.simulation.world import World

Advance = Callable[[int], None]
KINGS = (0.5, 0.65, 0.8)
HALF_LIVES = (25_200, 50_400)
"""Blocks: half a week, one."""
TRICKS = ("near_copies_before", "staircase_held_back")
SETTING, SD = "overtaken", 0.09
"""Where credit is worth most to a trick: its king is overtaken."""
ROUNDS = 200
"""Of the honest field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierRow:
    """One choice of the pay; shares are of all emission (0 … 1)."""

    king: float
    half_life: int
    """In blocks."""
    former: float
    """What former kings earned in the honest field."""
    burned: float
    """What was burned in it, the trial of the first king among it."""
    trick: str
    """The trick that paid best."""
    ratio: float
    """Its pay-off, and the upper end of that."""
    high: float


def steps(size: AttackSize) -> int:
    """Rounds that `frontier` plays."""
    return len(KINGS) * len(HALF_LIVES) * (ROUNDS + (len(TRICKS) + 1) * size.runs * size.rounds)


def frontier(competition: Competition, size: AttackSize, seed: int, advance: Advance) -> Iterator[FrontierRow]:
    """Every choice, with the same seeds."""
    for king, half_life in product(KINGS, HALF_LIVES):
        track = competition.track[0]
        pay = track.pay.model_copy(update={"king": king, "half_life_blocks": half_life})
        yield _row(competition.alone(track.model_copy(update={"pay": pay})), size, seed, advance)


def _row(rules: Competition, size: AttackSize, seed: int, advance: Advance) -> FrontierRow:
    honest = play(actors.honest(), ROUNDS, world=World(SD), competition=rules, seed=seed, advance=advance)
    found = Arena(rules, size, seed).attack([known()[name] for name in TRICKS], [SETTINGS[SETTING]], [SD], advance)
    worst = max(found, key=lambda row: row.high or 0.0)
    return FrontierRow(
        king=rules.track[0].pay.king,
        half_life=rules.track[0].pay.half_life_blocks,
        former=honest.former / ROUNDS,
        burned=honest.burned / ROUNDS,
        trick=worst.strategy,
        ratio=worst.ratio or 0.0,
        high=worst.high or 0.0,
    )
