"""What goes wrong with the chain's node in a soak: drawn from a seed before anything starts."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from neurons.devchain.faults import FaultKind, FaultPlan

_ERRORS = ("SettingWeightsTooFast", "NeuronNoValidatorPermit", "Unavailable")


_ALONE = 0.5
"""The share of faults that strike one validator's node only, for three times as long."""


@dataclass(frozen=True, slots=True)
class Gust:
    """A fault that begins after a pause (in seconds) and lasts so many blocks; `whose` in [0, 1) says which validator's node fails.

    None: everybody's does.
    """

    pause: float
    blocks: int
    whose: float | None
    plan: FaultPlan

    def until(self, head: int, pids: Sequence[int]) -> FaultPlan:
        """The plan, over so many blocks after the head; `pids` are the validators'."""
        pid = None if self.whose is None else pids[int(self.whose * len(pids))]
        return replace(self.plan, until_block=head + self.blocks, pid=pid)


def storm(seed: int, pause: float) -> Iterator[Gust]:
    """Faults without end, each kind in each turn, `pause` seconds apart in the mean."""
    draw = random.Random(seed)
    while True:
        kinds = [
            FaultPlan(kind=FaultKind.STALL, call="submit", share=0.5, seconds=60.0),
            FaultPlan(kind=FaultKind.STALL, call="submit", share=0.3, seconds=60.0, after=True),
            FaultPlan(kind=FaultKind.STALL, share=0.05, seconds=1.0),
            FaultPlan(kind=FaultKind.STALL, call="runtime_call", share=0.2, seconds=60.0),
            FaultPlan(kind=FaultKind.DROP, share=0.1),
            FaultPlan(kind=FaultKind.DROP, call="submit", after=True),
            FaultPlan(kind=FaultKind.DROP, call="SubtensorModule.*", share=0.5),
            FaultPlan(kind=FaultKind.STALE),
            FaultPlan(kind=FaultKind.STALE, share=0.3),
            FaultPlan(kind=FaultKind.ERROR, call="submit", name=draw.choice(_ERRORS)),
            FaultPlan(kind=FaultKind.ERROR, call="query", share=0.1),
        ]
        draw.shuffle(kinds)
        for plan in kinds:
            whose = draw.random() if draw.random() < _ALONE else None
            yield Gust(pause * (0.5 + draw.random()), draw.randint(4, 12) * (1 if whose is None else 3), whose, plan)
