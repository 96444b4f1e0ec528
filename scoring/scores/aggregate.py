"""Metrics become scores: utilities by a profile's anchors, gates, their geometric mean, groups, an evaluation.

Anchors say which number is bad and which is human; they are read from a TOML file and hashed into each receipt. Any order of samples
gives the same scores.
"""

import hashlib
import json
import math
import statistics
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Self, assert_never

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import ORDINARY, Attribute, Voice
from scoring.competition import ANCHORS, Profile
from scoring.report import EvaluationReport, Factor, Gate, GroupReport, Metrics, SampleReport
from scoring.types import Micro, to_micro

METRICS = {
    Attribute.RATE: "phoneme_rate",
    Attribute.PITCH: "f0_height",
    Attribute.EXPRESSION: "f0_spread",
    Attribute.LOUDNESS: "lufs",
}
"""The metric that measures each attribute."""
MELODY = "melody"
"""The kind of evidence that an expressive voice shows."""
FLOOR = 0.01
"""Least utility inside the logarithm: a factor at zero costs much, not everything."""


class Combine(StrEnum):
    """Way in which the utilities of a factor's metrics become the factor's."""

    MEAN = "mean"
    """They are several opinions on one thing."""
    WORST = "worst"
    """They are different defects: the worst one is what a listener hears."""
    BOUNDED = "bounded"
    """They are kinds of evidence for one thing: the geometric mean of the weakest kind's utility and of the mean over kinds.

    `sqrt(min · mean)`: where one kind finds nothing the factor is 0, whatever the others say; where all kinds agree, no single one
    of them moves the factor much. So no kind can be bought alone."""


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
    """A factor's metrics with their anchors, and how their utilities combine; `kinds` names each metric's kind of evidence."""

    combine: Combine
    metrics: Mapping[str, Anchor]
    kinds: Mapping[str, str] = field(default_factory=dict)

    def utility(self, found: Metrics) -> float:
        """Utility of the factor in [0, 1], more is better; raises KeyError when a metric is missing."""
        values = {name: anchor.utility(found[name]) for name, anchor in self.metrics.items()}
        match self.combine:
            case Combine.MEAN:
                return _mean(values.values())
            case Combine.WORST:
                return min(values.values())
            case Combine.BOUNDED:
                kinds = self.by_kind(values).values()
                return math.sqrt(min(kinds) * _mean(kinds))
            case unreachable:
                assert_never(unreachable)

    def without(self, kind: str) -> "FactorAnchors":
        """The same without the metrics of one kind of evidence."""
        return replace(self, metrics={name: anchor for name, anchor in self.metrics.items() if self.kinds.get(name) != kind})

    def by_kind(self, values: Mapping[str, float]) -> dict[str, float]:
        """Utility of each kind of evidence: the mean over its metrics, which are several opinions of the same kind."""
        members: dict[str, list[float]] = {}
        for name, value in values.items():
            members.setdefault(self.kinds.get(name, name), []).append(value)
        return {kind: _mean(found) for kind, found in members.items()}


def _mean(values: Collection[float]) -> float:
    return math.fsum(values) / len(values)


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

    def utilities(self, metrics: Metrics, voice: Voice) -> dict[Factor, float]:
        """Utility of each factor in [0, 1] for what was said in the voice asked; raises KeyError when a metric is missing.

        Consistency is measured between two clips of one voice; where none of its metrics is there, the sample has no such factor.
        A sample has no delivery where nothing was asked of the voice.
        """
        absent = set() if voice.judged else {Factor.DELIVERY}
        if not any(name in metrics for name in self.factors[Factor.CONSISTENCY].metrics):
            absent.add(Factor.CONSISTENCY)
        return {factor: self.scale(factor, voice).utility(metrics) for factor in self.factors if factor not in absent}

    def scale(self, factor: Factor, voice: Voice) -> FactorAnchors:
        """A factor's anchors for what was said in the voice asked: who was asked for a flat tone need not show a melody."""
        anchors = self.factors[factor]
        flat = factor is Factor.NATURALNESS and voice.expression < ORDINARY
        return anchors.without(MELODY) if flat else anchors


@cache
def load_anchors(profile: Profile = Profile.EMBEDDED) -> Anchors:
    """The anchors that ship with this version."""
    return read_anchors(ANCHORS[profile])


def read_anchors(path: Path) -> Anchors:
    """Anchors from a file; raises OSError, KeyError or ValueError for a file that this version did not write.

    Factors that it names under `as_embedded`, and the least moves with them, are the embedded profile's: the same judges measure them.
    """
    text = path.read_bytes()
    raw = tomllib.loads(text.decode("utf-8"))
    shared: list[str] = raw.get("as_embedded", [])
    if shared:
        text += (base := ANCHORS[Profile.EMBEDDED].read_bytes())
        embedded = tomllib.loads(base.decode("utf-8"))
        raw["factors"] |= {name: embedded["factors"][name] for name in shared}
        raw["moves"] = embedded["moves"]
    factors = {factor: _factor(raw["factors"][factor]) for factor in sorted(Factor)}
    moves = {attribute: float(raw["moves"][attribute]) for attribute in Attribute}
    return Anchors(factors, float(raw["gates"]["wrong_words_wer"]), moves, hashlib.sha256(text).hexdigest())


def _factor(raw: Mapping[str, Any]) -> FactorAnchors:
    metrics = {name: Anchor(float(points["bad"]), float(points["human"])) for name, points in raw["metrics"].items()}
    kinds = {name: str(points["kind"]) for name, points in raw["metrics"].items() if "kind" in points}
    return FactorAnchors(Combine(raw["combine"]), metrics, kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSample:
    """One sample's measurement: a closed gate, or metrics (both when the metrics closed the gate)."""

    gate: Gate | None
    metrics: Metrics
    pcm_sha256: str
    seconds: float
    """Wall-clock time to speak the prompt."""
    rate: int = 0
    """Of the audio, in Hz; 0 without audio."""
    reason: str = ""
    """Why the model failed, in words; changes no score."""
    heard: str = ""
    """The words that were heard; changes no score."""


@dataclass(frozen=True, slots=True)
class ScoreRules:
    """The two inputs that turn metrics into scores: the anchors of the judges' profile and the competition's weights of factors."""

    anchors: Anchors
    weights: Mapping[Factor, float]


def combine(utilities: Mapping[Factor, float], weights: Mapping[Factor, float]) -> float:
    """`exp(Σ w ln(max(u, 0.01)) / Σ w)` in [0, 1], over the factors that the sample has; raises KeyError if one has no weight.

    The weighted geometric mean: no factor can buy another.

    >>> weights = {Factor.INTELLIGIBILITY: 0.5, Factor.DELIVERY: 0.5}
    >>> round(combine({Factor.INTELLIGIBILITY: 1.0, Factor.DELIVERY: 0.25}, weights), 3)
    0.5
    >>> round(combine({Factor.INTELLIGIBILITY: 1.0, Factor.DELIVERY: 0.0}, weights), 3)
    0.1
    """
    total = math.fsum(weights[factor] for factor in utilities)
    return min(1.0, math.exp(math.fsum(weights[f] * math.log(max(u, FLOOR)) for f, u in utilities.items()) / total))


def contrast_moved(group: Group, low: Metrics, high: Metrics, anchors: Anchors) -> bool:
    """True if the contrasted attribute rose from the side asked low to the side asked high, by at least its least move."""
    if group.contrast is None:
        raise ValueError(f"group {group.id} has no contrast")
    measure = METRICS[group.contrast]
    return high[measure] - low[measure] >= anchors.moves[group.contrast]


def evaluate(
    groups: Sequence[Group], judged: Mapping[str, JudgedSample], rules: ScoreRules
) -> tuple[tuple[SampleReport, ...], tuple[GroupReport, ...]]:
    """Score every prompt of every group, in the order of the groups; raises KeyError if a prompt was left out."""
    samples: list[SampleReport] = []
    reports: list[GroupReport] = []
    for group in groups:
        most = _delivery_bound(group, judged, rules.anchors)
        own = [_sample(group, prompt, judged[prompt.id], rules, most) for prompt in group.prompts]
        samples += own
        reports.append(GroupReport(group.id, group.kind.value, mean([sample.score for sample in own])))
    return tuple(samples), tuple(reports)


@dataclass(frozen=True, slots=True)
class ProfileIdentity:
    """Identity of the judges: the profile, its hash, and each judge's version by name."""

    profile: str
    hash: str
    judges: Mapping[str, str]

    @classmethod
    def of(cls, profile: str, judges: Mapping[str, str], anchors: Anchors) -> Self:
        """The hash is SHA-256 (hex) over the profile, the judges' versions and the anchors' hash."""
        facts = json.dumps([profile, sorted(judges.items()), anchors.hash])
        return cls(profile, hashlib.sha256(facts.encode()).hexdigest(), judges)


def gate_of(metrics: Metrics, anchors: Anchors) -> Gate | None:
    """The gate that a heard sample's metrics close, if any; raises KeyError when a metric is missing."""
    return Gate.WRONG_WORDS if metrics["wer"] >= anchors.wrong_words else None


def report(
    who: ProfileIdentity, groups: Sequence[Group], judged: Mapping[str, JudgedSample], rules: ScoreRules
) -> EvaluationReport:
    """The evaluation: mean of its groups' scores and that mean's standard error; raises ValueError without groups."""
    if not groups:
        raise ValueError("an evaluation has at least one group")
    samples, reports = evaluate(groups, judged, rules)
    scores = [group.score for group in reports]
    return EvaluationReport(
        profile=who.profile,
        profile_hash=who.hash,
        judges=who.judges,
        samples=samples,
        groups=reports,
        score=mean(scores),
        stderr=_stderr(scores),
    )


def _delivery_bound(group: Group, judged: Mapping[str, JudgedSample], anchors: Anchors) -> float:
    """Upper bound of delivery in a counterfactual pair: its worse side's. 1 in any other group.

    A pair that does not move as asked, or of which a side is missing, has shown no obedience.
    """
    if group.kind is not GroupKind.COUNTERFACTUAL:
        return 1.0
    low, high = (judged[prompt.id] for prompt in group.prompts)
    if low.gate is not None or high.gate is not None or not contrast_moved(group, low.metrics, high.metrics, anchors):
        return 0.0
    return min(anchors.factors[Factor.DELIVERY].utility(side.metrics) for side in (low, high))


def _sample(group: Group, prompt: Prompt, judged: JudgedSample, rules: ScoreRules, most_delivery: float) -> SampleReport:
    utilities: dict[Factor, float] = {}
    score = 0.0
    if judged.gate is None:
        utilities = rules.anchors.utilities(judged.metrics, prompt.voice)
        if group.kind is GroupKind.VOICE:
            utilities.setdefault(Factor.CONSISTENCY, 0.0)  # the other clip of the pair failed: nothing shows one speaker
        if Factor.DELIVERY in utilities:
            utilities[Factor.DELIVERY] = min(utilities[Factor.DELIVERY], most_delivery)
        score = combine(utilities, rules.weights)
    return SampleReport(
        prompt_id=prompt.id,
        group_id=group.id,
        score=to_micro(score),
        gate=judged.gate,
        metrics=judged.metrics,
        utilities=utilities,
        pcm_sha256=judged.pcm_sha256,
        seconds=judged.seconds,
        rate=judged.rate,
        reason=judged.reason,
        heard=judged.heard,
    )


def mean(scores: Sequence[Micro]) -> Micro:
    """The mean of at least one score, rounded to a whole millionth.

    >>> mean([Micro(1), Micro(2), Micro(4)])
    2
    """
    return Micro(round(sum(scores) / len(scores)))


def _stderr(scores: Sequence[Micro]) -> Micro:
    """Standard error of the mean, `s / sqrt(n)` over n groups; 0 for a single group, which says nothing about spread.

    >>> _stderr([Micro(400_000), Micro(600_000)])
    100000
    """
    if len(scores) < 2:
        return Micro(0)
    return Micro(round(statistics.stdev(scores) / math.sqrt(len(scores))))
