"""What the API shows: requests as they happen, and the database's numbers as they are when somebody asks."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from voice_api.db.evaluations import Depth
from voice_api.db.operations import QueueAge
from voice_api.db.states import QueueName, SpeechState, ValidationState, WorkerDuty
from voice_api.db.submissions import OutcomeCount
from voice_api.runtime.process_metrics import new_registry


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseNumbers:
    """The numbers of the database now."""

    depths: Sequence[Depth]
    outcomes: Sequence[OutcomeCount]
    waiting: Sequence[QueueAge]
    workers: Mapping[tuple[QueueName, WorkerDuty, bool], int]
    """Live ones by queue, by what they take, and whether they drain."""
    gone: Mapping[tuple[QueueName, WorkerDuty], int]
    """Those that fell silent and were not replaced."""
    bytes: int
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
        self._depth = Gauge(
            "voice_evaluations",
            "Evaluations by queue and state, parked ones of open rounds alone.",
            ["queue", "state"],
            registry=self.registry,
        )
        self._outcomes = Gauge(
            "voice_submissions", "Submissions by state and code ('' without one).", ["state", "code"], registry=self.registry
        )
        self._ages = Gauge(
            "voice_queue_age_seconds",
            "How long the oldest due row of a queue waits, by what it is and by track ('' where none is known).",
            ["queue", "of", "track"],
            registry=self.registry,
        )
        self._workers = Gauge(
            "voice_workers",
            "Live workers, those that drain, and those that fell silent within a day and were not replaced.",
            ["queue", "takes", "state"],
            registry=self.registry,
        )
        self._bytes = Gauge(
            "voice_database_bytes", "Size of the database; not a number while it is away.", registry=self.registry
        )
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
        self._bytes.set(math.nan if standing is None else standing.bytes)
        return generate_latest(self.registry)

    def _show_work(self, standing: DatabaseNumbers) -> None:
        for depth in standing.depths:
            self._depth.labels(depth.queue.value, depth.state.value).set(depth.count)
        for outcome in standing.outcomes:
            self._outcomes.labels(outcome.state.value, outcome.code.slug if outcome.code else "").set(outcome.count)
        for queue in QueueName:
            self._ages.labels(queue.value, "evaluations", "").set(0)
        self._show_workers(standing)
        for row in standing.waiting:
            self._ages.labels(row.queue.value, row.kind, row.track).set(row.age.total_seconds())
        for held, count in standing.validations.items():
            self._validations.labels(held.value).set(count)
        for said, count in standing.speeches.items():
            self._speeches.labels(said.value).set(count)

    def _show_workers(self, standing: DatabaseNumbers) -> None:
        for (queue, duty), gone in standing.gone.items():
            self._workers.labels(queue.value, duty.value, "gone").set(gone)
            for state, draining in (("live", False), ("draining", True)):
                self._workers.labels(queue.value, duty.value, state).set(standing.workers.get((queue, duty, draining), 0))
