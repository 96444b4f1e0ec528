"""Which sounds are kept for good, and which go once they are old or take too much room. Receipts and rules always stay."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

FRESH = timedelta(hours=1)
"""The age up to which a sound that is spoken again is not written again."""
GRACE = timedelta(days=1)
"""Nothing younger goes, whatever the policy says: an evaluation may be about it whose verdict is not written yet."""
_SLOT = timedelta(hours=1)
"""Sounds of one hour are counted together: a survey needs the same memory for a thousand files and for millions."""


class KeptBecause(StrEnum):
    """The reason why a sound stays whatever its age; the first that holds is told."""

    KING = "king"
    """Of the king of its track, in that round."""
    DUEL = "duel"
    """Of one side of a duel, in a round of that duel."""
    DISPUTED = "disputed"
    """Of an evaluation that was drawn to be judged again and was not found to hold."""
    WORST = "worst"
    """One of the lowest of its evaluation, closed gates first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy:
    """What the sounds that nothing keeps for good are allowed: an age, and together with all others a size (None: any)."""

    age: timedelta
    most_bytes: int | None
    grace: timedelta = GRACE
    """Nothing younger goes, whatever it takes; far more than FRESH."""


@dataclass(slots=True)
class Amount:
    """A number of files, and their bytes together."""

    files: int = 0
    bytes: int = 0

    def add(self, size: int) -> None:
        """Count one more."""
        self.files += 1
        self.bytes += size


@dataclass(slots=True)
class StoreSurvey:
    """What a store holds: what stays for good by reason, and the rest by the hour in which it was written."""

    kept: dict[KeptBecause, Amount] = field(default_factory=dict)
    rest: Counter[int] = field(default_factory=Counter)
    """Bytes by hours since 1970."""

    def count(self, size: int, written: datetime, because: KeptBecause | None) -> None:
        """Count a file."""
        if because is None:
            self.rest[_slot(written)] += size
        else:
            self.kept.setdefault(because, Amount()).add(size)

    def cutoff(self, policy: RetentionPolicy, now: datetime) -> datetime:
        """The moment before which whatever nothing keeps goes: the age's, or a later one where the size asks for it.

        What stays for good counts towards the size, and is never touched by it; nor is anything younger than the grace.
        """
        newest = now - policy.grace
        cutoff = min(now - policy.age, newest)
        if policy.most_bytes is None:
            return cutoff
        left = sum(amount.bytes for amount in self.kept.values())
        left += sum(size for slot, size in self.rest.items() if _end(slot) > cutoff)
        for slot in sorted(slot for slot in self.rest if _end(slot) > cutoff):
            if left <= policy.most_bytes:
                break
            left -= self.rest[slot]
            cutoff = _end(slot)
        return min(cutoff, newest)


def _slot(moment: datetime) -> int:
    return int(moment.timestamp() // _SLOT.total_seconds())


def _end(slot: int) -> datetime:
    return datetime.fromtimestamp((slot + 1) * _SLOT.total_seconds(), UTC)
