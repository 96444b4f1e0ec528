"""The certainty of a mean score: how much of it counts."""

from scoring.ranking.state import Record

CONFIDENCE = 1.645
"""Standard errors of a one-sided 95 % interval."""


def lower_bound(record: Record) -> float:
    """Lower end of the confidence interval of a record's mean score."""
    return record.mean - CONFIDENCE * record.stderr
