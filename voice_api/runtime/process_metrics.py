"""Prometheus metrics of each process, and the small server of those without an API. No label ever holds a secret."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.process_collector import ProcessCollector

from scoring.errors import Blame, Code, PlatformError
from voice_api.db.evaluations import Depth
from voice_api.db.states import QueueName, RefusalClass, SpeechState, ValidationState
from voice_api.db.submissions import OutcomeCount

STAGE_SECONDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
TICK_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0)
"""Bounds of the histograms, from a turn that finds nothing to a stage of an hour."""


class TickOutcome(StrEnum):
    """The end of one turn of a daemon's loop."""

    DONE = "done"
    OUTAGE = "outage"
    """It raised: something it needs was away, or it met a bug."""


class Ticks:
    """The turns of a daemon's loop: how many, how long, and when the last one succeeded."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or new_registry()
        self._count = Counter("voice_ticks", "Turns of the daemon's loop by outcome.", ["outcome"], registry=self.registry)
        self._seconds = Histogram("voice_tick_seconds", "Time of one turn.", buckets=TICK_SECONDS, registry=self.registry)
        self._success = Gauge(
            "voice_tick_success_timestamp_seconds", "When a turn last ended well, in Unix time; 0 before.", registry=self.registry
        )

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the turn that runs inside; whatever it raises passes."""
        started, outcome = time.perf_counter(), TickOutcome.OUTAGE
        try:
            yield
            outcome = TickOutcome.DONE
            self._success.set_to_current_time()
        finally:
            self._count.labels(outcome.value).inc()
            self._seconds.observe(time.perf_counter() - started)


class ValidatorMetrics:
    """The validator's gauges, beside its ticks: rounds in which nothing counts, and why weights are not set as they should be."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or new_registry()
        self._uncounted = Gauge(
            "voice_rounds_uncounted",
            "Folded rounds in a row, up to the last one, in which no receipt counts, or which none reached.",
            registry=self.registry,
        )
        self._refused = Gauge(
            "voice_track_refused",
            "1 while no score of a track counts though receipts of it came last, or none came from the validator that is followed.",
            ["track"],
            registry=self.registry,
        )
        self._held = Gauge("voice_weights_held", "1 while the last plan is sent again.", registry=self.registry)
        self._stopped = Gauge(
            "voice_weights_stopped",
            "1 while no weights are set, by what ends that: time, an act on the chain, or one of this validator's operator.",
            ["class"],
            registry=self.registry,
        )
        self.weigh(None, held=False)

    def fold(self, uncounted: int, refused: Mapping[str, bool]) -> None:
        """Show how many of the last rounds counted nothing, and of each track whether nothing of it counts that should."""
        self._uncounted.set(uncounted)
        for track, is_refused in refused.items():
            self._refused.labels(track).set(is_refused)

    def weigh(self, stopped: RefusalClass | None, *, held: bool) -> None:
        """Show the class of what keeps weights from being set, None where nothing does, and whether the last plan is held."""
        self._held.set(held)
        for kind in RefusalClass:
            self._stopped.labels(kind.value).set(kind is stopped)


class BackupMetrics:
    """The backups': how old the newest is, how large it was, and how many failed."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._since = time.time()
        age = Gauge(
            "voice_backup_age_seconds",
            "Since the newest backup was begun; where there is none, since this process started.",
            registry=self.registry,
        )
        age.set_function(lambda: time.time() - self._since)
        self._bytes = Gauge("voice_backup_bytes", "Size of the last backup that this process made.", registry=self.registry)
        self._failures = Counter("voice_backup_failures", "Backups that failed.", registry=self.registry)

    def newest(self, at: datetime | None) -> None:
        """Show the age of the newest backup; None where there is none."""
        if at is not None:
            self._since = at.timestamp()

    def made(self, size: int) -> None:
        """Show the size of a backup."""
        self._bytes.set(size)

    def failed(self) -> None:
        """Count a backup that failed."""
        self._failures.inc()


class DispatcherMetrics:
    """The dispatcher's counters; `ticks` are its sweeps."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self.ticks = Ticks(self.registry)
        self.leading = Gauge("voice_dispatcher_leading", "1 in the dispatcher that leads.", registry=self.registry)
        self._wakeups = Counter("voice_dispatcher_wakeups", "Wake-ups sent, by queue.", ["queue"], registry=self.registry)
        self._expired = Counter(
            "voice_dispatcher_leases_expired",
            "Leases that ran out, of evaluations, validations or speeches.",
            ["of"],
            registry=self.registry,
        )
        self._left = Gauge(
            "voice_retries_left", "Retries left to the open evaluation that has fewest.", ["queue"], registry=self.registry
        )
        self._left_today = Gauge(
            "voice_retries_left_today",
            "Failures of ours that the submission with most of them in 24 hours may still have.",
            registry=self.registry,
        )
        for queue in QueueName:
            self._wakeups.labels(queue.value)
        for of in ("evaluations", "validations", "speeches"):
            self._expired.labels(of)

    def woke(self, queue: QueueName, count: int) -> None:
        """Count wake-ups sent."""
        self._wakeups.labels(queue.value).inc(count)

    def expired(self, *, evaluations: int, validations: int, speeches: int) -> None:
        """Count leases that ran out."""
        self._expired.labels("evaluations").inc(evaluations)
        self._expired.labels("validations").inc(validations)
        self._expired.labels("speeches").inc(speeches)

    def budget(self, left: Mapping[QueueName, int], left_today: int) -> None:
        """Show what is left of the retries: at worst, per open evaluation of each queue, and per submission and day."""
        for queue in QueueName:
            self._left.labels(queue.value).set(left[queue])
        self._left_today.set(left_today)


class WorkerMetrics:
    """A worker's counters: runs by their end, and the time in each stage."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._runs = Counter(
            "voice_worker_runs",
            "Runs by how they ended and the code ('' without one).",
            ["outcome", "code"],
            registry=self.registry,
        )
        self._stages = Histogram(
            "voice_worker_stage_seconds", "Time in each stage.", ["stage"], buckets=STAGE_SECONDS, registry=self.registry
        )
        self._retries = Counter("voice_worker_retries", "Runs that were handed back to be tried again.", registry=self.registry)
        self._lost = Counter("voice_worker_leases_lost", "Runs that lost their lease.", registry=self.registry)
        for code in Code:  # shown from 0 on: where the first one came as 1, no alert would see that it increased
            if code.blame is Blame.INFRASTRUCTURE:
                for outcome in ("handed back", "parked"):
                    self._runs.labels(outcome, code.slug)

    def ended(self, outcome: str, code: Code | None = None) -> None:
        """Count one run by its outcome, a word of ours, and its code."""
        self._runs.labels(outcome, code.slug if code else "").inc()

    def retried(self) -> None:
        """Count one run that will be tried again."""
        self._retries.inc()

    def lease_lost(self) -> None:
        """Count one run that lost its lease."""
        self._lost.inc()

    @contextmanager
    def stages(self) -> Iterator[Callable[[str], None]]:
        """Measure the stages of one run: call what is given with the stage's name at every sign of progress; the last ends with it."""
        clock = _StageClock(self._stages)
        try:
            yield clock.at
        finally:
            clock.end()


class _StageClock:
    def __init__(self, seconds: Histogram) -> None:
        self._seconds = seconds
        self._spans: dict[str, tuple[float, float]] = {}  # first and last sign of each stage: two may run beside each other
        self._stage: str | None = None

    def at(self, stage: str) -> None:
        now = time.perf_counter()
        for heard in {stage, self._stage or stage}:  # a stage lasts until the next begins
            first, _ = self._spans.get(heard, (now, now))
            self._spans[heard] = (first, now)
        self._stage = stage

    def end(self) -> None:
        if self._stage is not None:
            self.at(self._stage)
        for stage, (first, last) in self._spans.items():
            self._seconds.labels(stage).observe(last - first)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseNumbers:
    """The numbers of the database now; `workers` counts live ones by queue and whether they drain."""

    depths: Sequence[Depth]
    outcomes: Sequence[OutcomeCount]
    ages: Mapping[QueueName, timedelta]
    workers: Mapping[tuple[QueueName, bool], int]
    validations: Mapping[ValidationState, int]
    speeches: Mapping[SpeechState, int]
    led: bool
    registry_age: timedelta | None


class ApiMetrics:
    """The API's: requests as they happen; queue and outcomes as they are when somebody asks.

    Each application has its own registry, so that two of them can live in one process.
    """

    def __init__(self) -> None:
        self.registry = new_registry()
        self._requests = Counter(
            "voice_api_requests", "Requests by method, route and status.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram("voice_api_request_seconds", "Time to answer, by route.", ["route"], registry=self.registry)
        self._connections = Gauge(
            "voice_api_connections",
            "Connections: waiting to be whole, served, or listening to news.",
            ["state"],
            registry=self.registry,
        )
        self._sent_away = Gauge(
            "voice_api_connections_sent_away",
            "Connections since the start that lost their place to a newcomer, or were refused one.",
            ["why"],
            registry=self.registry,
        )
        self.show_connections(waiting=0, served=0, listening=0, displaced=0, refused=0)
        self._depth = Gauge("voice_evaluations", "Evaluations by queue and state.", ["queue", "state"], registry=self.registry)
        self._outcomes = Gauge(
            "voice_submissions", "Submissions by state and code ('' without one).", ["state", "code"], registry=self.registry
        )
        self._ages = Gauge(
            "voice_queue_age_seconds", "How long the oldest due row of a queue waits.", ["queue"], registry=self.registry
        )
        self._workers = Gauge("voice_workers", "Live workers, and those that drain.", ["queue", "state"], registry=self.registry)
        self._validations = Gauge("voice_validations", "Recordings of miners by state.", ["state"], registry=self.registry)
        self._speeches = Gauge("voice_speeches", "Sentences that are kept, by state.", ["state"], registry=self.registry)
        self._database = Gauge("voice_database_up", "1 while PostgreSQL answers this process.", registry=self.registry)
        self._led = Gauge("voice_dispatcher_present", "1 while a dispatcher leads.", registry=self.registry)
        self._registry_age = Gauge(
            "voice_registry_age_seconds", "Since the registry was received; not a number before.", registry=self.registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the template, so that ids make no series of their own."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def show_connections(self, *, waiting: int, served: int, listening: int, displaced: int, refused: int) -> None:
        """Show how connections stand, and how many were sent away since the start."""
        for state, count in (("waiting", waiting), ("served", served), ("listening", listening)):
            self._connections.labels(state).set(count)
        for why, count in (("displaced", displaced), ("refused", refused)):
            self._sent_away.labels(why).set(count)

    def render(self, standing: DatabaseNumbers | None) -> bytes:
        """The exposition text with the database's numbers of now; without them while it is away."""
        for gauge in (self._depth, self._outcomes, self._ages, self._workers, self._validations, self._speeches):
            gauge.clear()
        self._database.set(standing is not None)
        if standing is not None:
            self._show_work(standing)
        self._led.set(standing is not None and standing.led)
        age = None if standing is None else standing.registry_age
        self._registry_age.set(math.nan if age is None else age.total_seconds())
        return generate_latest(self.registry)

    def _show_work(self, standing: DatabaseNumbers) -> None:
        for depth in standing.depths:
            self._depth.labels(depth.queue.value, depth.state.value).set(depth.count)
        for outcome in standing.outcomes:
            self._outcomes.labels(outcome.state.value, outcome.code.slug if outcome.code else "").set(outcome.count)
        for queue, age in standing.ages.items():
            self._ages.labels(queue.value).set(age.total_seconds())
            for state, draining in (("live", False), ("draining", True)):
                self._workers.labels(queue.value, state).set(standing.workers.get((queue, draining), 0))
        for held, count in standing.validations.items():
            self._validations.labels(held.value).set(count)
        for said, count in standing.speeches.items():
            self._speeches.labels(said.value).set(count)


def new_registry() -> CollectorRegistry:
    """A registry with the process's own memory, processor time and open files."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


@contextmanager
def exposed(registry: CollectorRegistry, host: str, port: int) -> Iterator[int | None]:
    """Show a registry over HTTP for as long as the context lasts, and give the port; none with port 0. Raises PORT_TAKEN."""
    if port == 0:
        yield None
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as exc:
        raise PlatformError(
            Code.PORT_TAKEN, f"VOICE_METRICS_PORT {port} of {host} cannot be listened on: {exc.strerror}"
        ) from exc
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
