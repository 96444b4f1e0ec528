"""Faults of a development chain's node: a table in the chain's file that every process reads before every call."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from threading import Lock

from neurons.devchain.log import connection, naming
from scoring.errors import Code, PlatformError


class FaultKind(StrEnum):
    """The ways in which a node fails."""

    STALL = "stall"
    """The connection freezes: a call is not answered for `seconds`."""
    DROP = "drop"
    """The connection breaks during the call."""
    STALE = "stale"
    """The node stands still at the block of the fault's beginning."""
    ERROR = "error"
    """The node answers with the error `name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """A fault to come."""

    kind: FaultKind
    call: str = "*"
    """The calls that it strikes: `submit`, `query`, `SubtensorModule.*`, …; with `*` and `?`."""
    share: float = 1.0
    """The share of them that it strikes, in (0, 1]."""
    seconds: float = 3_600.0
    """The length of a stall."""
    name: str = "Unavailable"
    """The error, by the chain's name."""
    after: bool = False
    """The call takes effect, and only its answer is lost."""
    until_block: int | None = None
    """The block at which it is over; None: when it is cleared."""
    pid: int | None = None
    """Only this process meets it: its node fails, and those of the others do not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in the table: since which block it acts, and how often it struck, in all processes together."""

    id: int
    since: int
    hits: int
    plan: FaultPlan

    def acts(self, head: int) -> bool:
        """Whether it is not over yet at a block."""
        return self.plan.until_block is None or head < self.plan.until_block

    def meets(self, pid: int) -> bool:
        """Whether a process's node is the one that fails."""
        return self.plan.pid in (None, pid)

    def concerns(self, names: tuple[str, ...]) -> bool:
        """Whether it is about a call, by any of its names."""
        return any(fnmatchcase(name, self.plan.call) for name in names)


def check(plan: FaultPlan) -> None:
    """Raise PlatformError(ARGUMENT_INVALID) for a plan that means nothing."""
    wrong = {
        f"a share is above 0 and at most 1, not {plan.share:g}": not 0 < plan.share <= 1,
        f"a stall lasts more than 0 s, not {plan.seconds:g}": plan.seconds <= 0,
        "only a stall or a drop can come after the call took effect": plan.after
        and plan.kind not in (FaultKind.STALL, FaultKind.DROP),
    }
    for why, holds in wrong.items():
        if holds:
            raise PlatformError(Code.ARGUMENT_INVALID, why)


class FaultTable:
    """The open table; threads may share it. Faults are no history: the events of the chain do not know of them."""

    def __init__(self, path: Path) -> None:
        """Open a chain's file; raises ChainUnavailable if it cannot be used."""
        self._path = path
        self._lock = Lock()
        self._db = connection(path)

    def close(self) -> None:
        """Close the file, once no thread uses it any more: a caller that gave up waiting has left one behind."""
        with self._lock:
            self._db.close()

    def add(self, plan: FaultPlan, head: int) -> int:
        """Begin a fault at the newest block; returns its id."""
        check(plan)
        columns = (plan.kind, plan.call, plan.share, plan.seconds, plan.name, plan.after, plan.until_block, plan.pid, head)
        with self._using():
            cursor = self._db.execute(
                "insert into faults (kind, call, share, seconds, name, after, until_block, pid, since)"
                " values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                columns,
            )
            return int(cursor.lastrowid or 0)

    def all(self) -> list[Fault]:
        """All faults, the oldest first, those that are over too."""
        with self._using():
            rows = self._db.execute(
                "select id, since, hits, kind, call, share, seconds, name, after, until_block, pid from faults order by id"
            ).fetchall()
        return [
            Fault(
                number,
                since,
                hits,
                FaultPlan(
                    kind=FaultKind(kind),
                    call=call,
                    share=share,
                    seconds=seconds,
                    name=name,
                    after=bool(after),
                    until_block=until_block,
                    pid=pid,
                ),
            )
            for number, since, hits, kind, call, share, seconds, name, after, until_block, pid in rows
        ]

    def hit(self, fault: int) -> None:
        """Count that a fault struck."""
        with self._using():
            self._db.execute("update faults set hits = hits + 1 where id = ?", (fault,))

    def clear(self, fault: int | None = None) -> int:
        """Forget a fault, or all; returns how many."""
        with self._using():
            return self._db.execute("delete from faults where ?1 is null or id = ?1", (fault,)).rowcount

    @contextmanager
    def _using(self) -> Iterator[None]:
        with self._lock, naming(self._path):
            yield
