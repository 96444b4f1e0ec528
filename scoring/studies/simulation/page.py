"""docs/incentives.md and its charts, rendered: every number is read from code, from competition.toml, or from the study's result."""

from collections.abc import Mapping
from pathlib import Path

from scoring.competition import load
from scoring.described import described
from scoring.markdown import template
from scoring.ranking import credit, duel, queue, throne
from scoring.studies.simulation import chart, estimates, frontier, payoff, rivals, study, summary, waits, worked
from scoring.studies.simulation.chart import Labels
from scoring.studies.simulation.estimates import Rate
from scoring.studies.simulation.fields import BASE
from scoring.studies.simulation.measured import PowerRow, Study, rules_hash
from scoring.studies.simulation.payoff import SETTINGS, Payoff
from scoring.studies.simulation.rivals import RivalLine, Rivals
from scoring.studies.simulation.targets import in_prose, targets

TEMPLATE = "incentives.md.j2"


def render(found: Study, others: Rivals, page: Path) -> Mapping[Path, str]:
    """The page at that path and its charts in a folder of its name beside it; `others` is our duel against other rules."""
    folder = page.with_suffix("")
    competition = load().version[-1]
    fields = {field.name: field for field in found.fields}
    text = template(Path(__file__).with_name(TEMPLATE)).render(
        competition=competition,
        rules=competition.track[0],
        described=described(),
        found=found,
        stale=found.origin.rules_hash != rules_hash(competition),
        targets=targets(found),
        worked=worked,
        summary=summary,
        estimates=estimates,
        credit=credit,
        throne=throne,
        settings=tuple(SETTINGS.values()),
        places=lambda share: queue.places(share, competition.track[0]),
        waits=waits,
        duel=duel,
        sd=study.MEASURED_SD,
        base=BASE,
        mixed=fields["mixed"],
        table=_table(found),
        failures=study.FAILURES,
        payoffs=_payoffs(found),
        noises=payoff.SDS,
        frontier=frontier,
        soon=_median(found, 1, 0.4),
        late=_median(found, 1, 0.2),
        rivals=others,
        rival_lines=others.lines,
        rival_rounds=rivals.ROUNDS,
        rival_copies=rivals.COPIES,
        folder=folder.name,
    )
    return {page: text, **{folder / name: drawn for name, drawn in _charts(found, others).items()}}


def _table(found: Study) -> list[tuple[float, float, list[Rate]]]:
    """sd, lead, and the rate for each share of failures."""
    rows: dict[tuple[float, float], list[Rate]] = {}
    for row in found.table:
        rows.setdefault((row.trial.excess, row.sd), []).append(row.power.crowned)
    return [(excess, sd, rates) for (excess, sd), rates in sorted(rows.items())]


def _median(found: Study, nth: int, excess: float) -> int | None:
    """Rounds in which half of such challengers were crowned."""
    return next(row.power.median_rounds for row in found.curve if row.trial.nth == nth and row.trial.excess == excess)


def _charts(found: Study, others: Rivals) -> Mapping[str, str]:
    curves = {f"challenger {nth}": [row for row in found.curve if row.trial.nth == nth] for nth in (1, 50)}
    mixed = next(field for field in found.fields if field.name == "mixed")
    crowned = Labels(
        "A lead beyond the margin, and the chance of the top in 24 rounds", "lead beyond the margin, sd", "share crowned"
    )
    soon = Labels(
        "A lead beyond the margin, and how long it takes", "lead beyond the margin, sd", "rounds until half are crowned"
    )
    earned = Labels("Who earns what: rounds' emission per registration", "", "rounds of all emission")
    attacks = Labels("Tricks where they pay best, times an honest hotkey's pay", "", "times")
    power = Labels("A lead, and the chance of the top: each rule looked at after each round", "lead, sd", "share crowned")
    measured = [line for line in others.lines if line.sd == others.lines[0].sd and line.looks == "each round"]
    return {
        "rivals.svg": chart.lines(power, {line.rule: _shares(line) for line in measured}),
        "crowned.svg": chart.lines(crowned, {name: _points(rows) for name, rows in curves.items()}),
        "rounds.svg": chart.lines(soon, {name: _waits(rows) for name, rows in curves.items()}),
        "earned.svg": chart.bars(earned, {row.kind.partition(",")[0]: row.each for row in mixed.earnings}),
        "attacks.svg": chart.bars(attacks, {in_prose(name): worst for name, worst in _worst(found).items()}),
    }


def _shares(line: RivalLine) -> list[tuple[float, float]]:
    return [(lead, found.share) for lead, found in zip(rivals.LEADS, line.crowned, strict=True)]


def _worst(found: Study) -> Mapping[str, float]:
    """The highest ratio of each trick, over settings and noises."""
    worst: dict[str, float] = {}
    for row in found.attacks:
        if row.ratio is not None:
            worst[row.strategy] = max(row.ratio, worst.get(row.strategy, 0.0))
    return worst


def _payoffs(found: Study) -> list[tuple[str, str, list[Payoff]]]:
    """Strategy, setting, and the pay-off for each noise."""
    rows: dict[tuple[str, str], list[Payoff]] = {}
    for row in found.attacks:
        rows.setdefault((in_prose(row.strategy), row.setting), []).append(row)
    return [(*key, row) for key, row in sorted(rows.items())]


def _points(rows: list[PowerRow]) -> list[tuple[float, float]]:
    return [(row.trial.excess, row.power.crowned.share) for row in rows if row.trial.excess >= 0.0]


def _waits(rows: list[PowerRow]) -> list[tuple[float, float]]:
    found = [(row.trial.excess, row.power.median_rounds) for row in rows]
    return [(excess, float(rounds)) for excess, rounds in found if rounds is not None]
