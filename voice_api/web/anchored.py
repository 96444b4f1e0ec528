"""An evaluation's factors against their anchors: how far each metric lies from bad to human, on the mean of its samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from scoring.competition import Track
from scoring.report import Factor
from scoring.scores.aggregate import Anchor, FactorAnchors, load_anchors
from voice_api.db.evaluations import SampleRow


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredMetric:
    """A metric's mean over samples beside its two anchors."""

    name: str
    bad: float
    human: float
    mean: float
    utility: float
    """Of the mean, 0 at bad and 1 at human."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredFactor:
    """A factor's mean utility, its weight in the score, and its metrics, the worst first."""

    name: Factor
    weight: float
    utility: float
    metrics: tuple[AnchoredMetric, ...]


def anchored(rows: Sequence[SampleRow], rules: Track | None) -> tuple[AnchoredFactor, ...]:
    """The factors of an evaluation's samples; none where its rules are not ours, or where every gate was closed."""
    if rules is None:
        return ()
    scale = load_anchors(rules.profile)
    found = (_factor(rows, factor, scale.factors[factor], weight) for factor, weight in rules.factors.items())
    return tuple(each for each in found if each is not None)


def _factor(rows: Sequence[SampleRow], factor: Factor, scale: FactorAnchors, weight: float) -> AnchoredFactor | None:
    utilities = [row.utilities[factor] for row in rows if factor in row.utilities]
    if not utilities:
        return None
    metrics = [_metric(rows, name, anchor) for name, anchor in scale.metrics.items()]
    worst = sorted((each for each in metrics if each is not None), key=lambda each: (each.utility, each.name))
    return AnchoredFactor(name=factor, weight=weight, utility=fmean(utilities), metrics=tuple(worst))


def _metric(rows: Sequence[SampleRow], name: str, anchor: Anchor) -> AnchoredMetric | None:
    values = [row.metrics[name] for row in rows if name in row.metrics and not row.gate]
    if not values:
        return None
    mean = fmean(values)
    return AnchoredMetric(name=name, bad=anchor.bad, human=anchor.human, mean=mean, utility=anchor.utility(mean))
