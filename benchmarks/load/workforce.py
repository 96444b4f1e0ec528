"""The workers of one queue, their hosts and their wake-ups: who is idle, who works on what, who dies, who is started and drained."""

import math
import random
from dataclasses import dataclass, field
from enum import StrEnum

from benchmarks.load.clock import Clock
from benchmarks.load.plan import Faults, FleetPlan, Timing
from benchmarks.load.rows import Row, Rows
from voice_api.db.states import QueueName
from voice_api.dispatch.wakeups import missing
from workers.jobs.failures import next_retry
from workers.jobs.lease import RENEWALS_PER_LEASE


class WorkerState(StrEnum):
    """What a worker does."""

    STARTS = "starts"
    IDLE = "idle"
    TAKES = "takes"
    """It was woken, and is about to claim."""
    WORKS = "works"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Worker:
    """One worker process on one host; `since` is when it began what it does."""

    host: int
    started: float
    state: WorkerState = WorkerState.STARTS
    since: float = 0.0
    row: Row | None = None
    token: int = 0
    draining: bool = False
    ended: float | None = None
    """When it was gone; None while it is not."""


@dataclass(slots=True, kw_only=True)
class Workforce:
    """The workers of a queue over simulated time."""

    clock: Clock
    rows: Rows
    queue: QueueName
    plan: FleetPlan
    timing: Timing
    faults: Faults
    chance: random.Random
    workers: list[Worker] = field(default_factory=list)
    wakeups: int = 0
    busy_seconds: float = 0.0
    """Spent on rows, whether anything came of it or not."""
    _desired: int = 0
    _coming: int = 0
    """Those of hosts that died, until others stand in their place."""
    _hosts: int = 0

    @property
    def live(self) -> list[Worker]:
        """Those that are not gone, drained ones too, in the order in which they were started."""
        return [worker for worker in self.workers if worker.state is not WorkerState.GONE]

    @property
    def desired(self) -> int:
        """How many there shall be."""
        return self._desired

    def paid_seconds(self) -> float:
        """Seconds that workers were there, from their start on."""
        return sum((self.clock.now if worker.ended is None else worker.ended) - worker.started for worker in self.workers)

    def resize(self, wanted: int) -> None:
        """Start what is missing, on hosts of their own; drain what is too much, the youngest first."""
        self._desired = wanted
        standing = [worker for worker in self.live if not worker.draining]
        for worker in standing[wanted:]:
            self._drain(worker)
        self._fill(wanted - len(standing) - self._coming)

    def _fill(self, workers: int) -> None:
        while workers > 0:
            started = min(self.plan.workers_per_host, workers)
            self._start_host(started)
            workers -= started

    def wake(self) -> None:
        """Top wake-ups up as the dispatcher does, and let idle workers take them."""
        ready = [worker for worker in self.live if worker.state is not WorkerState.STARTS]
        live = [worker for worker in ready if not worker.draining]
        self.wakeups += missing(self.rows.due(self.queue), len(live), self.wakeups)
        for worker in live:
            self._take(worker)

    def kill(self, worker: Worker) -> None:
        """It is gone at once, and tells nobody: its lease runs on from its last renewal."""
        if worker.state is WorkerState.WORKS and worker.row is not None:
            pace = self.timing.lease.total_seconds() / RENEWALS_PER_LEASE
            renewed = worker.since + math.floor((self.clock.now - worker.since) / pace) * pace
            if worker.row.token == worker.token:
                worker.row.lease_until = renewed + self.timing.lease.total_seconds()
        self._leave(worker)

    def _start_host(self, workers: int) -> None:
        self._hosts += 1
        host = self._hosts
        started = [Worker(host=host, started=self.clock.now) for _ in range(workers)]
        self.workers += started
        for worker in started:
            self.clock.after(self.plan.boot_seconds, lambda worker=worker: self._ready(worker))  # type: ignore[misc]
        if self.faults.mtbf_hours is not None:
            self.clock.after(self.chance.expovariate(1 / (3600 * self.faults.mtbf_hours)), lambda: self._die(host))

    def _die(self, host: int) -> None:
        """A host is gone with its workers; once it is repaired others come in their place, as far as they are still wanted."""
        dead = [worker for worker in self.live if worker.host == host]
        missed = sum(not worker.draining for worker in dead)
        for worker in dead:
            self.kill(worker)
        self._coming += missed
        self.clock.after(self.faults.repair_seconds, lambda: self._repaired(missed))

    def _repaired(self, missed: int) -> None:
        self._coming -= missed
        self.resize(self._desired)

    def _ready(self, worker: Worker) -> None:
        if worker.state is WorkerState.STARTS:
            worker.state = WorkerState.IDLE
            self._take(worker)

    def _take(self, worker: Worker) -> None:
        """An idle worker takes a wake-up, if there is one."""
        if worker.state is WorkerState.IDLE and self.wakeups and not worker.draining:
            self.wakeups -= 1
            worker.state = WorkerState.TAKES
            self.clock.after(self.timing.claim_seconds, lambda: self._claim(worker))

    def _claim(self, worker: Worker) -> None:
        if worker.state is not WorkerState.TAKES:
            return
        row = None if worker.draining else self.rows.claim(self.queue, math.inf)  # while it lives, it renews
        if row is None:
            self._rest(worker)
            return
        worker.state, worker.row, worker.token, worker.since = WorkerState.WORKS, row, row.token, self.clock.now
        fails = self.chance.random() < self.faults.failing
        lasts = row.seconds * self.chance.random() if fails else row.seconds
        token = row.token
        self.clock.after(lasts, lambda: self._end(worker, row, token, fails=fails))

    def _end(self, worker: Worker, row: Row, token: int, *, fails: bool) -> None:
        """The verdict, or a fault of ours and another try."""
        if worker.state is not WorkerState.WORKS or worker.row is not row or worker.token != token:
            return
        if fails:
            pause = next_retry(self.timing.retry, row.failures, self.chance)
            self._hand_back(worker, row, None if pause is None else pause.total_seconds(), failed=True)
        else:
            self.rows.finish(row, token)
        self._rest(worker)

    def _hand_back(self, worker: Worker, row: Row, pause: float | None, *, failed: bool) -> None:
        due_at = None if pause is None else self.clock.now + pause
        if self.rows.hand_back(row, worker.token, due_at, failed=failed) and pause is not None:
            token = row.token
            self.clock.after(pause, lambda: self._due_again(row, token))

    def _due_again(self, row: Row, token: int) -> None:
        if row.token == token:
            self.rows.wait(row)

    def _rest(self, worker: Worker) -> None:
        self._stop_working(worker)
        if worker.draining:
            self._leave(worker)
            return
        worker.state = WorkerState.IDLE
        self._take(worker)

    def _drain(self, worker: Worker) -> None:
        """It takes nothing new, and what it works on goes back unless it ends in time."""
        worker.draining = True
        if worker.state in (WorkerState.STARTS, WorkerState.IDLE):
            self._leave(worker)
        elif worker.state is WorkerState.WORKS:
            self.clock.after(self.timing.drain_seconds, lambda: self._give_up(worker))

    def _give_up(self, worker: Worker) -> None:
        if worker.state is WorkerState.WORKS and worker.row is not None:
            self._hand_back(worker, worker.row, 0.0, failed=False)
            self._rest(worker)

    def _stop_working(self, worker: Worker) -> None:
        if worker.state is WorkerState.WORKS:
            self.busy_seconds += self.clock.now - worker.since
        worker.row = None

    def _leave(self, worker: Worker) -> None:
        self._stop_working(worker)
        worker.state, worker.ended = WorkerState.GONE, self.clock.now
