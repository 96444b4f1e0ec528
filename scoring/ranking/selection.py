"""The certainty of a mean score: how much of it counts."""

from scoring.ranking.state import Record

CONFIDENCE = 1.645
"""Standard errors of a one-sided 95 % interval: ranks go by its lower end."""
SHOWN = 2.576
"""Standard errors of a two-sided 99 % interval: what is shown beside a score."""


def lower_bound(record: Record) -> float:
    """Lower end of the confidence interval of a record's mean score."""
    return record.mean - CONFIDENCE * record.stderr


def interval(record: Record) -> tuple[float, float]:
    """The two-sided 99 % interval of a record's mean score, `mean ± 2.576 · standard error`, cut off at 0 and 1."""
    return max(0.0, record.mean - SHOWN * record.stderr), min(1.0, record.mean + SHOWN * record.stderr)
