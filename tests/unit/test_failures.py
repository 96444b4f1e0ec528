"""Failures of ours are tried again after a pause, by a rule; a write that finds PostgreSQL away, for a while; nothing else is."""

import random
from datetime import timedelta

import pytest

from voice_api.errors import DatabaseUnavailable, LeaseLost
from workers.jobs.failures import RetryRule, next_retry, retry_while_db_down

RULE = RetryRule(max_retries=6, first=timedelta(minutes=2), max_delay=timedelta(minutes=30), jitter=0.0)


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [(0, 2), (1, 4), (2, 8), (3, 16), (4, 30), (5, 30)],
)
def test_backoff_doubles_up_to_the_longest_delay(failures: int, minutes: int) -> None:
    """2 · 2ⁿ minutes, at most 30."""
    assert next_retry(RULE, failures, random.Random(1)) == timedelta(minutes=minutes)


@pytest.mark.parametrize(("asked", "minutes"), [(1, 2), (10, 10), (600, 30)])
def test_a_hub_that_asks_to_wait_is_left_alone(asked: int, minutes: int) -> None:
    """At least for as long as it asks, and no longer than the longest delay."""
    assert next_retry(RULE, 0, random.Random(1), timedelta(minutes=asked)) == timedelta(minutes=minutes)


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


class Write:
    """Fails as it is told to, then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors, self.tries = list(errors), 0

    async def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "written"


def never() -> bool:
    """No haste."""
    return False


async def test_a_short_outage_is_waited_out() -> None:
    """The third try succeeds."""
    write = Write(DatabaseUnavailable(), DatabaseUnavailable())
    assert (await retry_while_db_down(write, timedelta(minutes=1), never), write.tries) == ("written", 3)


@pytest.mark.parametrize(
    ("error", "patience", "in_haste"),
    [
        pytest.param(DatabaseUnavailable(), timedelta(0), False, id="patience is over"),
        pytest.param(DatabaseUnavailable(), timedelta(minutes=1), True, id="the worker has to stop"),
        pytest.param(LeaseLost("evaluation 1"), timedelta(minutes=1), False, id="the lease is lost"),
        pytest.param(ValueError("nan"), timedelta(minutes=1), False, id="a verdict that cannot be written"),
    ],
)
async def test_it_is_given_up(error: Exception, patience: timedelta, in_haste: bool) -> None:
    """After one try."""
    write = Write(error)
    with pytest.raises(type(error)):
        await retry_while_db_down(write, patience, lambda: in_haste)
    assert write.tries == 1
