"""All that docs/incentives.md states, simulated in one go."""

import os
import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context

from scoring.competition import Competition
from scoring.studies.simulation import actors, frontier, payoff, waits
from scoring.studies.simulation.fields import play
from scoring.studies.simulation.measured import PowerRow, ReignRow, Study, StudyOrigin
from scoring.studies.simulation.payoff import LONG, SETTINGS, Arena, AttackSize, Payoff, Setting
from scoring.studies.simulation.power import PowerTrial, power
from scoring.studies.simulation.reign import Siege, besiege
from scoring.studies.simulation.strategy_file import StrategyFile, known
from scoring.studies.simulation.summary import FieldSummary, summarise
from scoring.studies.simulation.world import World

MEASURED_SD = 0.05
"""Standard deviation of two models' difference on a group, as docs/measured/round_variance.json has it."""
SDS = (0.05, 0.1, 0.2, 0.3)
FAILURES = (0.0, 0.01, 0.02, 0.04)
WITHIN = {0.2: 24, 0.3: 12}
"""Rounds in which a challenger better than the margin by so many sd is to be crowned."""
WAIT_SEED = 10_000
"""The queue's places were chosen on the seeds before."""
FRESH, OLD = 0, 10**6
"""A king's age in blocks: the margin at its largest, and at its smallest."""

Advance = Callable[[int], None]
Bar = Callable[[str, int], Advance]
"""Begins a part of so many steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySize:
    """The size of a study: runs and rounds of each part."""

    reign_runs: int = 400
    reign_rounds: int = 500
    power_runs: int = 4000
    attack: AttackSize = LONG
    wait_runs: int = 42
    wait_sds: tuple[float, ...] = payoff.SDS
    field_runs: int = 6
    field_rounds: int = 300


SMALL = StudySize(
    reign_runs=20,
    reign_rounds=40,
    power_runs=100,
    attack=AttackSize(runs=4, most=4, rounds=48),
    wait_runs=2,
    wait_sds=(0.05,),
    field_runs=1,
    field_rounds=30,
)
"""Says little, and quickly."""


def simulate(size: StudySize, competition: Competition, origin: StudyOrigin, bar: Bar) -> Study:
    """The whole study; the origin's seed decides everything in it."""
    seed = origin.seed
    return Study(
        origin=origin,
        reigns=tuple(_reigns(size, competition, seed, bar)),
        targets=tuple(_powers("better challengers", _targets(size), competition, seed, bar)),
        table=tuple(_powers("power by sd and failures", _table(size), competition, seed, bar)),
        curve=tuple(_powers("power by lead", _curve(size), competition, seed, bar)),
        attacks=tuple(_attacks(size, competition, seed, bar)),
        waits=tuple(
            waits.waits(
                competition,
                size.wait_runs,
                size.wait_sds,
                seed + WAIT_SEED,
                bar("a crowd in the queue", waits.steps(size.wait_runs, len(size.wait_sds))),
            )
        ),
        frontier=tuple(
            frontier.frontier(competition, size.attack, seed, bar("other shares and half-lives", frontier.steps(size.attack)))
        ),
        fields=tuple(
            field(name, size.field_rounds, size.field_runs, competition=competition, seed=seed, bar=bar) for name in actors.FIELDS
        ),
    )


def field(name: str, rounds: int, runs: int, *, competition: Competition, seed: int, bar: Bar) -> FieldSummary:
    """Several runs of one field; raises KeyError for a name that FIELDS does not have."""
    who = actors.FIELDS[name]()
    advance = bar(f"field: {name}", rounds * runs)
    played = [
        play(who, rounds, world=World(MEASURED_SD), competition=competition, seed=seed + run, advance=advance)
        for run in range(runs)
    ]
    return summarise(name, who, rounds, played, competition.track[0].duel)


def _reigns(size: StudySize, competition: Competition, seed: int, bar: Bar) -> Iterable[ReignRow]:
    kinds: tuple[Mapping[str, bool], ...] = ({}, {"again": True}, {"again": True, "at_margin": True})
    cases = list(product(kinds, (MEASURED_SD / 2, MEASURED_SD, MEASURED_SD * 2)))
    advance = bar("a king among equals", size.reign_rounds * len(cases))
    for kind, sd in cases:
        siege = Siege(models=99, rounds=size.reign_rounds, runs=size.reign_runs, **kind)
        yield ReignRow(sd=sd, siege=siege, reign=besiege(siege, World(sd), competition, seed, advance))


def _targets(size: StudySize) -> list[tuple[float, float, PowerTrial]]:
    return [
        (MEASURED_SD, 0.0, PowerTrial(excess=excess, rounds=rounds, nth=nth, king_age=age, runs=size.power_runs))
        for (excess, rounds), nth, age in product(WITHIN.items(), (1, 50), (FRESH, OLD))
    ]


def _table(size: StudySize) -> list[tuple[float, float, PowerTrial]]:
    return [
        (sd, failures, PowerTrial(excess=excess, rounds=rounds, nth=50, king_age=OLD, runs=size.power_runs // 2))
        for sd, failures, (excess, rounds) in product(SDS, FAILURES, WITHIN.items())
    ]


def _curve(size: StudySize) -> list[tuple[float, float, PowerTrial]]:
    leads = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
    return [
        (MEASURED_SD, 0.0, PowerTrial(excess=excess, rounds=24, nth=nth, king_age=OLD, runs=size.power_runs // 4))
        for nth, excess in product((1, 50), leads)
    ]


def _powers(
    name: str, cases: list[tuple[float, float, PowerTrial]], competition: Competition, seed: int, bar: Bar
) -> Iterable[PowerRow]:
    advance = bar(name, len(cases))
    for place, (sd, failures, trial) in enumerate(cases):
        found = power(trial, World(sd, failures), competition, seed + place)
        yield PowerRow(sd=sd, failures=failures, trial=trial, power=found)
        advance(1)


def _attacks(size: StudySize, competition: Competition, seed: int, bar: Bar) -> Iterable[Payoff]:
    """Every trick of the folder, where it has something to win: settings and spreads side by side, one on each core."""
    tricks = [strategy for name, strategy in known().items() if name != "honest"]
    arena = Arena(competition, size.attack, seed)
    where = {name: [trick for trick in tricks if name in trick.where] for name in SETTINGS}
    advance = bar("tricks", sum(arena.steps(found, 1, len(payoff.SDS)) for found in where.values() if found))
    cases = [(found, SETTINGS[name], sd) for name, found in where.items() if found for sd in payoff.SDS]
    cores = len(os.sched_getaffinity(0))
    # Left by Ctrl-C, a Pool ends its processes, and they leave the signal to it; an executor would play all that waits first.
    with get_context("spawn").Pool(cores, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        for (found, *_), rows in zip(cases, pool.imap(partial(_attacked, arena), cases), strict=True):
            yield from rows
            advance(arena.steps(found, 1, 1))


def _attacked(arena: Arena, case: tuple[list[StrategyFile], Setting, float]) -> list[Payoff]:
    """The pay-offs of some tricks in a setting at a spread."""
    tricks, setting, sd = case
    return list(arena.attack(tricks, [setting], [sd], lambda _: None))
