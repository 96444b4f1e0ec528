"""A sample as people hear and read it: what was asked and heard, word for word, its factors, why it lost, and what to do about it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from prompts.groups import GroupKind, Prompt
from scoring.errors import Code, PlatformError
from scoring.report import EvaluationReport, Factor, Gate, SampleReport
from scoring.scores.aggregate import ScoreRules, load_anchors
from scoring.scores.flags import sentence
from scoring.scores.reasons import GATES, explain
from scoring.types import EvaluationId, Micro
from voice_api.db.evaluations import SampleRow
from voice_api.schemas import MOST_ROWS
from voice_api.web.dependencies import Service
from voice_api.web.listening.voting import ClipMeasures, measures
from voice_api.web.round_prompts import RoundPrompts

ADVICE: Mapping[Gate, str] = {
    Gate.GENERATION_FAILED: "Let the model say the text at home: `voice miner check --speak`.",
    Gate.TIMEOUT: "Make it faster, or smaller: the guide for miners says how long an answer may take.",
    Gate.EMPTY: "Let the model say the text at home: it ended before its first sample.",
    Gate.NOT_FINITE: "Look for numbers that overflow: the track's precision may be lower than the one it was trained in.",
    Gate.WRONG_RATE: "Let the model answer at a rate that its family's guide names.",
    Gate.TOO_SHORT: "Listen to it: words are missing, or it is spoken much too fast.",
    Gate.TOO_LONG: "Listen to it: it goes on after the text, or is spoken much too slowly.",
    Gate.NO_SPEECH: "Listen to it: the judges hear noise or silence where words should be.",
    Gate.WRONG_WORDS: "Compare what was asked with what was heard: the differing words are marked.",
}
"""What a miner does about a closed gate."""
_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class ComparedWord:
    """A word, and whether the other side has another one in its place."""

    text: str
    differs: bool


@dataclass(frozen=True, slots=True)
class FactorBar:
    """A factor's utility, 0 … 1, and its weight in the score; None where the round's rules are not ours."""

    name: str
    utility: float
    weight: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardSample:
    """One prompt's answer."""

    sample: SampleRow
    source: str
    """Where /v1 has it: a path and the begin of a JSON pointer."""
    prompt: Prompt | None
    """None where what was asked is not known."""
    kind: GroupKind | None
    factors: tuple[FactorBar, ...]
    asked: tuple[ComparedWord, ...]
    heard: tuple[ComparedWord, ...]
    reasons: tuple[str, ...]
    advice: str
    """What to do about a closed gate; '' where none is closed."""
    flags: tuple[str, ...]
    """What was noticed, in words; it changed no score."""


def heard_samples(evaluation: EvaluationId, rows: Sequence[SampleRow], prompts: RoundPrompts) -> tuple[HeardSample, ...]:
    """All of an evaluation's samples, in the round's order."""
    reasons = _reasons(rows, prompts)
    return tuple(_heard(evaluation, row, prompts, reasons.get(row.prompt_id, ())) for row in rows)


def _heard(evaluation: EvaluationId, row: SampleRow, prompts: RoundPrompts, reasons: tuple[str, ...]) -> HeardSample:
    prompt, group = prompts.prompt(row.prompt_id), prompts.group(row.group_id)
    asked, heard = compared(prompt.text if prompt else "", row.heard)
    weights = prompts.rules.factors if prompts.rules else {}
    return HeardSample(
        sample=row,
        source=f"/v1/evaluations/{evaluation}/samples?limit={MOST_ROWS}#/items/{row.position}/",
        prompt=prompt,
        kind=group.kind if group else None,
        factors=tuple(
            FactorBar(factor, row.utilities[factor], weights.get(factor)) for factor in Factor if factor in row.utilities
        ),
        asked=asked,
        heard=heard,
        reasons=reasons,
        advice=ADVICE[Gate(row.gate)] if row.gate else "",
        flags=tuple(sentence(flag) for flag in row.flags),
    )


def compared(asked: str, heard: str) -> tuple[tuple[ComparedWord, ...], tuple[ComparedWord, ...]]:
    """The words of both sides; those differ that the other has not at this place, but for case and punctuation.

    >>> compared("Take the silver ring.", "take a silver ring")[1][1]
    ComparedWord(text='a', differs=True)
    """
    sides = asked.split(), heard.split()
    plain = [[_LETTERS.sub("", word).lower() for word in side] for side in sides]
    same: tuple[set[int], set[int]] = (set(), set())
    for block in SequenceMatcher(a=plain[0], b=plain[1], autojunk=False).get_matching_blocks():
        same[0].update(range(block.a, block.a + block.size))
        same[1].update(range(block.b, block.b + block.size))
    both = bool(asked and heard)
    one, other = (
        tuple(ComparedWord(word, both and place not in found) for place, word in enumerate(side))
        for side, found in zip(sides, same, strict=True)
    )
    return one, other


def _reasons(rows: Sequence[SampleRow], prompts: RoundPrompts) -> Mapping[str, tuple[str, ...]]:
    """Why each sample lost, by prompt; of other rules or judges than ours, as far as its gate tells."""
    gates = {row.prompt_id: tuple(_gate(row)) for row in rows}
    if prompts.rules is None:
        return gates
    rules = ScoreRules(load_anchors(prompts.rules.profile), prompts.rules.factors)
    try:
        return explain(prompts.groups, _report(rows), rules)
    except (KeyError, ValueError):  # it was judged by other metrics, or in other groups, than ours
        return gates


def _gate(row: SampleRow) -> Iterator[str]:
    if row.gate:
        yield f"scores 0: {GATES[Gate(row.gate)]}{f': {row.reason}' if row.reason else ''}"


def _report(rows: Sequence[SampleRow]) -> EvaluationReport:
    """The samples as they were judged; reasons read nothing else of a report."""
    samples = tuple(
        SampleReport(
            prompt_id=row.prompt_id,
            group_id=row.group_id,
            score=row.score,
            gate=Gate(row.gate) if row.gate else None,
            metrics=row.metrics,
            utilities={Factor(name): value for name, value in row.utilities.items()},
            pcm_sha256=row.pcm_sha256,
            seconds=row.seconds,
            rate=row.rate,
            reason=row.reason,
            heard=row.heard,
        )
        for row in rows
    )
    return EvaluationReport(profile="", profile_hash="", judges={}, samples=samples, groups=(), score=Micro(0), stderr=Micro(0))


async def measures_of(service: Service, pcm_sha256: str) -> ClipMeasures | None:
    """The measures of a sample's clip; None where it has none, or none any more."""
    if not pcm_sha256:
        return None
    try:
        return await measures(service, pcm_sha256)
    except PlatformError as exc:
        if exc.code not in (Code.NOT_FOUND, Code.AUDIO_DAMAGED):
            raise
        return None
