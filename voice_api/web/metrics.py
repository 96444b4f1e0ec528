"""The API's metrics for Prometheus. Each application has its own registry, so that two of them can live in one process."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from voice_api.db.evaluations import Depth
from voice_api.db.states import QueueName, ValidationState
from voice_api.db.submissions import OutcomeCount
from voice_api.runtime.process_metrics import new_registry


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The numbers of the database now; `workers` counts live ones by queue and whether they drain."""

    depths: Sequence[Depth]
    outcomes: Sequence[OutcomeCount]
    ages: Mapping[QueueName, timedelta]
    workers: Mapping[tuple[QueueName, bool], int]
    validations: Mapping[ValidationState, int]
    led: bool
    registry_age: timedelta | None


class Metrics:
    """Requests as they happen; queue and outcomes as they are when somebody asks."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._requests = Counter(
            "voice_api_requests", "Requests by method, route and status.", ["method", "route", "status"], registry=self.registry
        )
        self._seconds = Histogram("voice_api_request_seconds", "Time to answer, by route.", ["route"], registry=self.registry)
        self._depth = Gauge("voice_evaluations", "Evaluations by queue and state.", ["queue", "state"], registry=self.registry)
        self._outcomes = Gauge(
            "voice_submissions", "Submissions by state and code ('' without one).", ["state", "code"], registry=self.registry
        )
        self._ages = Gauge(
            "voice_queue_age_seconds", "How long the oldest due row of a queue waits.", ["queue"], registry=self.registry
        )
        self._workers = Gauge("voice_workers", "Live workers, and those that drain.", ["queue", "state"], registry=self.registry)
        self._validations = Gauge("voice_validations", "Recordings of miners by state.", ["state"], registry=self.registry)
        self._database = Gauge("voice_database_up", "1 while PostgreSQL answers this process.", registry=self.registry)
        self._led = Gauge("voice_dispatcher_present", "1 while a dispatcher leads.", registry=self.registry)
        self._registry_age = Gauge(
            "voice_registry_age_seconds", "Since the registry was received; not a number before.", registry=self.registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the template, so that ids make no series of their own."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self, standing: Standing | None) -> bytes:
        """The exposition text with the database's numbers of now; without them while it is away."""
        for gauge in (self._depth, self._outcomes, self._ages, self._workers, self._validations):
            gauge.clear()
        self._database.set(standing is not None)
        if standing is not None:
            self._show_work(standing)
        self._led.set(standing is not None and standing.led)
        age = None if standing is None else standing.registry_age
        self._registry_age.set(math.nan if age is None else age.total_seconds())
        return generate_latest(self.registry)

    def _show_work(self, standing: Standing) -> None:
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
