"""The highest score that the rules let anybody reach: that of a voice without a fault that does exactly what is asked."""

from collections.abc import Iterator
from hashlib import sha256
from statistics import NormalDist

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import Attribute, agreement, centre, place
from scoring.competition import Track
from scoring.report import Factor
from scoring.scores.aggregate import METRICS, Anchors, JudgedSample, ScoreRules, evaluate, load_anchors, mean
from scoring.types import MICRO, BlockHash

ROUNDS = 20
LOUDNESS, LOUDNESS_STEP = -23.0, 2.0
"""LUFS of an ordinary voice, and LU between two levels: what is asked soft is softer, and no recording is faint."""


def ceiling(track: Track, rounds: int = ROUNDS) -> float:
    """The mean score of the faultless voice over so many drawn rounds, in [0, 1], by the functions that score miners."""
    rules = ScoreRules(load_anchors(track.profile), track.factors)
    scores = []
    for number in range(rounds):
        groups = track.groups(BlockHash(f"0x{sha256(f'ceiling {number}'.encode()).hexdigest()}"))
        judged = {prompt.id: faultless(group, prompt, rules.anchors) for group in groups for prompt in group.prompts}
        scores += [group.score for group in evaluate(groups, judged, rules)[1]]
    return mean(scores) / MICRO


def faultless(group: Group, prompt: Prompt, anchors: Anchors) -> JudgedSample:
    """Each metric at its human anchor, but for those that what is asked decides: rate, pitch, melody and loudness."""
    metrics = {name: value for factor in anchors.factors for name, value in _human(factor, group, anchors)}
    asked = {METRICS[attribute]: value for attribute, value in _asked(prompt)}
    wanted = [a for a in prompt.voice.judged if a is not Attribute.LOUDNESS]
    obeyed = [agreement(prompt.voice.level(a), place(a, asked[METRICS[a]])) for a in wanted]
    metrics["delivery"] = min(obeyed, default=1.0)
    if Attribute.EXPRESSION in wanted:
        metrics["f0_span"] = _span(asked[METRICS[Attribute.EXPRESSION]])
    return JudgedSample(gate=None, metrics={**metrics, **asked}, pcm_sha256="", seconds=0.0)


def _human(factor: Factor, group: Group, anchors: Anchors) -> Iterator[tuple[str, float]]:
    """The human anchors of a factor's metrics; consistency is measured between the two clips of a voice."""
    if factor is Factor.CONSISTENCY and group.kind is not GroupKind.VOICE:
        return
    for name, anchor in anchors.factors[factor].metrics.items():
        yield name, anchor.human


def _asked(prompt: Prompt) -> Iterator[tuple[Attribute, float]]:
    for attribute in Attribute:
        level = prompt.voice.level(attribute)
        if attribute is Attribute.LOUDNESS:
            yield attribute, LOUDNESS + LOUDNESS_STEP * (level - 3)
        else:
            yield attribute, centre(attribute, level)


def _span(spread: float) -> float:
    """Semitones from the 5th to the 95th percentile of a pitch with this standard deviation, as naturalness measures a melody."""
    return 2.0 * NormalDist().inv_cdf(0.95) * spread
