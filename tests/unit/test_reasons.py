"""Why a sample lost points, in words that a miner can act on."""

from dataclasses import replace

import pytest

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import Attribute, Register, Voice
from scoring.report import Factor, Gate
from scoring.scores.aggregate import Anchor, Anchors, Combine, FactorAnchors, JudgedSample, ProfileIdentity, ScoreRules, report
from scoring.scores.reasons import GATES, explain

VOICE = Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=3)
ANCHORS = Anchors(
    factors={
        Factor.INTELLIGIBILITY: FactorAnchors(Combine.WORST, {"wer": Anchor(0.8, 0.05), "cer": Anchor(0.6, 0.0)}),
        Factor.NATURALNESS: FactorAnchors(Combine.MEAN, {"ovr": Anchor(1.0, 3.0), "p808": Anchor(2.0, 4.0)}),
        Factor.DELIVERY: FactorAnchors(Combine.MEAN, {"delivery": Anchor(0.5, 1.0)}),
        Factor.CONSISTENCY: FactorAnchors(Combine.MEAN, {"speaker_similarity": Anchor(0.0, 1.0)}),
    },
    wrong_words=0.9,
    moves={Attribute.RATE: 1.34, Attribute.PITCH: 7.5, Attribute.EXPRESSION: 8.7, Attribute.LOUDNESS: 2.0},
    hash="",
)
RULES = ScoreRules(ANCHORS, dict(zip(Factor, (0.4, 0.3, 0.2, 0.05, 0.05), strict=True)))
PERFECT = {"wer": 0.0, "cer": 0.0, "ovr": 3.0, "p808": 4.0, "delivery": 1.0, "lufs": -23.0}


def group(kind: GroupKind = GroupKind.SINGLE) -> Group:
    letters = "a" if kind is GroupKind.SINGLE else "ab"
    contrast = Attribute.LOUDNESS if kind is GroupKind.COUNTERFACTUAL else None
    return Group(
        "g00",
        kind,
        tuple(Prompt(id=f"g00.{letter}", text="text", description="description", voice=VOICE) for letter in letters),
        contrast,
    )


def told(asked: Group, *outcomes: Gate | dict[str, float], reason: str = "") -> dict[str, tuple[str, ...]]:
    """The reasons of one group's samples, each a closed gate or what differs from perfect."""
    judged = {
        prompt.id: JudgedSample(gate=outcome, metrics={}, pcm_sha256="", seconds=0.5, reason=reason)
        if isinstance(outcome, Gate)
        else JudgedSample(gate=None, metrics={**PERFECT, **outcome}, pcm_sha256="", seconds=0.5)
        for prompt, outcome in zip(asked.prompts, outcomes, strict=True)
    }
    return explain([asked], report(ProfileIdentity("embedded", "", {}), [asked], judged, RULES), RULES)


@pytest.mark.parametrize(
    ("metrics", "reasons"),
    [
        pytest.param({}, (), id="nothing missing"),
        pytest.param({"ovr": 9.0}, (), id="better than human"),
        pytest.param({"wer": 0.425}, ("intelligibility 0.50: wer 0.425 (human 0.05, bad 0.8)",), id="the worst of two"),
        pytest.param(
            {"ovr": 2.0, "p808": 3.5},
            ("naturalness 0.62: ovr 2 (human 3, bad 1), p808 3.5 (human 4, bad 2)",),
            id="each of a mean, the lowest first",
        ),
        pytest.param(
            {"wer": 0.425, "delivery": 0.5},
            ("delivery 0.00: delivery 0.5 (human 1, bad 0.5)", "intelligibility 0.50: wer 0.425 (human 0.05, bad 0.8)"),
            id="what costs most first: .2 ln .01 before .4 ln .5",
        ),
    ],
)
def test_names_the_metric_and_its_anchors(metrics: dict[str, float], reasons: tuple[str, ...]) -> None:
    """What was measured, against what a human and a bad voice measure."""
    assert told(group(), metrics) == {"g00.a": reasons}


@pytest.mark.parametrize("gate", list(Gate))
def test_every_gate_has_a_meaning(gate: Gate) -> None:
    """In words, and that it scores 0."""
    assert told(group(), gate) == {"g00.a": (f"scores 0: {GATES[gate]}",)}


def test_wrong_words_are_measured() -> None:
    """With the error rate, and where the gate closes."""
    judged = {"g00.a": JudgedSample(gate=Gate.WRONG_WORDS, metrics={**PERFECT, "wer": 1.02}, pcm_sha256="", seconds=0.5)}
    found = explain([group()], report(ProfileIdentity("embedded", "", {}), [group()], judged, RULES), RULES)
    assert found == {"g00.a": (f"scores 0: {GATES[Gate.WRONG_WORDS]}: wer 1.02 (0.9 and more closes the gate)",)}


def test_a_pair_that_did_not_move() -> None:
    """Both sides are told the contrast and both measurements, though each agrees by itself."""
    found = told(group(GroupKind.COUNTERFACTUAL), {"lufs": -24.0}, {"lufs": -23.5})
    why = "delivery 0.00: asked low and high in loudness, the pair has lufs -24 and -23.5: it must rise by 2 or more"
    assert found == {"g00.a": (why,), "g00.b": (why,)}


def test_a_good_side_is_told_that_the_other_one_decides() -> None:
    """Its own numbers would explain nothing."""
    found = told(group(GroupKind.COUNTERFACTUAL), {"lufs": -30.0, "delivery": 0.75}, {"lufs": -20.0})
    assert found["g00.b"] == ("delivery 0.50: a pair is worth what its worse side is, and that is the other one",)
    assert found["g00.a"][0].startswith("delivery 0.50: delivery 0.75 (")


def test_a_pair_that_moved_is_told_nothing() -> None:
    """By the least move."""
    assert told(group(GroupKind.COUNTERFACTUAL), {"lufs": -25.0}, {"lufs": -23.0}) == {"g00.a": (), "g00.b": ()}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        pytest.param(
            GroupKind.COUNTERFACTUAL,
            "delivery 0.00: the pair's other side failed, so nothing shows that the description was followed",
            id="counterfactual",
        ),
        pytest.param(
            GroupKind.VOICE, "consistency 0.00: the other clip of the pair failed, so nothing shows one speaker", id="voice"
        ),
    ],
)
def test_a_pair_with_a_failed_side(kind: GroupKind, reason: str) -> None:
    """The side that spoke is told what the other's failure cost it."""
    found = told(group(kind), {}, Gate.TIMEOUT)
    assert found == {"g00.a": (reason,), "g00.b": (f"scores 0: {GATES[Gate.TIMEOUT]}",)}


def test_names_the_kind_of_evidence_that_bounds_a_factor() -> None:
    """First the weakest kind, then what is below human, the lowest first."""
    kinds = FactorAnchors(
        Combine.BOUNDED,
        {"distillmos": Anchor(2.0, 4.0), "ovr": Anchor(1.0, 3.0), "p808": Anchor(2.0, 4.0)},
        {"distillmos": "opinion", "ovr": "dnsmos", "p808": "dnsmos"},
    )
    rules = ScoreRules(replace(ANCHORS, factors={**ANCHORS.factors, Factor.NATURALNESS: kinds}), RULES.weights)
    sample = JudgedSample(gate=None, metrics={**PERFECT, "distillmos": 3.0, "ovr": 2.5}, pcm_sha256="", seconds=0.5)
    asked = group()
    found = explain([asked], report(ProfileIdentity("embedded", "", {}), [asked], {"g00.a": sample}, rules), rules)
    assert found == {
        "g00.a": ("naturalness 0.59: bounded by opinion 0.50, distillmos 3 (human 4, bad 2), ovr 2.5 (human 3, bad 1)",)
    }


def test_a_failure_is_told_in_the_guests_words() -> None:
    """A miner reads what the guest said, beside the gate."""
    asked = group()
    assert told(asked, Gate.GENERATION_FAILED, reason="RuntimeError: it broke") == {
        "g00.a": ("scores 0: the model failed on this prompt: RuntimeError: it broke",)
    }
