"""Scales of metrics: which number is bad and which is human (anchors), and which level of a voice's attribute a value is on.

Anchors are read from a profile's TOML file and hashed into each receipt; levels are fixed here.
"""

import hashlib
import math
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from prompts.voices import Attribute, Register
from scoring.competition import FACTORS, Profile
from scoring.report import Factor, Metrics

PATHS = {profile: Path(__file__).with_name(f"anchors.{profile}.toml") for profile in Profile}

METRICS = {
    Attribute.RATE: "phoneme_rate",
    Attribute.PITCH: "f0_median",
    Attribute.EXPRESSION: "f0_spread",
    Attribute.LOUDNESS: "lufs",
}
"""The metric that measures each attribute."""

RATE_EDGES = (3.51, 6.19, 8.87, 11.54, 14.22, 16.90, 19.58, 22.26)
"""Phonemes per second of speech. Source of these and of the F0 edges: Data-Speech's first release (Lacombe et al. 2024, after Lyth and
King 2024): seven bins between eight edges."""
PITCH_EDGES = {
    Register.LOW: (74.0, 88.6, 103.0, 118.0, 132.0, 147.0, 162.0, 176.0),
    Register.HIGH: (130.0, 149.0, 168.0, 186.0, 205.0, 223.0, 242.0, 261.0),
}
"""Mean F0 in Hz."""
EXPRESSION_EDGES = (0.0, 17.4, 34.9, 52.3, 69.7, 87.2, 104.6, 122.0)
"""Standard deviation of F0 in Hz."""
LOUDNESS_EDGES = (-39.0, -35.0, -31.0, -27.0, -23.0, -19.0, -15.0, -11.0)
"""LUFS; a choice of this project, with ordinary speech (-27 … -23) in the middle."""


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
def load_anchors(profile: Profile = Profile.EMBEDDED) -> Anchors:
    """The anchors that ship with this version."""
    return read_anchors(PATHS[profile], profile)


def read_anchors(path: Path, profile: Profile) -> Anchors:
    """Anchors from a file; raises OSError, KeyError or ValueError for a file that this version did not write."""
    text = path.read_bytes()
    raw = tomllib.loads(text.decode("utf-8"))
    factors = {factor: _factor(raw["factors"][factor]) for factor in sorted(FACTORS[profile])}
    moves = {attribute: float(raw["moves"][attribute]) for attribute in Attribute}
    return Anchors(factors, float(raw["gates"]["wrong_words_wer"]), moves, hashlib.sha256(text).hexdigest())


def _factor(raw: Mapping[str, Any]) -> FactorAnchors:
    metrics = {name: Anchor(float(points["bad"]), float(points["human"])) for name, points in raw["metrics"].items()}
    return FactorAnchors(Combine(raw["combine"]), metrics)


def edges(attribute: Attribute, register: Register) -> tuple[float, ...]:
    """The eight edges of an attribute's seven bins, in the unit it is measured in."""
    match attribute:
        case Attribute.RATE:
            return RATE_EDGES
        case Attribute.PITCH:
            return PITCH_EDGES[register]
        case Attribute.EXPRESSION:
            return EXPRESSION_EDGES
        case Attribute.LOUDNESS:
            return LOUDNESS_EDGES


def level(attribute: Attribute, register: Register, value: float) -> int:
    """The bin that a value falls in, 0 … 6; values beyond the outer edges fall in the outer bins.

    >>> level(Attribute.LOUDNESS, Register.LOW, -25.0), level(Attribute.LOUDNESS, Register.LOW, -60.0)
    (3, 0)
    """
    inner = edges(attribute, register)[1:-1]
    return bisect_right(inner, value)


def centre(attribute: Attribute, register: Register, wanted: int) -> float:
    """The middle of a bin."""
    scale = edges(attribute, register)
    return (scale[wanted] + scale[wanted + 1]) / 2


def agreement(asked: int, measured: int) -> float:
    """Ordinal agreement of two levels, `1 - |asked - measured| / 6`: 1 for equal ones, 0 for opposite ends, more is better.

    >>> agreement(asked=1, measured=4)
    0.5
    """
    return 1.0 - abs(asked - measured) / (len(RATE_EDGES) - 2)
