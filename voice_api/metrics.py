"""What Prometheus reads. Each application has its own registry, so that two of them can live in one process."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from voice_api.db.views import Depth, OutcomeCount


class Metrics:
    """Requests as they happen; queue and outcomes as they are when somebody asks."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "voice_api_requests", "Requests by method, route and status.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram("voice_api_request_seconds", "Time to answer, by route.", ["route"], registry=self._registry)
        self._depth = Gauge("voice_evaluations", "Evaluations by queue and state.", ["queue", "state"], registry=self._registry)
        self._outcomes = Gauge(
            "voice_submissions", "Submissions by state and code ('' without one).", ["state", "code"], registry=self._registry
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the template, so that ids make no series of their own."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def render(self, depths: Sequence[Depth], outcomes: Sequence[OutcomeCount]) -> bytes:
        """The exposition text with the database's numbers of now."""
        self._depth.clear()
        for depth in depths:
            self._depth.labels(depth.queue.value, depth.state.value).set(depth.count)
        self._outcomes.clear()
        for outcome in outcomes:
            self._outcomes.labels(outcome.state.value, outcome.code.slug if outcome.code else "").set(outcome.count)
        return generate_latest(self._registry)
