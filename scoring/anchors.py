"""Anchors: what number is bad and what number is human, per metric; read from anchors.toml, hashed into each receipt."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from prompts.groups import Attribute
from scoring.report import Factor, Metrics

PATH = Path(__file__).with_name("anchors.toml")


@dataclass(frozen=True, slots=True)
class Anchor:
    """Two points of a metric: utility 0 at `bad`, 1 at `human`; `bad` may be the larger one."""

    bad: float
    human: float

    def utility(self, x: float) -> float:
        """`clip((x - bad) / (human - bad), 0, 1)`."""
        return min(1.0, max(0.0, (x - self.bad) / (self.human - self.bad)))


@dataclass(frozen=True, slots=True)
class Anchors:
    """All anchors. A factor's utility is the mean utility of its metrics.

    A sample with `wer` ≥ `wrong_words` spoke other words. The two sides of a counterfactual pair differ by at least `moves`, in
    the unit of the attribute's metric.
    """

    factors: Mapping[Factor, Mapping[str, Anchor]]
    wrong_words: float
    moves: Mapping[Attribute, float]
    hash: str

    def utilities(self, metrics: Metrics) -> dict[Factor, float]:
        """Utility of each factor in [0, 1]; raises KeyError when a metric is missing."""
        return {
            factor: _mean([anchor.utility(metrics[name]) for name, anchor in named.items()])
            for factor, named in self.factors.items()
        }


@cache
def load(path: Path = PATH) -> Anchors:
    """The anchors that ship with this version."""
    text = path.read_bytes()
    raw = tomllib.loads(text.decode("utf-8"))
    factors = {
        factor: {name: Anchor(float(points["bad"]), float(points["human"])) for name, points in raw["factors"][factor].items()}
        for factor in Factor
    }
    moves = {attribute: float(raw["moves"][attribute]) for attribute in Attribute}
    return Anchors(factors, float(raw["gates"]["wrong_words_wer"]), moves, hashlib.sha256(text).hexdigest())


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
