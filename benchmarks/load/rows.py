"""Rows of evaluations as PostgreSQL keeps them, and the statements over them: claim, finish, hand back, expire, park.

The order of claims and the ends of rows are those of voice_api/db/queries/queue.sql; a test holds them equal on a real database.
"""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field

from scoring.types import RoundNumber
from voice_api.db.states import EvaluationState, ParkedWhy, QueueName

_OPEN = (EvaluationState.QUEUED, EvaluationState.RUNNING)


@dataclass(slots=True, kw_only=True)
class Row:
    """One evaluation. Its `seconds` are those that a worker takes for it."""

    id: int
    round: RoundNumber
    track: str
    queue: QueueName
    priority: int
    seconds: float
    due_at: float
    state: EvaluationState = EvaluationState.QUEUED
    failures: int = 0
    token: int = 0
    """Of the last claim: whoever has another one holds nothing."""
    lease_until: float = 0.0
    ends: list[EvaluationState] = field(default_factory=list)
    """Every end that was written: exactly one, in the end."""
    why: ParkedWhy | None = None

    @property
    def is_open(self) -> bool:
        """Whether it has no end yet."""
        return self.state in _OPEN

    @property
    def turn(self) -> tuple[int, int, int]:
        """The key by which rows are claimed, lowest first: by priority, then fewer failures, then the oldest."""
        return (self.priority, self.failures, self.id)


@dataclass(slots=True)
class Rows:
    """Every row, and those of each queue that are due, in the order of claims."""

    every: list[Row] = field(default_factory=list)
    _due: dict[QueueName, list[tuple[tuple[int, int, int], int]]] = field(
        default_factory=lambda: {name: [] for name in QueueName}
    )
    _waiting: dict[QueueName, dict[int, Row]] = field(default_factory=lambda: {name: {} for name in QueueName})
    _running: dict[int, Row] = field(default_factory=dict)
    _open: dict[int, Row] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """A row that is due when it says; whoever adds one that is due later calls `wait` then."""
        self.every.append(row)
        self._open[row.id] = row
        self.wait(row)

    def wait(self, row: Row) -> None:
        """It is due now."""
        if row.state is EvaluationState.QUEUED:
            heapq.heappush(self._due[row.queue], (row.turn, row.id))
            self._waiting[row.queue][row.id] = row

    def due(self, queue: QueueName) -> int:
        """How many could start now."""
        return len(self._waiting[queue])

    def open(self, queue: QueueName) -> int:
        """How many wait or run; those that wait out a pause count, too."""
        return sum(row.queue is queue and row.is_open for row in self._open.values())

    def age(self, queue: QueueName, now: float) -> float:
        """How long the oldest due row waits; 0 where none does."""
        return max((now - row.due_at for row in self._waiting[queue].values()), default=0.0)

    def claim(self, queue: QueueName, lease_until: float) -> Row | None:
        """Take the best due row."""
        due, waiting = self._due[queue], self._waiting[queue]
        while due:
            turn, number = heapq.heappop(due)
            row = waiting.get(number)
            if row is not None and row.turn == turn:
                del waiting[number]
                row.state, row.token, row.lease_until = EvaluationState.RUNNING, row.token + 1, lease_until
                self._running[row.id] = row
                return row
        return None

    def finish(self, row: Row, token: int) -> bool:
        """Write the verdict; False where the claim no longer holds."""
        if not _holds(row, token):
            return False
        self._end(row, EvaluationState.SCORED, None)
        return True

    def hand_back(self, row: Row, token: int, due_at: float | None, *, failed: bool) -> bool:
        """Return it without a verdict, due later, or parked where there is no later; False where the claim no longer holds."""
        if not _holds(row, token):
            return False
        row.failures += failed
        self._return(row, due_at)
        return True

    def expired(self, now: float, most: int) -> list[Row]:
        """Rows whose lease ran out, returned: due now, or parked past `most` failures."""
        found = [row for row in self._running.values() if row.lease_until < now]
        for row in sorted(found, key=lambda row: row.id):
            row.failures += 1
            self._return(row, None if row.failures > most else now)
        return found

    def park(self, rows: Iterable[Row], why: ParkedWhy) -> None:
        """End rows without a verdict; who works on one holds nothing any more."""
        for row in rows:
            self._end(row, EvaluationState.PARKED, why)

    def _return(self, row: Row, due_at: float | None) -> None:
        if due_at is None:
            self._end(row, EvaluationState.PARKED, ParkedWhy.BUDGET)
            return
        self._running.pop(row.id, None)
        row.state, row.due_at, row.token = EvaluationState.QUEUED, due_at, row.token + 1

    def _end(self, row: Row, state: EvaluationState, why: ParkedWhy | None) -> None:
        self._running.pop(row.id, None)
        self._waiting[row.queue].pop(row.id, None)
        self._open.pop(row.id, None)
        row.state, row.why, row.token = state, why, row.token + 1
        row.ends.append(state)


def _holds(row: Row, token: int) -> bool:
    return row.state is EvaluationState.RUNNING and row.token == token
