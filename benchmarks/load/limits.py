"""What breaks first as workers and validators are added, and at which number of workers: computed from what was measured of a few.

Everything is linear in the number of workers: what one adds, what is there without them, and where it ends.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.load.costs import BITS_PER_BYTE, Limits, LoadCosts, TrackCost
from workers.jobs.lease import RENEWALS_PER_LEASE

LEASE_SECONDS = 900.0
CHAIN_READS = 13
"""Requests of one tick, which reads the metagraph and two numbers of the whole chain at the finalized head; a test counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """One thing that ends: what a worker adds to it, what is there without workers, where it ends, and at how many workers that is."""

    what: str
    unit: str
    each: float
    before: float
    end: float
    basis: str
    """Measured or stated."""

    @property
    def workers(self) -> int:
        """The number of workers that there is room for."""
        return max(0, math.floor((self.end - self.before) / self.each))

    def at(self, workers: int) -> float:
        """What so many workers take of it."""
        return self.before + workers * self.each


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of fleets of a few workers, and of a thousand idle ones; see service_scale.py and service_crowd.py."""

    claims: float
    """Verdicts in a second, of the largest fleet."""
    postgres_ms: float
    """Of a verdict, of the largest fleet."""
    postgres_each: float
    """Connections that one more worker opens."""
    redis_each: float
    heartbeat_ms: float
    sweep_each: float
    """Seconds that one more worker adds to a sweep of the dispatcher."""
    sweep_alone: float
    wakeups: float
    """That the dispatcher sends in a second."""

    @classmethod
    def of(cls, study: Mapping[str, Any]) -> "Measured":
        """From the kept run of `bench_service --only scale`."""
        first, last, crowd = study["points"][0], study["points"][-1], study["crowd"]
        more = last["workers"] - first["workers"]
        return cls(
            claims=last["claims"],
            postgres_ms=last["cpu_ms"]["postgres"],
            postgres_each=(last["postgres_connections"] - first["postgres_connections"]) / more,
            redis_each=(last["redis_connections"] - first["redis_connections"]) / more,
            heartbeat_ms=crowd["heartbeat_ms"],
            sweep_each=(crowd["sweep_seconds"] - crowd["sweep_alone_seconds"]) / crowd["workers"],
            sweep_alone=crowd["sweep_alone_seconds"],
            wakeups=crowd["wakeups"],
        )


@dataclass(frozen=True, slots=True)
class ChainLimit:
    """The requests that one validator sends the chain's endpoint in a second, and how many validators one endpoint serves."""

    each: float
    end: float
    validators: int


def chain_limit(ends: Limits) -> ChainLimit:
    """A validator reads the metagraph once a tick, whatever the number of workers and miners."""
    each = CHAIN_READS / ends.validator_pause
    return ChainLimit(each, ends.chain_requests, math.floor(ends.chain_requests / each + 1e-9))


def limits(costs: LoadCosts, track: TrackCost, measured: Measured, validators: int) -> list[LimitRow]:
    """What ends, that which ends first in front; every worker is always at work on evaluations of one track."""
    ends, each_second = costs.limits, 1 / (track.seconds + track.fetch_seconds(costs.limits.hub_gbit))
    a_second = each_second * measured.postgres_ms + measured.heartbeat_ms / ends.presence_seconds
    a_second += RENEWALS_PER_LEASE / LEASE_SECONDS * measured.heartbeat_ms  # a renewal writes one row, as a sign of life does
    others = ends.postgres_reserved + ends.api_connections + validators * ends.validator_connections

    def row(what: str, unit: str, each: float, end: float, basis: str, before: float = 0.0) -> LimitRow:
        return LimitRow(what=what, unit=unit, each=each, before=before, end=end, basis=basis)

    rows = [
        row(f"places of a round, track {track.name}", "evaluations", 1.0, track.evaluations, "the rules"),
        row("PostgreSQL's connections", "", measured.postgres_each, ends.postgres_connections, "measured", others),
        row("PostgreSQL's processor", "cores", a_second / 1000, ends.postgres_cores, "measured"),
        row("claims", "a second", each_second, measured.claims, "measured"),
        row("wake-ups", "a second", each_second, measured.wakeups, "measured"),
        row("the dispatcher's sweep", "s", measured.sweep_each, ends.dispatch_seconds, "measured", measured.sweep_alone),
        row("Redis's connections", "", measured.redis_each, ends.redis_clients, "measured"),
        row("the line of the store", "Gbit/s", each_second * track.stored_gb * BITS_PER_BYTE, ends.store_gbit, "stated"),
        row(
            "the line of the hub",
            "Gbit/s",
            each_second * track.fetched_gb * track.fetched_share * BITS_PER_BYTE,
            ends.hub_gbit,
            "stated",
        ),
    ]
    return sorted(rows, key=lambda found: found.workers)
