"""Anchors: what number is bad and what number is human, per metric; read from a profile's TOML file, hashed into each receipt."""

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from prompts.voices import Attribute
from scoring.competition import FACTORS, Profile
from scoring.report import Factor, Metrics

PATHS = {profile: Path(__file__).with_name(f"anchors.{profile}.toml") for profile in Profile}


class Combine(StrEnum):
    """Way in which the utilities of a factor's metrics become the factor's."""

    MEAN = "mean"
    """They are several opinions on one thing."""
    WORST = "worst"
    """They are different defects: the worst one is what a listener hears."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Two points of a metric: utility 0 at `bad`, 1 at `human`; `bad` may be the larger one."""

    bad: float
    human: float

    def utility(self, x: float) -> float:
        """`clip((x - bad) / (human - bad), 0, 1)`, more is better.

        >>> Anchor(bad=0.6, human=0.2).utility(0.3), Anchor(bad=0.6, human=0.2).utility(0.1)
        (0.75, 1.0)
        """
        return min(1.0, max(0.0, (x - self.bad) / (self.human - self.bad)))


@dataclass(frozen=True, slots=True)
class FactorAnchors:
    """A factor's metrics with their anchors, and how their utilities combine."""

    combine: Combine
    metrics: Mapping[str, Anchor]

    def utility(self, found: Metrics) -> float:
        """Utility of the factor in [0, 1], more is better; raises KeyError when a metric is missing."""
        values = [anchor.utility(found[name]) for name, anchor in self.metrics.items()]
        return min(values) if self.combine is Combine.WORST else math.fsum(values) / len(values)


@dataclass(frozen=True, slots=True)
class Anchors:
    """All anchors of a profile.

    A sample with `wer` ≥ `wrong_words` spoke other words. The two sides of a counterfactual pair differ by at least `moves`, in
    the unit of the attribute's metric.
    """

    factors: Mapping[Factor, FactorAnchors]
    wrong_words: float
    moves: Mapping[Attribute, float]
    hash: str

    def utilities(self, metrics: Metrics) -> dict[Factor, float]:
        """Utility of each factor in [0, 1]; raises KeyError when a metric is missing.

        Consistency is measured between two clips of one voice; where none of its metrics is there, the sample has no such factor.
        """
        return {
            factor: anchors.utility(metrics)
            for factor, anchors in self.factors.items()
            if factor is not Factor.CONSISTENCY or any(name in metrics for name in anchors.metrics)
        }


@cache
def load(profile: Profile = Profile.EMBEDDED) -> Anchors:
    """The anchors that ship with this version."""
    return read(PATHS[profile], profile)


def read(path: Path, profile: Profile) -> Anchors:
    """Anchors from a file; raises OSError, KeyError or ValueError for a file that this version did not write."""
    text = path.read_bytes()
    raw = tomllib.loads(text.decode("utf-8"))
    factors = {factor: _factor(raw["factors"][factor]) for factor in sorted(FACTORS[profile])}
    moves = {attribute: float(raw["moves"][attribute]) for attribute in Attribute}
    return Anchors(factors, float(raw["gates"]["wrong_words_wer"]), moves, hashlib.sha256(text).hexdigest())


def _factor(raw: Mapping[str, Any]) -> FactorAnchors:
    metrics = {name: Anchor(float(points["bad"]), float(points["human"])) for name, points in raw["metrics"].items()}
    return FactorAnchors(Combine(raw["combine"]), metrics)
