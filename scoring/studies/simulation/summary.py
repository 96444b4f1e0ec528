"""Several runs of a field, summed up."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from scoring.competition import DuelRules
from scoring.studies.simulation.actors import Actor
from scoring.studies.simulation.estimates import fixed_groups
from scoring.studies.simulation.fields import Played

MINUTES = 5.0
"""An assumption: GPU minutes that an evaluation of 44 samples takes, from fetching the model to the receipt."""
CLEAR = 0.01
"""Points above the margin from which on a challenger counts as truly better: .2 sd of a difference at the measured sd of .05."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earnings:
    """The earnings of all actors of a kind."""

    kind: str
    hotkeys: int
    share: float
    """Of all emission (0 … 1)."""
    each: float
    """Rounds of the whole emission that each registration earned; `least` and `most` are the extremes of all runs."""
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Spending:
    """Groups per settled challenger, with the standard error of the mean, against a test of fixed length with the same errors."""

    settled: int
    groups: float
    stderr: float
    fixed: float

    @property
    def ratio(self) -> float:
        """Ours over theirs: less is better."""
        return self.groups / self.fixed

    @property
    def high(self) -> float:
        """Upper end of the ratio's 95 % interval."""
        return (self.groups + 1.96 * self.stderr) / self.fixed


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSummary:
    """All runs of a field together: the earnings, the changes at the top, the cost."""

    name: str
    runs: int
    rounds: int
    earnings: tuple[Earnings, ...]
    burned: float
    crownings: int
    unearned: int
    """Kings that fell to a model that is not better at all."""
    narrow: int
    """Kings that fell to a model that is better, but not by the margin."""
    better: int
    """Models that are better than the king by the margin and CLEAR more, and came early enough for all rounds of a duel."""
    served: int
    """So many of these, or models as good, took the top."""
    rounds_to_crown: float | None
    """The median of the rounds until then."""
    evaluations: float
    """A run."""
    gpu_hours: float
    spending: Spending | None


def summarise(name: str, actors: Sequence[Actor], rounds: int, played: Sequence[Played], rules: DuelRules) -> FieldSummary:
    """Raises StatisticsError without a run."""
    least, latest = rules.margin_start + CLEAR, rounds - rules.max_rounds
    crownings = [crowning for run in played for crowning in run.crownings]
    better = [debut for run in played for debut in run.debuts if debut.lead >= least and debut.round < latest]
    waits = [debut.served - debut.round + 1 for debut in better if debut.served is not None]
    evaluations = statistics.fmean(run.evaluations for run in played)
    return FieldSummary(
        name=name,
        runs=len(played),
        rounds=rounds,
        earnings=tuple(_earnings(kind, actors, played, rounds) for kind in dict.fromkeys(actor.name for actor in actors)),
        burned=statistics.fmean(run.burned for run in played) / rounds,
        crownings=len(crownings),
        unearned=sum(crowning.lead <= 0.0 for crowning in crownings),
        narrow=sum(0.0 < crowning.lead <= crowning.margin for crowning in crownings),
        better=len(better),
        served=len(waits),
        rounds_to_crown=statistics.median(waits) if waits else None,
        evaluations=evaluations,
        gpu_hours=evaluations * MINUTES / 60.0,
        spending=spending(played),
    )


def _earnings(kind: str, actors: Sequence[Actor], played: Sequence[Played], rounds: int) -> Earnings:
    places = [place for place, actor in enumerate(actors) if actor.name == kind]
    hotkeys = sum(actors[place].hotkeys for place in places)
    totals = [sum(run.earned[place] for place in places) for run in played]
    each = [total / hotkeys for total in totals]
    return Earnings(
        kind=kind,
        hotkeys=hotkeys,
        share=statistics.fmean(totals) / rounds,
        each=statistics.fmean(each),
        least=min(each),
        most=max(each),
    )


def spending(played: Sequence[Played]) -> Spending | None:
    """Of all challengers that were settled; None if there were hardly any."""
    found = [(groups, fixed_groups(needed)) for run in played for needed, groups in run.settled]
    if len(found) < 2:
        return None
    ours = [groups for groups, _ in found]
    return Spending(
        len(found), statistics.fmean(ours), statistics.stdev(ours) / len(ours) ** 0.5, statistics.fmean(n for _, n in found)
    )
