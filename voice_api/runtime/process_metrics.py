"""Prometheus metrics of each process, and the small server of those without an API. No label ever holds a secret."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.process_collector import ProcessCollector

from scoring.errors import Code, PlatformError
from voice_api.db.states import QueueName

TICK_SECONDS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0)
"""Bounds of the histogram, from a turn that finds nothing to one that hangs."""


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
            "voice_tick_success_timestamp_seconds",
            "When a turn last ended well, in Unix time; before the first, when the process began.",
            registry=self.registry,
        )
        self._success.set_to_current_time()  # else whoever has just begun would be as late as can be

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
        self._redis = Gauge(
            "voice_redis_up", "1 while Redis answers the dispatcher that leads; not a number before.", registry=self.registry
        )
        self._emptied = Counter(
            "voice_redis_emptied", "Times that Redis was found without what it held before.", registry=self.registry
        )
        self._tidied = Counter(
            "voice_dispatcher_tidied",
            "Wake-ups taken away that a dead worker had left in Redis as begun.",
            registry=self.registry,
        )
        self._redis.set(math.nan)
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

    def redis(self, *, answers: bool, emptied: bool = False, tidied: int = 0) -> None:
        """Show whether Redis answers; count that it had lost what it held, and what dead workers had left there."""
        self._redis.set(answers)
        self._emptied.inc(emptied)
        self._tidied.inc(tidied)

    def budget(self, left: Mapping[QueueName, int], left_today: int) -> None:
        """Show what is left of the retries: at worst, per open evaluation of each queue, and per submission and day."""
        for queue in QueueName:
            self._left.labels(queue.value).set(left[queue])
        self._left_today.set(left_today)


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
