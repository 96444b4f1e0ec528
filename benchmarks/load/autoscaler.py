"""Autoscaling by open evaluations and by queue age: the rule of a HorizontalPodAutoscaler on two external metrics, without a cluster.

Wanted is the most of what the metrics want: ceil(open / each) and ceil(workers × age / target), each as many as there are where it is
within the tolerance of that. The fleet grows to the least, and shrinks to the most, that was wanted throughout a window; each by so many
workers in a period at most.
"""

import math
from dataclasses import dataclass, field

from benchmarks.load.plan import Scaling


def wanted(workers: int, open_rows: int, age_seconds: float, rule: Scaling, least: int) -> int:
    """How many workers the metrics want now, within the bounds."""
    by_rows = _asked(workers, open_rows / (rule.open_each * workers), rule)
    by_age = _asked(workers, age_seconds / rule.age_seconds, rule)
    return min(max(by_rows, by_age, least), rule.most)


def _asked(workers: int, ratio: float, rule: Scaling) -> int:
    return workers if abs(ratio - 1.0) <= rule.tolerance else math.ceil(workers * ratio - 1e-9)


@dataclass(slots=True)
class Autoscaler:
    """The rule with its memory of what was wanted, and of what was done."""

    rule: Scaling
    least: int
    _wanted: list[tuple[float, int]] = field(default_factory=list)
    _changes: list[tuple[float, int]] = field(default_factory=list)

    def next(self, now: float, workers: int, open_rows: int, age_seconds: float) -> int:
        """How many workers there shall be."""
        rule = self.rule
        self._wanted.append((now, wanted(workers, open_rows, age_seconds, rule, self.least)))
        self._wanted = [each for each in self._wanted if each[0] > now - max(rule.up_calm_seconds, rule.down_calm_seconds)]
        up = min(number for at, number in self._wanted if at > now - rule.up_calm_seconds)
        down = max(number for at, number in self._wanted if at > now - rule.down_calm_seconds)
        found = min(max(workers, up), down)
        found = (
            min(found, workers - self._changed(now, rule.up_period_seconds, 1) + rule.up_workers) if found > workers else found
        )
        if found < workers:
            found = max(found, workers + self._changed(now, rule.down_period_seconds, -1) - rule.down_workers)
        found = max(found, workers) if up > workers else min(found, workers)
        if found != workers:
            self._changes.append((now, found - workers))
        return found

    def _changed(self, now: float, period: float, sign: int) -> int:
        """By how many workers it grew (1) or shrank (-1) within a period."""
        return sum(abs(change) for at, change in self._changes if at > now - period and change * sign > 0)
