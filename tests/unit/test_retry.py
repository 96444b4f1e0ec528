"""When an infrastructure failure is tried again: the arithmetic."""

import random
from datetime import timedelta

import pytest

from workers.jobs.failures import RetryRule, next_retry

RULE = RetryRule(max_retries=6, first=timedelta(minutes=2), max_delay=timedelta(minutes=30), jitter=0.0)


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(0, 2), (1, 4), (2, 8), (3, 16), (4, 30), (5, 30)],
)
def test_backoff_doubles_up_to_the_longest_delay(failures: int, minutes: int) -> None:
    """2 · 2ⁿ minutes, at most 30."""
    assert next_retry(RULE, failures, random.Random(1)) == timedelta(minutes=minutes)


def test_a_spent_budget_parks() -> None:
    """After `max_retries` failures nothing is tried again."""
    assert next_retry(RULE, 6, random.Random(1)) is None


def test_jitter_only_lengthens_and_is_bounded() -> None:
    """With 10 % jitter the first pause lies between 2 and 2.2 minutes, and pauses differ."""
    rule = RetryRule(jitter=0.1)
    draw = random.Random(1)
    pauses = [next_retry(rule, 0, draw) for _ in range(50)]
    assert all(pause is not None and timedelta(minutes=2) <= pause <= timedelta(minutes=2.2) for pause in pauses)
    assert len(set(pauses)) > 40
