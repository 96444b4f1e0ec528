"""What goes wrong in a chaos run, and when: drawn from a seed before anything starts."""

import random
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """One kind of injected fault. None of them is a miner's."""

    KILL_WORKER = "SIGKILL a worker"
    END_WORKER = "SIGTERM a worker"
    FREEZE_WORKER = "SIGSTOP a worker past its lease, then SIGCONT"
    CLOCK_JUMP = "move a worker's clock by up to two hours"
    KILL_API = "SIGKILL the API"
    KILL_DISPATCHER = "SIGKILL a dispatcher"
    FLUSH_REDIS = "flush Redis"
    RESTART_REDIS = "restart Redis, empty"
    RESTART_POSTGRES = "restart PostgreSQL in the middle of everything"
    HUB_429 = "the hub answers 429"
    HUB_503 = "the hub answers 503"
    HUB_CUT = "the hub breaks connections off"
    HUB_LIES = "the hub gives other bytes than it lists"
    DUPLICATES = "deliver wake-ups twenty times over"


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, the pause in seconds before it, and a number in [0, 1) that says whom it hits, and how hard."""

    fault: Fault
    pause: float
    draw: float


_OFTEN = (Fault.KILL_WORKER, Fault.KILL_WORKER, Fault.FREEZE_WORKER)


def plan(seed: int, count: int, mean_pause: float) -> tuple[Planned, ...]:
    """`count` faults in a random order: every kind in each turn, workers' deaths more often."""
    draw = random.Random(seed)
    faults: list[Fault] = []
    while len(faults) < count:
        turn = [*Fault, *_OFTEN]
        draw.shuffle(turn)
        faults += turn
    return tuple(Planned(fault, mean_pause * (0.5 + draw.random()), draw.random()) for fault in faults[:count])
