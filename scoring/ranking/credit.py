"""Credit: what a lead that took the top is worth. It is measured on, counts by its lower bound, and decays once its hotkey lost the top."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scoring.competition import PayRules
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, parse_entrant

SURE = 2.326
"""Standard errors of a one-sided 99 % interval: who was never better is hardly ever paid."""
_NONE, _ALL = Micro(0), Micro(MICRO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A lead: the sums of a new king's scores less those of the king before it, on the groups that both were scored on."""

    entrant: Entrant
    """The submission that took the top."""
    over: Entrant | None
    """The king that it took it from; None for an empty throne, where the lead counts from `level`."""
    level: Micro = _NONE
    """A score: where the lead of a king of an empty throne begins."""
    owed: Micro = _NONE
    """The part of the lead that only makes up for what the king before it lacked of a level that was reached before."""
    groups: int = 0
    total: int = 0
    """Sum of the differences, in 1e-6."""
    squares: int = 0
    """Sum of their squares, in 1e-12."""
    open: bool = True
    """Whether it is still measured: rounds ask for both submissions first."""
    since: Block | None = None
    """It decays from this block on; None while its hotkey is king."""
    left: Micro = _ALL
    """The part of it that was left at `since`, in 1e-6."""
    worth: Micro = _NONE
    """Lead times what is left of it, after the last round."""

    @property
    def hotkey(self) -> Hotkey:
        """Who is paid for it."""
        return parse_entrant(self.entrant)[0]

    @property
    def lead(self) -> Micro:
        """Lower end of the lead's one-sided 99 % interval, less what is owed, in integers of 1e-6 rounded down; never below 0."""
        if self.groups < 2:
            return Micro(0)
        spread = max(0, self.squares * self.groups - self.total * self.total)
        stderr = math.sqrt(spread / (self.groups * self.groups * (self.groups - 1)))
        return Micro(max(0, math.floor(self.total / self.groups - SURE * stderr) - self.owed))

    def with_groups(self, differences: Sequence[int] | npt.NDArray[np.int64]) -> "Credit":
        """The lead measured on more groups, in integers of 1e-6."""
        found = np.asarray(differences, np.int64)
        return replace(
            self,
            groups=self.groups + int(found.size),
            total=self.total + int(found.sum()),
            squares=self.squares + int((found * found).sum()),
        )

    def closed(self) -> "Credit":
        """The lead as it is, not measured on: what it was measured by is no more."""
        return replace(self, open=False)

    def left_at(self, block: Block, half_life: int) -> Micro:
        """The part of it that is left at a block, in integers of 1e-6: it halves in each half-life, evenly from half to half."""
        if self.since is None:
            return self.left
        halvings, rest = divmod(max(0, block - self.since), half_life)
        return Micro((self.left * (2 * half_life - rest) // (2 * half_life)) >> halvings)


def settled(leads: Iterable[Credit], king: Entrant | None, block: Block, rules: PayRules) -> tuple[Credit, ...]:
    """All credits after a round that began at this block: those of the king's hotkey rest, all others decay; spent ones are dropped."""
    reigning = None if king is None else parse_entrant(king)[0]
    found = []
    for credit in leads:
        left = credit.left_at(block, rules.half_life_blocks)
        if credit.hotkey == reigning:
            credit = replace(credit, since=None, left=left)
        elif credit.since is None:
            credit = replace(credit, since=block)
        measured = credit.open and credit.groups < rules.measured_groups
        if left:
            found.append(replace(credit, open=measured, worth=Micro(credit.lead * left // MICRO)))
    return tuple(sorted(found, key=lambda credit: (credit.entrant, credit.over or "")))
