"""A round's scores side by side, and the question whether one submission scored clearly less than another on the same groups."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from scoring.types import MICRO, Entrant, Micro

MISSING = -1
"""Stands in a table where a submission was not scored on a group."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The scores of a round: `scores` is (submissions, groups) in integers of 1e-6, MISSING where there is none; `rows` finds the row.

    Groups are in the order of their ids, which is the order in which the round asked for them.
    """

    rows: Mapping[Entrant, int]
    scores: Integers

    @classmethod
    def of(cls, scored: Mapping[Entrant, Mapping[str, Micro]]) -> "Table":
        """The scores of all that were scored, by group id."""
        maps = list(scored.values())
        asked = list(maps[0]) if maps else []
        if sorted(asked) != asked or any(list(groups) != asked for groups in maps):
            asked = sorted({group for groups in maps for group in groups})
            values = chain.from_iterable((groups.get(group, MISSING) for group in asked) for groups in maps)
        else:
            values = chain.from_iterable(groups.values() for groups in maps)
        scores = np.fromiter(values, np.int64, len(maps) * len(asked)).reshape(len(maps), len(asked))
        return cls({entrant: row for row, entrant in enumerate(scored)}, scores)

    def row(self, entrant: Entrant) -> Integers:
        """A submission's scores, MISSING where there is none."""
        row: Integers = self.scores[self.rows[entrant]]
        return row

    def there(self, entrant: Entrant) -> Integers:
        """A submission's scores on the groups that it was scored on, in order."""
        return there(self.row(entrant))

    def differences(self, one: Entrant, other: Entrant) -> Integers:
        """`one`'s scores minus `other`'s on the groups that both were scored on, in order."""
        return differences(self.row(one), self.row(other))


def there(row: Integers) -> Integers:
    """The scores that are there, in order."""
    found: Integers = row[row != MISSING]
    return found


def differences(mine: Integers, theirs: Integers) -> Integers:
    """The first scores minus the second on the groups that both have."""
    both = (mine != MISSING) & (theirs != MISSING)
    found: Integers = mine[both] - theirs[both]
    return found


def clearly_less(found: Integers, errors: float) -> bool:
    """Whether the mean of these differences is below 0 by more than so many of its standard errors; True where there are none."""
    n = found.size
    if n == 0:
        return True
    total, squares = int(found.sum()), int((found * found).sum())
    if n == 1:
        return total < 0
    spread = max(0, squares * n - total * total)
    return total < -errors * math.sqrt(spread / (n - 1))


def mean_of(scores: Sequence[int] | Integers) -> float:
    """The mean of integers of 1e-6 in [0, 1], 0 for none."""
    return 0.0 if len(scores) == 0 else sum(int(score) for score in scores) / len(scores) / MICRO
