"""The targets of the competition, and whether the study meets them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scoring.studies.simulation.estimates import Rate
from scoring.studies.simulation.measured import PowerRow, ReignRow, Study
from scoring.studies.simulation.payoff import MOST_EXTRA, MOST_RATIO, Payoff
from scoring.studies.simulation.waits import MOST_WAIT, WaitRow

MOST_FALLS = 0.05
LEAST_POWER = 0.9
MOST_SPENT = 0.5
MOSTLY_NO_BETTER = ("mixed", "copies")
"""Fields in which few challengers are better than the king."""


@dataclass(frozen=True, slots=True)
class Target:
    """One of them: `measured` and its 95 % interval in words, `bound` what was asked, `met` whether what was measured keeps to it."""

    name: str
    measured: str
    bound: str
    met: bool


def targets(study: Study) -> list[Target]:
    """All of them, in the order of the page."""
    return [
        *map(_reign, study.reigns),
        *map(_power, study.targets),
        *_attacks(study.attacks),
        *_waits(study.waits),
        *_spending(study),
    ]


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


def _attacks(rows: Sequence[Payoff]) -> Iterable[Target]:
    """Each trick where it pays best."""
    for name in dict.fromkeys(row.strategy for row in rows):
        own = [row for row in rows if row.strategy == name]
        ratios = [row for row in own if row.high is not None]
        if ratios:
            worst = max(ratios, key=lambda row: row.high or 0.0)
            measured = f"{worst.ratio:.3f} ({worst.low:.3f} – {worst.high:.3f}; {worst.setting}, sd {worst.sd:g})"
            met = not any(row.pays for row in ratios)
            yield Target(f"{in_prose(name)}: earns, of an honest hotkey's pay", measured, f"interval ≤ {MOST_RATIO:g}", met)
        shares = [row for row in own if row.high is None]
        if shares:
            worst = max(shares, key=lambda row: row.extra_high)
            measured = f"{worst.earned:.3f} (to {worst.extra_high + worst.honest:.3f}; {worst.setting}, sd {worst.sd:g})"
            met = not any(row.pays for row in shares)
            yield Target(f"{in_prose(name)}, where honest work earns nothing: share", measured, f"≤ {MOST_EXTRA:g}", met)


def _waits(rows: Sequence[WaitRow]) -> Iterable[Target]:
    """Each crowd where it costs most."""
    for crowd in dict.fromkeys(row.crowd for row in rows):
        worst = max((row for row in rows if row.crowd == crowd), key=lambda row: row.times.high)
        measured = f"{worst.times.ratio:.2f} ({worst.times.low:.2f} – {worst.times.high:.2f}; sd {worst.sd:g}, {worst.runs} runs)"
        name = f"a better model among {crowd}: rounds to the top, of those without them"
        yield Target(name, measured, f"interval ≤ {MOST_WAIT:g}", worst.times.high <= MOST_WAIT)


def in_prose(strategy: str) -> str:
    """The name of a strategy in words."""
    return strategy.replace("_", " ")


def _spending(study: Study) -> Iterable[Target]:
    for field in study.fields:
        if field.name in MOSTLY_NO_BETTER and field.spending is not None:
            spent = field.spending
            measured = f"{spent.ratio:.3f} (to {spent.high:.3f}, {spent.settled} challengers)"
            name = f"field “{field.name}”: groups per settled challenger, of a test of fixed length with the same errors"
            yield Target(name, measured, f"≤ {MOST_SPENT:g}", spent.ratio <= MOST_SPENT)
