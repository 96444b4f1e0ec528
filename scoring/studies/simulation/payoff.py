"""The pay-off of a strategy: what its hotkeys earn together, against one honest hotkey of the same ability in the same field."""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from scoring.competition import Competition
from scoring.studies.simulation.actors import Actor, Improver, SlowStarter
from scoring.studies.simulation.estimates import half_interval, ratio
from scoring.studies.simulation.fields import play
from scoring.studies.simulation.strategy_file import StrategyFile, known
from scoring.studies.simulation.world import NewScale, World

Advance = Callable[[int], None]
SDS = (0.05, 0.09, 0.18)
"""Standard deviations of two models' difference on a group: alike, between, and of voices in two registers."""
MOST_RATIO = 1.05
"""The upper end of an interval up to which a trick does not pay."""
MOST_EXTRA = 0.05
"""The same where honest work earns next to nothing: a share of all emission."""
LEAST_HONEST = 0.02
"""A ratio says something from this share of all emission on that honest work earns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A field in which a miner tries its luck: the others, and its own ability, from a round on."""

    name: str
    what: str
    """The miner's situation, in words."""
    others: tuple[Actor, ...]
    ability: tuple[tuple[int, float], ...]
    new_scale: NewScale | None = None


def _static(quality: float, first: int = 0) -> Actor:
    return Actor("other", Improver(quality, step=0.0, every=10**9, first=first))


_FIELD = tuple(map(_static, (0.62, 0.58, 0.54)))
SETTINGS: Mapping[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(name="first", what="it is the best from the start", others=(*_FIELD, _static(0.66)), ability=((0, 0.76),)),
        Setting(name="newcomer", what="it comes later than all others, and is the best", others=_FIELD, ability=((12, 0.72),)),
        Setting(
            name="overtaken",
            what="it is the best until a better one comes in round 60",
            others=(*_FIELD, _static(0.82, 60)),
            ability=((0, 0.74),),
        ),
        Setting(
            name="improver",
            what="it improves every 24 rounds, and another one comes between in round 60",
            others=(*_FIELD, _static(0.75, 60)),
            ability=((0, 0.60), (24, 0.64), (48, 0.68), (72, 0.72), (96, 0.78)),
        ),
        Setting(
            name="king commits again",
            what="it can only copy a king, who commits a better model in round 30",
            others=(Actor("victim", SlowStarter(0.66, 0.68, 30)), *_FIELD),
            ability=((0, 0.50),),
        ),
        Setting(
            name="profile changes",
            what="the same in round 24, from which on scores are measured otherwise",
            others=(Actor("victim", SlowStarter(0.66, 0.68, 24)), *_FIELD),
            ability=((0, 0.50),),
            new_scale=NewScale(24, 0.05),
        ),
    )
}
"""By name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payoff:
    """What a strategy earned in a setting, in shares of all emission (0 … 1), means over the runs."""

    strategy: str
    setting: str
    sd: float
    """Of two models' difference on a group."""
    runs: int
    earned: float
    """By all hotkeys together."""
    honest: float
    """By one honest hotkey."""
    extra_high: float
    """Upper end of the 95 % interval of the difference."""
    ratio: float | None
    """`earned` over `honest`, and its 95 % interval; None where honest work earns next to nothing."""
    low: float | None
    high: float | None

    @property
    def pays(self) -> bool:
        """Whether it is not excluded that the trick pays: the upper end of its interval is above the bound."""
        return self.extra_high > MOST_EXTRA if self.high is None else self.high > MOST_RATIO

    @property
    def surely(self) -> bool:
        """Whether the trick pays, and that is no chance: its whole interval is above what one honest hotkey earns."""
        return self.pays and self.low is not None and self.low > 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackSize:
    """Runs of each setting and noise, and the rounds of a run; `most` for a strategy that asks for more runs."""

    runs: int = 20
    most: int = 400
    rounds: int = 120


LONG = AttackSize()
QUICK = AttackSize(runs=20, most=20, rounds=72)
"""Long enough to be crowned once, and overtaken."""


@dataclass(frozen=True, slots=True)
class Arena:
    """The rules, the seeds and the length of the runs in which strategies are compared."""

    competition: Competition
    size: AttackSize
    seed: int

    def runs(self, strategy: StrategyFile) -> int:
        """The runs in which a strategy is compared."""
        return min(max(self.size.runs, strategy.runs), self.size.most)

    def earnings(self, strategy: StrategyFile, setting: Setting, sd: float, advance: Advance, runs: int) -> list[float]:
        """What the strategy's miner earns in each of these runs, as a share of all emission."""
        return [
            play(
                (strategy.miner(setting.ability), *setting.others),
                self.size.rounds,
                world=World(sd, new_scale=setting.new_scale),
                competition=self.competition,
                seed=self.seed + run,
                advance=advance,
            ).earned[0]
            / self.size.rounds
            for run in range(runs)
        ]

    def attack(
        self, strategies: Sequence[StrategyFile], settings: Sequence[Setting], sds: Sequence[float], advance: Advance
    ) -> Iterator[Payoff]:
        """The pay-off of each strategy in each setting at each noise. Runs come in pairs of the same seed, one of them honest."""
        honest = known()["honest"]
        for setting, sd, (runs, same) in product(settings, sds, self._by_runs(strategies).items()):
            plain = self.earnings(honest, setting, sd, advance, runs)
            for strategy in same:
                mine = self.earnings(strategy, setting, sd, advance, runs)
                yield payoff((strategy.name, setting.name), sd, mine, plain)

    def steps(self, strategies: Sequence[StrategyFile], settings: int, sds: int) -> int:
        """Rounds that `attack` plays."""
        played = sum((len(same) + 1) * runs for runs, same in self._by_runs(strategies).items())
        return played * settings * sds * self.size.rounds

    def _by_runs(self, strategies: Sequence[StrategyFile]) -> Mapping[int, list[StrategyFile]]:
        found: dict[int, list[StrategyFile]] = {}
        for strategy in strategies:
            found.setdefault(self.runs(strategy), []).append(strategy)
        return found


def payoff(name: tuple[str, str], sd: float, mine: Sequence[float], honest: Sequence[float]) -> Payoff:
    """Of a strategy in a setting, from the earnings of each pair of runs; raises ValueError for fewer than two.

    The ratio is of the means; its interval is from what each pair of runs leaves of it.
    """
    if len(mine) < 2:
        raise ValueError("an interval needs two runs")
    earned, plain = statistics.fmean(mine), statistics.fmean(honest)
    found = ratio(mine, honest) if plain >= LEAST_HONEST else None
    return Payoff(
        strategy=name[0],
        setting=name[1],
        sd=sd,
        runs=len(mine),
        earned=earned,
        honest=plain,
        extra_high=earned - plain + half_interval([many - one for many, one in zip(mine, honest, strict=True)]),
        ratio=None if found is None else found.ratio,
        low=None if found is None else found.low,
        high=None if found is None else found.high,
    )
