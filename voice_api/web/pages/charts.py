"""Charts as the server draws them, in SVG: the course of scores, and evidence on a logarithmic scale. Pure functions of numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_EVIDENCE = 0.01
"""The lower end of every scale of evidence: a duel ends long before it has so little."""
SPARK_WIDTH, SPARK_HEIGHT = 120, 28
CHART_WIDTH, CHART_HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 72.0, 12.0, 36.0, 46.0
_INSET = 3.0
_MOST_TICKS = 12


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A polyline in a box of SPARK_WIDTH × SPARK_HEIGHT, and its last point."""

    points: str
    last_x: float
    last_y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis, at so many pixels, with what stands there."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceChart:
    """A duel's evidence by round, in a box of CHART_WIDTH × CHART_HEIGHT; y is logarithmic."""

    points: str
    dots: tuple[tuple[float, float], ...]
    rounds: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    start_y: float
    """Where evidence begins: 1."""
    threshold_y: float
    left: float = _LEFT
    right: float = CHART_WIDTH - _RIGHT
    top: float = _TOP
    bottom: float = CHART_HEIGHT - _BOTTOM
    width: int = CHART_WIDTH
    height: int = CHART_HEIGHT


def sparkline(values: Sequence[float]) -> Sparkline:
    """The course of some values, one at least, the first on the left; the box spans from the lowest to the highest.

    >>> sparkline([1.0, 2.0]).points
    '3.0,25.0 117.0,3.0'
    """
    low, high = min(values), max(values)
    wide, tall = SPARK_WIDTH - 2 * _INSET, SPARK_HEIGHT - 2 * _INSET
    step = wide / max(len(values) - 1, 1)
    places = [
        (_INSET + n * step, _INSET + tall * (1 - (value - low) / (high - low) if high > low else 0.5))
        for n, value in enumerate(values)
    ]
    return Sparkline(_joined(places), *places[-1])


def evidence_share(wealth: float, threshold: float) -> float:
    """How much of the way to the threshold is gone, on a logarithmic scale from LEAST_EVIDENCE: 0 … 1.

    >>> evidence_share(1.0, 100.0), evidence_share(1e-9, 100.0), evidence_share(200.0, 100.0)
    (0.5, 0.0, 1.0)
    """
    low = math.log(LEAST_EVIDENCE)
    gone = (math.log(max(wealth, LEAST_EVIDENCE)) - low) / (math.log(max(threshold, 1.0)) - low)
    return min(max(gone, 0.0), 1.0)


def evidence_chart(curve: Sequence[tuple[int, float]], threshold: float) -> EvidenceChart:
    """The chart of a duel's evidence, by pairs of round and evidence, one at least; the rounds rise."""
    top = math.ceil(math.log10(max(threshold, *(wealth for _, wealth in curve)) * 1.05))
    low = math.floor(math.log10(max(min(1.0, *(wealth for _, wealth in curve)), LEAST_EVIDENCE)) - 1e-9)
    tall = CHART_HEIGHT - _TOP - _BOTTOM

    def y(wealth: float) -> float:
        return round(_TOP + tall * (top - math.log10(max(wealth, 10.0**low))) / (top - low), 1)

    first, last = curve[0][0], curve[-1][0]
    step = (CHART_WIDTH - _LEFT - _RIGHT) / max(last - first, 1)
    places = tuple((round(_LEFT + (number - first) * step, 1), y(wealth)) for number, wealth in curve)
    every = -(-len(curve) // _MOST_TICKS)
    return EvidenceChart(
        points=_joined(places),
        dots=places,
        rounds=tuple(Tick(x, str(number)) for (number, _), (x, _) in list(zip(curve, places, strict=True))[::every]),
        levels=tuple(Tick(y(10.0**power), f"{10.0**power:,.10g}") for power in range(low, top + 1)),
        start_y=y(1.0),
        threshold_y=y(threshold),
    )


def _joined(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
