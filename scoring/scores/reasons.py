"""The reasons for which a sample scored less than 1, in words and numbers: factor, metric and anchors. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence

from prompts.groups import Group, GroupKind
from scoring.report import EvaluationReport, Factor, Gate, SampleReport
from scoring.scores.aggregate import FLOOR, METRICS, Combine, FactorAnchors, ScoreRules, contrast_moved

GATES: Mapping[Gate, str] = {
    Gate.GENERATION_FAILED: "the model failed on this prompt",
    Gate.TIMEOUT: "the model did not answer in time",
    Gate.EMPTY: "the model answered with no sound at all",
    Gate.NOT_FINITE: "the model's samples were NaN or infinite",
    Gate.WRONG_RATE: "the sampling rate is none of those allowed",
    Gate.TOO_SHORT: "the sound is much shorter than the text takes to say",
    Gate.TOO_LONG: "the sound is much longer than the text takes to say",
    Gate.NO_SPEECH: "hardly any speech was found in the sound",
    Gate.WRONG_WORDS: "other words than the prompt's were heard",
}
"""Meaning of each closed gate."""


def explain(groups: Sequence[Group], report: EvaluationReport, rules: ScoreRules) -> dict[str, tuple[str, ...]]:
    """The reasons of each sample, by prompt id: what cost it most first, none where nothing is missing."""
    found: dict[str, tuple[str, ...]] = {}
    for group in groups:
        own = [sample for sample in report.samples if sample.group_id == group.id]
        found |= {sample.prompt_id: _of_sample(group, sample, own, rules) for sample in own}
    return found


def _of_sample(group: Group, sample: SampleReport, siblings: Sequence[SampleReport], rules: ScoreRules) -> tuple[str, ...]:
    if sample.gate is not None:
        return (_gate(sample, sample.gate, rules),)
    costs = {factor: -rules.weights[factor] * math.log(max(u, FLOOR)) for factor, u in sample.utilities.items() if u < 1.0}
    return tuple(_factor(group, sample, siblings, factor, rules) for factor in sorted(costs, key=lambda f: (-costs[f], f)))


def _gate(sample: SampleReport, gate: Gate, rules: ScoreRules) -> str:
    detail = f": {sample.reason}" if sample.reason else ""
    if gate is Gate.WRONG_WORDS and "wer" in sample.metrics:
        detail = f": wer {_number(sample.metrics['wer'])} ({_number(rules.anchors.wrong_words)} and more closes the gate)"
    return f"scores 0: {GATES[gate]}{detail}"


def _factor(group: Group, sample: SampleReport, siblings: Sequence[SampleReport], factor: Factor, rules: ScoreRules) -> str:
    (asked,) = (prompt.voice for prompt in group.prompts if prompt.id == sample.prompt_id)
    scale, utility = rules.anchors.scale(factor, asked), sample.utilities[factor]
    if factor is Factor.DELIVERY and not _followed(group, siblings, rules):
        why = _not_moved(group, siblings, rules)
    elif factor is Factor.DELIVERY and scale.utility(sample.metrics) > utility:
        why = "a pair is worth what its worse side is, and that is the other one"
    elif not any(name in sample.metrics for name in scale.metrics):
        why = "the other clip of the pair failed, so nothing shows one speaker"
    else:
        why = ", ".join(_low(scale, sample))
    return f"{factor} {utility:.2f}: {why}"


def _followed(group: Group, siblings: Sequence[SampleReport], rules: ScoreRules) -> bool:
    """True if a counterfactual pair moved as asked. If not, its delivery is worth nothing, however well each side agrees by itself."""
    if group.kind is not GroupKind.COUNTERFACTUAL:
        return True
    low, high = siblings
    return low.gate is None and high.gate is None and contrast_moved(group, low.metrics, high.metrics, rules.anchors)


def _not_moved(group: Group, siblings: Sequence[SampleReport], rules: ScoreRules) -> str:
    if group.contrast is None or any(side.gate is not None for side in siblings):
        return "the pair's other side failed, so nothing shows that the description was followed"
    measure, least = METRICS[group.contrast], _number(rules.anchors.moves[group.contrast])
    sides = " and ".join(_number(side.metrics[measure]) for side in siblings)
    return f"asked low and high in {group.contrast}, the pair has {measure} {sides}: it must rise by {least} or more"


def _low(scale: FactorAnchors, sample: SampleReport) -> Iterator[str]:
    """The metric that is worst, or each that is below human where the factor is a mean; first, the kind that bounds the factor."""
    utilities = {name: anchor.utility(sample.metrics[name]) for name, anchor in scale.metrics.items()}
    if scale.combine is Combine.BOUNDED:
        kinds = scale.by_kind(utilities)
        weakest = min(kinds, key=lambda kind: (kinds[kind], kind))
        yield f"bounded by {weakest} {kinds[weakest]:.2f}"
    least = min(utilities.values())
    for name, utility in sorted(utilities.items(), key=lambda item: (item[1], item[0])):
        if utility == least if scale.combine is Combine.WORST else utility < 1.0:
            anchor = scale.metrics[name]
            yield f"{name} {_number(sample.metrics[name])} (human {_number(anchor.human)}, bad {_number(anchor.bad)})"


def _number(value: float) -> str:
    return f"{value:.3g}"
