"""Anchors from recordings: natural and degraded speech, measured by the same judges, decide what counts as human and as bad.

Per metric, `human` is the median of the natural recordings and `bad` the quantile of the degraded ones that three quarters of them
are better than, so that ordinary natural speech has utility 1 in half of its clips and the worst quarter of the degraded has 0.
A metric that the degraded recordings do not move by at least a tenth of its present span keeps its present anchors, and so do
delivery, whose levels no recording states, and consistency, which takes pairs of one voice.
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from scoring.competition import Profile
from scoring.errors import Code, PlatformError
from scoring.report import Factor, Metrics
from scoring.scores.aggregate import Anchor, Anchors, FactorAnchors

HUMAN_QUANTILE = 0.5
BAD_QUANTILE = 0.25
LEAST_RECORDINGS = 5
"""Least recordings of each kind: fewer have no quantiles worth the name."""
LEAST_MOVE = 0.1
"""Share of a metric's present span by which its new anchors must differ in the right direction."""
UNKNOWN = frozenset({Factor.DELIVERY, Factor.CONSISTENCY})
"""Factors that single recordings of unknown description say nothing about."""


@dataclass(frozen=True, slots=True)
class RecordingSet:
    """Provenance of one set of recordings."""

    sha256: str
    """Over its files' names and contents."""
    measured: int
    left_out: Mapping[str, str]
    """The gate that kept a file out, by the file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Origin of anchors: a day, a profile with its judges, and two folders of recordings."""

    date: str
    """ISO 8601."""
    profile: Profile
    judges: Mapping[str, str]
    """Each judge's version by its name."""
    natural: RecordingSet
    degraded: RecordingSet


@dataclass(frozen=True, slots=True)
class Calibration:
    """New anchors, and the metrics (as factor.metric) that kept their present ones."""

    factors: Mapping[Factor, FactorAnchors]
    kept: tuple[str, ...]


def calibrate(present: Anchors, natural: Sequence[Metrics], degraded: Sequence[Metrics]) -> Calibration:
    """Anchors measured on both sets; raises PlatformError(ARGUMENT_INVALID) if a set has fewer than five recordings."""
    for name, found in (("natural", natural), ("degraded", degraded)):
        if len(found) < LEAST_RECORDINGS:
            detail = f"{len(found)} {name} recordings could be measured; anchors need {LEAST_RECORDINGS} or more"
            raise PlatformError(Code.ARGUMENT_INVALID, detail)
    factors: dict[Factor, FactorAnchors] = {}
    kept: list[str] = []
    for factor, anchors in present.factors.items():
        chosen: dict[str, Anchor] = {}
        for metric, anchor in anchors.metrics.items():
            measured = None if factor in UNKNOWN else _measure(anchor, _values(metric, natural), _values(metric, degraded))
            chosen[metric] = measured or anchor
            kept += [] if measured else [f"{factor}.{metric}"]
        factors[factor] = replace(anchors, metrics=chosen)
    return Calibration(factors, tuple(kept))


def quantile(values: Iterable[float], share: float) -> float:
    """The value that a share (0 … 1) of the values lies below, interpolated between neighbours; raises ValueError if there is none.

    >>> quantile([4.0, 1.0, 2.0, 3.0], 0.5)
    2.5
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values have no quantile")
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def _values(metric: str, found: Sequence[Metrics]) -> list[float]:
    return [metrics[metric] for metrics in found]


def _measure(present: Anchor, natural: Sequence[float], degraded: Sequence[float]) -> Anchor | None:
    """The new anchor, or None where the degraded recordings are not worse enough for one."""
    direction = 1.0 if present.human > present.bad else -1.0
    human = statistics.median(natural)
    bad = direction * quantile((direction * value for value in degraded), BAD_QUANTILE)
    if direction * (human - bad) < LEAST_MOVE * abs(present.human - present.bad):
        return None
    return Anchor(bad=bad, human=human)


def render(found: Calibration, present: Anchors, source: Provenance) -> str:
    """The anchors' TOML with its provenance, as `aggregate.read_anchors` takes it; numbers keep six digits after the point."""
    lines = ["# Measured by `voice scoring calibrate`; see [provenance].", "", "measured = true", "", *_provenance(found, source)]
    for factor, anchors in found.factors.items():
        lines += ["", f"[factors.{factor}]", f"combine = {_text(anchors.combine)}"]
        for metric, anchor in anchors.metrics.items():
            lines += [
                "",
                f"[factors.{factor}.metrics.{metric}]",
                f"bad = {_number(anchor.bad)}",
                f"human = {_number(anchor.human)}",
                *([f"kind = {_text(anchors.kinds[metric])}"] if metric in anchors.kinds else []),
            ]
    lines += ["", "[gates]", f"wrong_words_wer = {_number(present.wrong_words)}", "", "[moves]"]
    lines += [f"{attribute} = {_number(least)}" for attribute, least in present.moves.items()]
    return "\n".join([*lines, ""])


def _provenance(found: Calibration, source: Provenance) -> list[str]:
    lines = ["[provenance]", f"date = {_text(source.date)}", f"profile = {_text(source.profile)}"]
    lines += [f"human_quantile = {HUMAN_QUANTILE}", f"bad_quantile = {BAD_QUANTILE}"]
    lines += [f"kept = [{', '.join(_text(name) for name in found.kept)}]", "", "[provenance.judges]"]
    lines += [f"{_text(name)} = {_text(version)}" for name, version in sorted(source.judges.items())]
    for name, folder in (("natural", source.natural), ("degraded", source.degraded)):
        lines += ["", f"[provenance.{name}]", f"sha256 = {_text(folder.sha256)}", f"measured = {folder.measured}"]
        lines += ["", f"[provenance.{name}.left_out]"]
        lines += [f"{_text(file)} = {_text(why)}" for file, why in sorted(folder.left_out.items())]
    return lines


def _text(value: str) -> str:
    return json.dumps(value)


def _number(value: float) -> str:
    return repr(round(float(value), 6))
