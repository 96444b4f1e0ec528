"""From metrics to scores, with numbers worked out by hand."""

import math
from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import Attribute, Register, Voice
from scoring.report import Factor, Gate, GroupReport, SampleReport
from scoring.scores.aggregate import (
    Anchor,
    Anchors,
    Combine,
    FactorAnchors,
    JudgedSample,
    ProfileIdentity,
    ScoreRules,
    combine,
    contrast_moved,
    load_anchors,
    report,
)
from scoring.types import Micro

VOICE = Voice(register=Register.LOW, rate=3, pitch=3, expression=3, loudness=3)
SINGLE_WEIGHTS = {Factor.INTELLIGIBILITY: 0.4, Factor.NATURALNESS: 0.3, Factor.DELIVERY: 0.3}
WEIGHTS = SINGLE_WEIGHTS | {Factor.CONSISTENCY: 0.25}
WHO = ProfileIdentity("embedded", "hash", {"scripted": "1"})
ANCHORS = Anchors(
    factors={
        Factor.INTELLIGIBILITY: FactorAnchors(Combine.WORST, {"wer": Anchor(bad=1.0, human=0.0)}),
        Factor.NATURALNESS: FactorAnchors(Combine.MEAN, {"ovr": Anchor(bad=1.0, human=3.0), "p808": Anchor(bad=2.0, human=4.0)}),
        Factor.DELIVERY: FactorAnchors(Combine.MEAN, {"delivery": Anchor(bad=0.0, human=1.0)}),
        Factor.CONSISTENCY: FactorAnchors(Combine.MEAN, {"speaker_similarity": Anchor(bad=0.0, human=1.0)}),
    },
    wrong_words=0.9,
    moves={Attribute.RATE: 1.0, Attribute.PITCH: 5.0, Attribute.EXPRESSION: 5.0, Attribute.LOUDNESS: 2.0},
    hash="",
)
RULES = ScoreRules(ANCHORS, WEIGHTS)
PERFECT = {
    "wer": 0.0,
    "ovr": 3.0,
    "p808": 4.0,
    "delivery": 1.0,
    "lufs": -23.0,
    "phoneme_rate": 12.0,
    "f0_height": 0.0,
    "f0_spread": 2.4,
}


def judged(gate: Gate | None = None, **metrics: float) -> JudgedSample:
    return JudgedSample(gate=gate, metrics={} if gate else {**PERFECT, **metrics}, pcm_sha256="ab" * 32, seconds=0.5)


def group(name: str, kind: GroupKind = GroupKind.SINGLE, contrast: Attribute | None = None) -> Group:
    letters = "a" if kind is GroupKind.SINGLE else "ab"
    return Group(
        name,
        kind,
        tuple(Prompt(id=f"{name}.{letter}", text="text", description="description", voice=VOICE) for letter in letters),
        contrast,
    )


PAIR = group("g01", GroupKind.COUNTERFACTUAL, Attribute.LOUDNESS)


@pytest.mark.parametrize(
    ("utilities", "expected"),
    [
        pytest.param((1.0, 1.0, 1.0), 1.0, id="perfect"),
        pytest.param((0.5, 0.5, 0.5), 0.5, id="the mean of equals"),
        pytest.param((0.25, 1.0, 1.0), 0.574349, id="0.25 ** 0.4"),
        pytest.param((1.0, 0.0, 1.0), 0.251189, id="the floor: 0.01 ** 0.3"),
        pytest.param((0.0, 0.0, 0.0), 0.01, id="all at the floor"),
    ],
)
def test_combines_by_a_weighted_geometric_mean(utilities: tuple[float, float, float], expected: float) -> None:
    """No factor buys another: a zero costs three quarters of the score."""
    assert combine(dict(zip(SINGLE_WEIGHTS, utilities, strict=True)), WEIGHTS) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("anchor", "x", "expected"),
    [
        pytest.param(Anchor(1.0, 3.0), 2.0, 0.5, id="between"),
        pytest.param(Anchor(1.0, 3.0), 9.0, 1.0, id="better than human saturates"),
        pytest.param(Anchor(1.0, 3.0), 0.0, 0.0, id="worse than bad"),
        pytest.param(Anchor(0.8, 0.0), 0.2, 0.75, id="less is better"),
    ],
)
def test_anchors_map_to_utilities(anchor: Anchor, x: float, expected: float) -> None:
    """`clip((x - bad) / (human - bad), 0, 1)`, in either direction."""
    assert anchor.utility(x) == pytest.approx(expected)


def test_a_sample_is_reported_whole() -> None:
    """WER .2, naturalness mean of .5 and 1, delivery .64: .8^.4 · .75^.3 · .64^.3 = .733962."""
    result = report(WHO, [group("g00")], {"g00.a": judged(wer=0.2, ovr=2.0, delivery=0.64)}, RULES)
    score = Micro(round(1e6 * 0.8**0.4 * 0.75**0.3 * 0.64**0.3))
    assert result.samples == (
        SampleReport(
            prompt_id="g00.a",
            group_id="g00",
            score=score,
            gate=None,
            metrics={**PERFECT, "wer": 0.2, "ovr": 2.0, "delivery": 0.64},
            utilities={Factor.INTELLIGIBILITY: 0.8, Factor.NATURALNESS: 0.75, Factor.DELIVERY: 0.64},
            pcm_sha256="ab" * 32,
            seconds=0.5,
        ),
    )
    assert (result.score, result.stderr) == (score, 0)


@pytest.mark.parametrize("gate", list(Gate))
def test_every_closed_gate_scores_zero_and_stays_in_the_mean(gate: Gate) -> None:
    """One failed of two perfect singles halves the evaluation."""
    result = report(WHO, [group("g00"), group("g01")], {"g00.a": judged(gate), "g01.a": judged()}, RULES)
    assert [sample.gate for sample in result.samples] == [gate, None]
    assert [entry.score for entry in result.groups] == [0, 1_000_000]
    assert result.score == 500_000


@pytest.mark.parametrize(
    ("similarity", "expected"),
    [
        pytest.param({"speaker_similarity": 1.0}, 1_000_000, id="one speaker"),
        pytest.param({"speaker_similarity": 0.25}, round(1e6 * 0.25**0.2), id="two speakers: .25 ** (.25 / 1.25)"),
        pytest.param({}, round(1e6 * 0.01**0.2), id="the other clip failed: nothing shows one speaker"),
    ],
)
def test_consistency_counts_in_voice_pairs(similarity: Mapping[str, float], expected: int) -> None:
    """The weights of the other factors shrink by its own, so that they sum to 1 in every group."""
    result = report(
        WHO, [group("g00", GroupKind.VOICE)], {"g00.a": judged(None, **similarity), "g00.b": judged(None, **similarity)}, RULES
    )
    assert [sample.score for sample in result.samples] == [expected, expected]


@pytest.mark.parametrize(
    ("voice", "expected"),
    [
        pytest.param(Voice(), 0.5 ** (0.4 / 0.7), id="nothing is asked: the other factors' weights sum to 1"),
        pytest.param(Voice(register=Register.HIGH), 0.5**0.4 * 0.01**0.3, id="a register is asked"),
        pytest.param(Voice(rate=5), 0.5**0.4 * 0.01**0.3, id="a pace is asked"),
    ],
)
def test_delivery_counts_where_something_is_asked(voice: Voice, expected: float) -> None:
    """In plain reading it is no factor, whatever was measured; elsewhere its absence is a mistake of ours, and loud."""
    plain = Group("g00", GroupKind.SINGLE, (Prompt(id="g00.a", text="text", description="description", voice=voice),))
    result = report(WHO, [plain], {"g00.a": judged(wer=0.5, delivery=0.0)}, RULES)
    assert result.score == Micro(round(1e6 * expected))
    unheard = JudgedSample(
        gate=None, metrics={name: x for name, x in PERFECT.items() if name != "delivery"}, pcm_sha256="", seconds=0.5
    )
    if voice.judged:
        with pytest.raises(KeyError):
            report(WHO, [plain], {"g00.a": unheard}, RULES)
    else:
        assert report(WHO, [plain], {"g00.a": unheard}, RULES).score == 1_000_000


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param(3, 0.0, id="a flat tone that nobody asked for"),
        pytest.param(5, 0.0, id="where life was asked for"),
        pytest.param(1, 1.0, id="a monotone was asked for"),
    ],
)
def test_who_was_asked_for_a_flat_tone_need_not_show_a_melody(expression: int, expected: float) -> None:
    """The other kinds of evidence are asked of him all the same."""
    kinds = {"opinion": "opinion", "span": "melody"}
    metrics = {"opinion": Anchor(1.0, 3.0), "span": Anchor(0.0, 6.0)}
    naturalness = FactorAnchors(Combine.BOUNDED, metrics, kinds)
    scale = replace(ANCHORS, factors={**ANCHORS.factors, Factor.NATURALNESS: naturalness})
    found = {**PERFECT, "opinion": 3.0, "span": 0.0}
    assert scale.utilities(found, Voice(expression=expression))[Factor.NATURALNESS] == expected
    assert scale.utilities({**found, "opinion": 1.0}, Voice(expression=expression))[Factor.NATURALNESS] == 0.0


def test_standard_error_is_over_groups() -> None:
    """Groups 1, .5 and 0: sd .5, over √3."""
    pair = group("g01", GroupKind.VOICE)
    outcomes = {
        "g00.a": judged(),
        "g01.a": judged(speaker_similarity=1.0),
        "g01.b": judged(Gate.EMPTY),
        "g02.a": judged(Gate.TIMEOUT),
    }
    result = report(WHO, [group("g00"), pair, group("g02")], outcomes, RULES)
    assert result.groups == (
        GroupReport("g00", "single", Micro(1_000_000)),
        GroupReport("g01", "voice", Micro(500_000)),
        GroupReport("g02", "single", Micro(0)),
    )
    assert (result.score, result.stderr) == (500_000, round(500_000 / math.sqrt(3)))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        pytest.param(-30.0, -20.0, 1_000_000, id="moves as asked"),
        pytest.param(-30.0, -28.0, 1_000_000, id="by the least move"),
        pytest.param(-30.0, -28.1, 251_189, id="too little"),
        pytest.param(-23.0, -23.0, 251_189, id="ignores the description"),
        pytest.param(-20.0, -30.0, 251_189, id="moves the wrong way"),
    ],
)
def test_a_counterfactual_pair_must_move(low: float, high: float, expected: int) -> None:
    """Otherwise the delivery of both sides is worth nothing, however well each agrees by itself."""
    result = report(WHO, [PAIR], {"g01.a": judged(lufs=low), "g01.b": judged(lufs=high)}, RULES)
    assert [sample.score for sample in result.samples] == [expected, expected]


@pytest.mark.parametrize(
    ("contrast", "measure"),
    [
        pytest.param(Attribute.RATE, "phoneme_rate", id="rate"),
        pytest.param(Attribute.PITCH, "f0_height", id="pitch"),
        pytest.param(Attribute.EXPRESSION, "f0_spread", id="expression"),
        pytest.param(Attribute.LOUDNESS, "lufs", id="loudness"),
    ],
)
def test_each_contrast_is_read_from_its_own_metric(contrast: Attribute, measure: str) -> None:
    """A rise of the one metric that measures the contrast is what counts."""
    pair = group("g00", GroupKind.COUNTERFACTUAL, contrast)
    risen = {**PERFECT, measure: PERFECT[measure] + 10.0}
    assert contrast_moved(pair, PERFECT, risen, ANCHORS)
    assert not contrast_moved(pair, risen, PERFECT, ANCHORS)


def test_a_pair_that_moved_is_worth_what_its_worse_side_is() -> None:
    """Whoever fakes one side gains nothing by the other's; the sides of other groups stand for themselves."""
    sides = {"g01.a": judged(lufs=-30.0, delivery=0.25), "g01.b": judged(lufs=-20.0, delivery=1.0)}
    low, high = report(WHO, [PAIR], sides, RULES).samples
    assert (low.utilities[Factor.DELIVERY], high.utilities[Factor.DELIVERY]) == (0.25, 0.25)
    voice = Group("g01", GroupKind.VOICE, PAIR.prompts)
    low, high = report(WHO, [voice], sides, RULES).samples
    assert (low.utilities[Factor.DELIVERY], high.utilities[Factor.DELIVERY]) == (0.25, 1.0)


def test_a_pair_with_a_failed_side_has_shown_no_obedience() -> None:
    """The side that spoke keeps its other factors, not its delivery."""
    result = report(WHO, [PAIR], {"g01.a": judged(Gate.TIMEOUT), "g01.b": judged()}, RULES)
    assert [sample.score for sample in result.samples] == [0, 251_189]


def test_nothing_can_be_left_out() -> None:
    """A prompt without an outcome is a mistake of ours, and loud; so is an evaluation of nothing."""
    with pytest.raises(KeyError):
        report(WHO, [group("g00"), group("g01")], {"g00.a": judged()}, RULES)
    with pytest.raises(ValueError, match="at least one group"):
        report(WHO, [], {}, RULES)


def test_a_missing_metric_is_not_a_low_one() -> None:
    """A judge that returned nothing must not pass for a bad voice."""
    with pytest.raises(KeyError):
        report(WHO, [group("g00")], {"g00.a": JudgedSample(gate=None, metrics={"wer": 0.0}, pcm_sha256="", seconds=0.0)}, RULES)


METRIC = st.floats(-100.0, 100.0)
OUTCOME = st.builds(lambda wer, ovr, delivery: judged(wer=wer, ovr=ovr, delivery=delivery), METRIC, METRIC, METRIC)


@given(st.dictionaries(st.integers(0, 30), OUTCOME, min_size=1, max_size=12), st.randoms())
def test_order_never_matters(outcomes: Mapping[int, JudgedSample], random: Random) -> None:
    """Groups in any order give the same score, standard error and samples; all lie in 0 … 1."""
    groups = [group(f"g{number:02d}") for number in outcomes]
    by_id = {f"g{number:02d}.a": outcome for number, outcome in outcomes.items()}
    shuffled = random.sample(groups, len(groups))
    one, two = report(WHO, groups, by_id, RULES), report(WHO, shuffled, dict(reversed(by_id.items())), RULES)
    assert (one.score, one.stderr, set(one.groups)) == (two.score, two.stderr, set(two.groups))
    assert all(0 <= sample.score <= 1_000_000 for sample in one.samples)


def test_the_shipped_anchors_cover_every_factor() -> None:
    """Each factor has a metric, each attribute a least move, and wrong words close the gate beyond where utility ends."""
    shipped = load_anchors()
    assert set(shipped.factors) == set(Factor) and all(factor.metrics for factor in shipped.factors.values())
    assert set(shipped.moves) == set(Attribute) and min(shipped.moves.values()) > 0.0
    assert shipped.factors[Factor.INTELLIGIBILITY].metrics["wer"].utility(shipped.wrong_words) == 0.0


EVIDENCE = FactorAnchors(
    Combine.BOUNDED,
    {"distillmos": Anchor(bad=2.0, human=4.0), "ovr": Anchor(bad=1.0, human=3.0), "p808": Anchor(bad=2.0, human=4.0)},
    {"distillmos": "opinion", "ovr": "dnsmos", "p808": "dnsmos"},
)


@pytest.mark.parametrize(
    ("distillmos", "ovr", "p808", "expected"),
    [
        pytest.param(4.0, 3.0, 4.0, 1.0, id="all kinds agree"),
        pytest.param(2.0, 3.0, 4.0, 0.0, id="one kind finds nothing, whatever the other says"),
        pytest.param(3.0, 3.0, 4.0, math.sqrt(0.5 * 0.75), id="the weakest is .5, the mean of .5 and 1 is .75"),
        pytest.param(4.0, 2.0, 3.0, math.sqrt(0.5 * 0.75), id="two opinions of one kind are one voice: .5"),
        pytest.param(4.0, 1.0, 4.0, math.sqrt(0.5 * 0.75), id="0 and 1 within a kind are .5"),
    ],
)
def test_kinds_of_evidence_are_bounded_by_the_weakest(distillmos: float, ovr: float, p808: float, expected: float) -> None:
    """sqrt(min · mean) over kinds, each the mean of its metrics."""
    found = EVIDENCE.utility({"distillmos": distillmos, "ovr": ovr, "p808": p808})
    assert found == pytest.approx(expected)
