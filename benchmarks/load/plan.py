"""What a simulation is given: tracks with the seconds of an evaluation, fleets of workers, faults, and the times that rule them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from voice_api.db.queue import RETRY_BUDGET, RetryBudget
from voice_api.db.states import QueueName
from workers.jobs.failures import RetryRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackLoad:
    """A track's evaluations: so many a round, on this queue, of so many seconds each."""

    name: str
    queue: QueueName
    evaluations: int
    seconds: float
    """The middle of a log-normal distribution."""
    spread: float = 0.0
    """The standard deviation of its logarithm; 0: all alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """The numbers of an autoscaler; see benchmarks.load.autoscaler. They are those of docker/k8s."""

    most: int = 8
    open_each: int = 8
    """Open evaluations for each worker."""
    age_seconds: float = 900.0
    """The oldest row shall wait no longer."""
    tolerance: float = 0.1
    look_seconds: float = 15.0
    up_calm_seconds: float = 60.0
    up_workers: int = 2
    up_period_seconds: float = 300.0
    down_calm_seconds: float = 1800.0
    down_workers: int = 1
    down_period_seconds: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPlan:
    """The workers of a queue: how many there are at least, on hosts of so many, and how they grow."""

    workers: int
    workers_per_host: int = 1
    boot_seconds: float = 20.0
    scaling: Scaling | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Hosts die after `mtbf_hours` in the mean, exponentially, and are back after `repair_seconds`; so does a share of evaluations fail."""

    mtbf_hours: float | None = None
    repair_seconds: float = 600.0
    failing: float = 0.0
    """Share of evaluations that end with a fault of ours half way, as when a hub is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """The times that rule a queue, as the settings of workers and dispatcher have them."""

    lease: timedelta = timedelta(seconds=900)
    drain_seconds: float = 60.0
    sweep_seconds: float = 2.0
    claim_seconds: float = 0.05
    """From a wake-up to the claim."""
    retry: RetryRule = field(default_factory=RetryRule)
    budget: RetryBudget = RETRY_BUDGET


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPlan:
    """Everything that a simulation depends on; the same plan, the same result."""

    tracks: tuple[TrackLoad, ...]
    fleets: Mapping[QueueName, FleetPlan]
    faults: Faults = field(default_factory=Faults)
    timing: Timing = field(default_factory=Timing)
    rounds: int = 20
    block_seconds: float = 12.0
    seed: int = 1
