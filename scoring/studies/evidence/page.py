"""docs/scoring.md, rendered: every number in it is read from code, from the files that decide, or from a study's result."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from prompts.generate import SEED_BYTES, generate
from prompts.groups import GroupPlan
from prompts.voices import Attribute
from scoring.competition import FACTORS, Competition, Profile, load
from scoring.judges import integrity
from scoring.judges.panel import Panel
from scoring.ranking import duel
from scoring.report import Factor
from scoring.scores import aggregate, calibration, scales
from scoring.scores.reasons import GATES
from scoring.scores.scales import METRICS
from scoring.studies.evidence import discrimination
from scoring.studies.evidence.agreement import kendall, spearman
from scoring.studies.evidence.measured import Measured
from scoring.studies.evidence.measures import MEASURES
from scoring.studies.manipulations.manipulation import ENTRIES
from scoring.types import RoundNumber

TEMPLATE = "scoring.md.j2"
TARGET_AGREEMENT = 0.95
MOST_SHARE = 0.02
"""Share of D's variance common to a round up to which the group may be the unit."""
NOTICEABLE = 0.02
"""Points of the score by which a manipulation must gain for the page to warn of it."""
MOVE_UNITS: Mapping[Attribute, str] = {
    Attribute.RATE: "phonemes per second",
    Attribute.PITCH: "Hz",
    Attribute.EXPRESSION: "Hz",
    Attribute.LOUDNESS: "LU",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorRow:
    """One metric of a factor, as the table shows it."""

    factor: Factor
    metric: str
    unit: str
    better: str
    bad: float
    human: float
    meaning: str


def render(measured: Measured) -> str:
    """The page as Markdown; raises KeyError for a metric that `MEASURES` does not describe."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - Markdown of our own numbers, not HTML of anybody's
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    rules = load().at(RoundNumber(0))
    return environment.get_template(TEMPLATE).render(
        rules=rules,
        identity=Panel.embedded(generate(bytes(SEED_BYTES), GroupPlan(single=1, counterfactual=0, voice=0))).identity,
        weights={factor.value: weight for factor, weight in rules.factors.items()},
        gates=GATES,
        rates=sorted(integrity.RATES),
        least_speech=integrity.LEAST_SPEECH,
        least_speech_seconds=integrity.LEAST_SPEECH_SECONDS,
        floor=aggregate.FLOOR,
        bet_cap=duel.BET_CAP,
        profiles=[_profile(profile, rules) for profile in Profile],
        moves=[_move(attribute) for attribute in Attribute],
        attacks=_attacks(measured),
        entries=ENTRIES,
        unheard=sorted(discrimination.UNCHARGED),
        most_gain=discrimination.MOST_GAIN,
        largest_gain=-min(drop for voice in measured.attacks.voices.values() for drop in voice.drops.values()),
        noticeable=NOTICEABLE,
        measured=measured,
        calibration=calibration,
        target=TARGET_AGREEMENT,
        most_share=MOST_SHARE,
        tie=[1.0 - agreement(measured.order.ranks, measured.order.tied) for agreement in (spearman, kendall)],
        order_mean=lambda name: statistics.mean(getattr(row, name) for row in measured.order.rows),
    )


@dataclass(frozen=True, slots=True)
class ProfilePart:
    """One profile's factors (with the competition's weight where it uses the profile), anchors and gate."""

    name: str
    factors: Sequence[tuple[Factor, float | None, str]]
    rows: Sequence[AnchorRow]
    wrong_words: float


def _profile(profile: Profile, rules: Competition) -> ProfilePart:
    scale = scales.load_anchors(profile)
    weights: Mapping[Factor, float] = rules.factors if rules.profile is profile else {}
    factors = [
        (factor, weights.get(factor), scale.factors[factor].combine.value) for factor in Factor if factor in FACTORS[profile]
    ]
    rows = [
        AnchorRow(
            factor=factor,
            metric=name,
            unit=MEASURES[name].unit,
            better="more" if a.human > a.bad else "less",
            bad=a.bad,
            human=a.human,
            meaning=MEASURES[name].meaning,
        )
        for factor, _, _ in factors
        for name, a in scale.factors[factor].metrics.items()
    ]
    return ProfilePart(profile.value, factors, rows, scale.wrong_words)


def _move(attribute: Attribute) -> tuple[str, str, float, str]:
    return attribute.value, METRICS[attribute], scales.load_anchors(Profile.EMBEDDED).moves[attribute], MOVE_UNITS[attribute]


@dataclass(frozen=True, slots=True)
class AttackRow:
    """One manipulation: its effect, its least cost (None where none is promised), the drop of each voice."""

    name: str
    meaning: str
    least: float | None
    drops: Sequence[float]


def _attacks(measured: Measured) -> list[AttackRow]:
    voices = measured.attacks.voices.values()
    return [
        AttackRow(name, entry.meaning, discrimination.LEAST_DROP.get(name), [voice.drops[name] for voice in voices])
        for name, entry in ENTRIES.items()
    ]
