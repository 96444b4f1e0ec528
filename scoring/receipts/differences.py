"""The differences of two accounts of one evaluation: the receipt's, and the one that was found."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scoring.report import EvaluationReport, SampleReport
from scoring.types import MICRO, Micro

SAMPLE_TOLERANCE = Micro(100_000)
"""On hardware of another class the last digits of a sound and of a network's output differ, and a threshold may then fall the other
way: one word of twelve heard otherwise, or one attribute a level off, moves a sample's score by some .02 to .09. Other words or another
voice move it further. Such events are rare, and go either way: a mean of n samples may move by this over the root of n."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference: the receipt claims one thing, and the check found another."""

    what: str
    claimed: str
    found: str


def exact(claimed: EvaluationReport, found: EvaluationReport) -> list[Difference]:
    """Every difference of two reports on the same prompts, metric by metric; seconds aside: they are never the same twice."""
    rows: list[Difference] = []
    for mine, theirs in zip(claimed.samples, found.samples, strict=True):
        rows += _sample(mine, theirs)
    for one, other in zip(claimed.groups, found.groups, strict=True):
        rows += _field(f"{one.id}: score", one.score, other.score)
    rows += _field("score", claimed.score, found.score)
    rows += _field("standard error", claimed.stderr, found.stderr)
    return rows


def near(claimed: EvaluationReport, found: EvaluationReport) -> list[Difference]:
    """Scores of samples, and of the evaluation, that lie further apart than the tolerance: for other hardware."""
    rows = [
        _far(f"{mine.prompt_id}: score", mine.score, theirs.score, SAMPLE_TOLERANCE)
        for mine, theirs in zip(claimed.samples, found.samples, strict=True)
    ]
    of_mean = Micro(round(SAMPLE_TOLERANCE / math.sqrt(len(rows))))
    rows.append(_far("score", claimed.score, found.score, of_mean))
    return [row for row in rows if row is not None]


def _far(what: str, claimed: Micro, found: Micro, tolerance: Micro) -> Difference | None:
    if abs(claimed - found) <= tolerance:
        return None
    return Difference(what, f"{claimed / MICRO:.6f} ± {tolerance / MICRO:.6f}", f"{found / MICRO:.6f}")


def _sample(claimed: SampleReport, found: SampleReport) -> Iterator[Difference]:
    where = claimed.prompt_id
    yield from _field(f"{where}: audio", claimed.pcm_sha256, found.pcm_sha256)
    yield from _field(f"{where}: rate", claimed.rate, found.rate)
    yield from _field(f"{where}: gate", claimed.gate, found.gate)
    yield from _table(where, "metric", claimed.metrics, found.metrics)
    yield from _table(where, "utility", _named(claimed), _named(found))
    yield from _field(f"{where}: score", claimed.score, found.score)


def _table(where: str, what: str, claimed: Mapping[str, float], found: Mapping[str, float]) -> Iterator[Difference]:
    for name in sorted({*claimed, *found}):
        yield from _field(f"{where}: {what} {name}", claimed.get(name), found.get(name))


def _named(sample: SampleReport) -> dict[str, float]:
    return {factor.value: utility for factor, utility in sample.utilities.items()}


def _field(what: str, claimed: object, found: object) -> list[Difference]:
    return [] if claimed == found else [Difference(what, _text(claimed), _text(found))]


def _text(value: object) -> str:
    match value:
        case None | "":
            return "none"
        case float():
            return repr(value)
        case _:
            return str(value)
