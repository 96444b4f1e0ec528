"""When an infrastructure failure is tried again, and when it is parked for the operator: pure data."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Exponential backoff between two bounds, with jitter, for a bounded number of failures of one evaluation."""

    max_retries: int = 3
    first: timedelta = timedelta(minutes=2)
    max_delay: timedelta = timedelta(minutes=30)
    jitter: float = 0.1


def next_retry(rule: RetryRule, failures: int, draw: random.Random) -> timedelta | None:
    """The pause before the next try after `failures` earlier failures (0 = this is the first), or None: park it."""
    if failures >= rule.max_retries:
        return None
    pause = min(rule.first * float(2**failures), rule.max_delay)
    return pause * (1.0 + rule.jitter * draw.random())
