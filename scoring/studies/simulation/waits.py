"""How long a crowd keeps a better model waiting: rounds from its commit to its first verdict and to the top, beside the same without it.

The challenger's hotkey is no newcomer: it committed a weak model some rounds before. The king is old, so that its margin is small.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scoring.competition import Competition
from scoring.studies.simulation.actors import WORTHLESS, Actor, MadeUpModel, Moment, Splitter
from scoring.studies.simulation.estimates import Ratio, ratio
from scoring.studies.simulation.fields import Game
from scoring.studies.simulation.world import World
from scoring.types import RoundNumber

Advance = Callable[[int], None]
KING, WEAK = 0.65, 0.55
LEAD = 0.6
"""The challenger is better than the king by so many standard deviations of their difference: by .03 where that is .05."""
CYCLE = 21
"""Rounds after which a hotkey may commit again: the challenger comes in each of them."""
FIRST, BEFORE, MOST = 42, 25, 60
"""Rounds before the challenger comes; from its weak model to its good one; until it is given up."""
MOST_WAIT = 3.0
"""A crowd costs a better model so many times its rounds at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """Many hotkeys that commit whenever they may: near-copies of the king, or models of this true mean score, each another one.

    `spread` over the rounds, or all in the same ones; `immune` to be deregistered, or not.
    """

    name: str
    hotkeys: int
    quality: float | None = None
    """None: near-copies of the king."""
    spread: bool = False
    immune: bool = False

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """Another model, as soon as the cooldown is over."""
        late = self.spread and moment.own is None and moment.round < moment.place % CYCLE
        if late or not moment.free or moment.king is None:
            return None
        return moment.near_copy(moment.king) if self.quality is None else moment.trained(self.quality)


CROWDS = (
    Crowd(name="240 near-copies of the king at once", hotkeys=240),
    Crowd(name="240 near-copies of the king one after the other, all immune", hotkeys=240, spread=True, immune=True),
    Crowd(name="100 worthless models one after the other", hotkeys=100, quality=WORTHLESS, spread=True),
    Crowd(name="100 models too good for a setback at once", hotkeys=100, quality=0.4),
)


@dataclass(frozen=True, slots=True)
class _Challenger:
    """A weak model, and a better one than the king's in round `first`."""

    quality: float
    first: int

    def commit(self, moment: Moment) -> MadeUpModel | None:
        """One of the two, in its round."""
        qualities: Mapping[int, float] = {self.first - BEFORE: WEAK, self.first: self.quality}
        return moment.trained(qualities[moment.round]) if moment.round in qualities else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRow:
    """A better model among a crowd: mean rounds until its first verdict and until the top, and the same without the crowd."""

    crowd: str
    sd: float
    """Of two models' difference on a group."""
    runs: int
    verdict: float
    verdict_alone: float
    top: float
    top_alone: float
    times: Ratio
    """`top` over `top_alone`."""


def steps(runs: int, sds: int) -> int:
    """Runs that `waits` plays."""
    return (1 + len(CROWDS)) * runs * sds


def waits(competition: Competition, runs: int, sds: Sequence[float], seed: int, advance: Advance) -> Iterator[WaitRow]:
    """Each crowd at each noise; runs come in pairs of the same seed, one of them without the crowd."""
    track = competition.track[0]
    old = track.duel.model_copy(update={"margin_start": track.duel.margin_end})
    rules = competition.alone(track.model_copy(update={"duel": old}))
    for sd in sds:
        alone = [_waited(rules, sd, seed + run, None, advance) for run in range(runs)]
        for crowd in CROWDS:
            found = [_waited(rules, sd, seed + run, crowd, advance) for run in range(runs)]
            yield WaitRow(
                crowd=crowd.name,
                sd=sd,
                runs=runs,
                verdict=statistics.fmean(verdict for verdict, _ in found),
                verdict_alone=statistics.fmean(verdict for verdict, _ in alone),
                top=statistics.fmean(top for _, top in found),
                top_alone=statistics.fmean(top for _, top in alone),
                times=ratio([top for _, top in found], [top for _, top in alone]),
            )


def _waited(rules: Competition, sd: float, seed: int, crowd: Crowd | None, advance: Advance) -> tuple[int, int]:
    """Rounds from the challenger's commit to its first verdict, and to the top; MOST where they did not come."""
    first = FIRST + seed % CYCLE
    challenger = Actor("challenger", _Challenger(KING + LEAD * sd, first), ability=((0, 1.0),))
    crowds = [] if crowd is None else [Actor(crowd.name, crowd, crowd.hotkeys)]
    game = Game(
        actors=[challenger, Actor("king", Splitter(KING, exact=True)), *crowds],
        world=World(sd),
        competition=rules,
        seed=seed,
        immune=frozenset({crowd.name} if crowd is not None and crowd.immune else ()),
    )
    mine, verdict = game.hotkeys[0][0], MOST
    for number in range(first + MOST):
        game.judge(RoundNumber(number))
        game.commit(RoundNumber(number))
        if number > first and verdict == MOST and game.latest[mine].entrant in game.asked:
            verdict = number - first
        if game.state.king is not None and game.known[game.state.king].hotkey == mine:
            advance(1)
            return verdict, number - first
    advance(1)
    return verdict, MOST
