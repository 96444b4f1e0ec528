"""A worker that lies for one hotkey, by what an audit forgives: what the hotkey earns until the drift is found, and afterwards.

Its friend's model is as good as the king's. The worker judges every evaluation, and is honest about all others. What was folded before
it was found stays folded, so whoever it crowned reigns on.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from scoring.competition import AuditRules, Competition
from scoring.receipts.audit import mean_tolerance
from scoring.receipts.drift import Deviation, accused_at
from scoring.studies.simulation.actors import Actor, Improver
from scoring.studies.simulation.audits import LIE
from scoring.studies.simulation.estimates import Rate, rate
from scoring.studies.simulation.fields import play
from scoring.studies.simulation.world import World
from scoring.types import MICRO, Hotkey, Micro, Uid, Weight

RATES = (0.05, 0.2, 1.0)
"""Shares of the evaluations that one auditor judges again; the first is the setting's default."""
SDS = (0.05, 0.18)
ARRIVES = 100
"""The friend's first round: the king's margin is at its smallest then, for which the lie is enough."""
FRIEND = Uid(1)


def _static(quality: float, first: int = 0) -> Actor:
    return Actor("model", Improver(quality, step=0.0, every=10**9, first=first))


FIELD = (_static(0.66, ARRIVES), *map(_static, (0.66, 0.62, 0.58, 0.54)))
"""The friend, the king that is as good, and others."""


@dataclass(slots=True, kw_only=True)
class LyingWorker:
    """The worker: raises the scores of `friend` by a part of the tolerance, until one auditor's test accuses it."""

    friend: Hotkey
    rules: AuditRules
    samples: int
    """Of an evaluation: an audit forgives a mean deviation of .1 over their root."""
    audited: float
    """The share of its evaluations that is judged again."""
    generator: np.random.Generator
    found: int | None = None
    """The round in which it is accused."""
    deviations: list[Deviation] = field(default_factory=list)

    def __call__(self, number: int, judged: Sequence[Hotkey]) -> Mapping[Hotkey, float]:
        """What it adds to the scores of a round, by hotkey; nothing once it is found, because its receipts count no more."""
        if self.found is not None:
            return {}
        tolerance = mean_tolerance(self.samples)
        lie = Micro(round(LIE * tolerance))
        drawn = [hotkey for hotkey in judged if self.generator.random() < self.audited]
        self.deviations += [Deviation(hotkey, lie if hotkey == self.friend else Micro(0), tolerance) for hotkey in drawn]
        if self.friend in drawn and accused_at(self.deviations, self.rules) is not None:
            self.found = number
        return {self.friend: lie / MICRO}


@dataclass(frozen=True, slots=True, kw_only=True)
class FriendsPay:
    """What the friend of a lying worker earns, at an auditor's rate and a noise; means over the runs."""

    sd: float
    """Of two models' difference on a group."""
    audited: float
    rounds: int
    """Of a run, after the friend came."""
    crowned: Rate
    """Runs in which it ever was king."""
    found: Rate
    """Runs in which the worker was accused."""
    until_found: float | None
    """Rounds until then, the median of those runs; None without any."""
    before: float
    """The friend's share of the emission from its first round until then."""
    after: float | None
    """Its share afterwards; None where no run saw that."""


@dataclass(frozen=True, slots=True)
class _Run:
    shares: Sequence[Weight]
    """The friend's by round, from its first one on."""
    found: int | None
    """The number of these rounds until the worker was accused."""


def friends(
    competition: Competition, *, runs: int, rounds: int, seed: int, advance: Callable[[int], None]
) -> tuple[FriendsPay, ...]:
    """Every noise and every rate, so many runs of so many rounds each."""
    rows = []
    for sd, audited in product(SDS, RATES):
        played = [_run(competition, sd, audited, rounds=rounds, seed=seed + run, advance=advance) for run in range(runs)]
        rows.append(_summed(played, sd, audited, rounds))
    return tuple(rows)


def steps(runs: int, rounds: int) -> int:
    """Rounds that `friends` plays."""
    return len(SDS) * len(RATES) * runs * (ARRIVES + rounds)


def _run(competition: Competition, sd: float, audited: float, *, rounds: int, seed: int, advance: Callable[[int], None]) -> _Run:
    plan = competition.track[0].prompts.plan
    worker = LyingWorker(
        friend=Hotkey("actor0-0"),
        rules=competition.audits,
        samples=plan.single + 2 * (plan.counterfactual + plan.voice),
        audited=audited,
        generator=np.random.default_rng([seed, 2]),
    )
    world = World(sd)
    found = play(FIELD, ARRIVES + rounds, world=world, competition=competition, seed=seed, advance=advance, bias=worker)
    shares = [vector.get(FRIEND, Weight(0.0)) for vector in found.vectors[ARRIVES:]]
    return _Run(shares, None if worker.found is None else worker.found - ARRIVES + 1)


def _summed(played: Sequence[_Run], sd: float, audited: float, rounds: int) -> FriendsPay:
    ends = [run.found for run in played if run.found is not None]
    later = [statistics.fmean(run.shares[run.found :]) for run in played if run.found is not None and run.found < rounds]
    return FriendsPay(
        sd=sd,
        audited=audited,
        rounds=rounds,
        crowned=rate(sum(max(run.shares) > 0.5 for run in played), len(played)),
        found=rate(len(ends), len(played)),
        until_found=statistics.median(ends) if ends else None,
        before=statistics.fmean(statistics.fmean(run.shares[: run.found]) for run in played),
        after=statistics.fmean(later) if later else None,
    )
