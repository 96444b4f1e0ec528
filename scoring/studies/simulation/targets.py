"""The targets of the competition, and whether the study meets them."""

from collections.abc import Iterable
from dataclasses import dataclass

from scoring.studies.simulation.estimates import Rate
from scoring.studies.simulation.measured import PowerRow, ReignRow, SplitRow, Study

MOST_FALLS = 0.05
LEAST_POWER = 0.9
MOST_SPLIT = 1.0
MOST_SPENT = 0.5
MOSTLY_NO_BETTER = ("mixed", "copies")
"""Fields in which few challengers are better than the king."""
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Target:
    """One of them: `measured` and its 95 % interval in words, `bound` what was asked, `met` whether what was measured keeps to it."""

    name: str
    measured: str
    bound: str
    met: bool


def targets(study: Study) -> list[Target]:
    """All of them, in the order of the page."""
    return [*map(_reign, study.reigns), *map(_power, study.targets), *map(_split, study.splits), *_spending(study)]


def in_words(found: Rate) -> str:
    """A share with its interval."""
    return f"{found.share:.3f} ({found.low:.3f} – {found.high:.3f}, {found.runs} runs)"


def _reign(row: ReignRow) -> Target:
    kind = f"{row.siege.models} models as good as the king"
    if row.siege.at_margin:
        kind = f"{row.siege.models} models better by just the margin, each again and again"
    elif row.siege.again:
        kind += ", each again and again"
    name = f"{kind}, {row.siege.rounds} rounds, sd {row.sd:g}: any dethrones it"
    fell = row.reign.fell
    return Target(name, in_words(fell), f"≤ {MOST_FALLS:g}", fell.share <= MOST_FALLS)


def _power(row: PowerRow) -> Target:
    trial, age = row.trial, "a new king" if row.trial.king_age == 0 else "an old king"
    name = f"better than the margin by {trial.excess:g} sd, challenger {trial.nth} of {age}: crowned within {trial.rounds} rounds"
    crowned = row.power.crowned
    return Target(name, in_words(crowned), f"≥ {LEAST_POWER:g}", crowned.share >= LEAST_POWER)


def _split(row: SplitRow) -> Target:
    case = row.case
    what = ("the best", "the second best")[case.rank]
    how = "copies" if case.exact else "near-copies that lineage misses"
    measured = f"{row.split.ratio:.3f} ({row.split.low:.3f} – {row.split.high:.3f})"
    name = f"{what} model as {case.hotkeys} {how}: earns, of a single key's pay"
    return Target(name, measured, f"≤ {MOST_SPLIT:g}", row.split.ratio <= MOST_SPLIT + _SLACK)


def _spending(study: Study) -> Iterable[Target]:
    for field in study.fields:
        if field.name in MOSTLY_NO_BETTER and field.spending is not None:
            spent = field.spending
            measured = f"{spent.ratio:.3f} (to {spent.high:.3f}, {spent.settled} duels)"
            name = f"field “{field.name}”: groups per settled challenger, of a test of fixed length with the same errors"
            yield Target(name, measured, f"≤ {MOST_SPENT:g}", spent.ratio <= MOST_SPENT)
