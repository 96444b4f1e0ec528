"""Workers that are audited: how soon a liar is accused of drift, and how often an honest one is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles

import numpy as np

from scoring.competition import AuditRules
from scoring.receipts.audit import mean_tolerance
from scoring.receipts.drift import Deviation, accused_at
from scoring.studies.simulation.estimates import Rate, rate
from scoring.types import MICRO, Hotkey, Micro

HOTKEYS = 24
"""Models that a worker judges in turn: a round's evaluations."""
EVENTS = 0.05
"""An assumption, on the high side: the share of samples in which other hardware hears a word or an attribute otherwise."""
MOVES = (0.02, 0.09)
"""By so much such a sample's score moves, either way."""
LIE = 0.98
"""The part of the tolerance by which a liar shifts each score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedWorker:
    """A worker: the part of the tolerance by which it shifts its scores, for how many of the hotkeys, and what its hardware does."""

    name: str
    lie: float = 0.0
    friends: int = HOTKEYS
    events: float = 0.0
    """The share of samples that its hardware hears otherwise."""
    bias: float = 0.0
    """Its hardware's mean deviation, as a part of the drift that is allowed."""
    wild: bool = False
    """Its deviations are as wide as the tolerance allows, and only their mean is what `bias` says."""

    def deviations(self, generator: np.random.Generator, audits: int, samples: int, rules: AuditRules) -> list[Deviation]:
        """The deviations that so many audits of so many samples each find."""
        tolerance = mean_tolerance(samples)
        judged = generator.integers(HOTKEYS, size=audits)
        by = self.bias * rules.drift * MICRO + np.where(judged < self.friends, self.lie * tolerance, 0.0)
        if self.wild:
            by = np.where(generator.random(audits) < (1.0 + by / tolerance) / 2, tolerance, -tolerance)
        moves = generator.uniform(*MOVES, (audits, samples)) * generator.choice((-1, 1), (audits, samples))
        moves[generator.random((audits, samples)) >= self.events] = 0.0
        by = by + moves.mean(axis=1) * MICRO
        return [Deviation(Hotkey(f"h{who}"), Micro(round(one)), tolerance) for who, one in zip(judged, by.tolist(), strict=True)]


WORKERS = (
    AuditedWorker(name="honest, the auditor's class of hardware"),
    AuditedWorker(name="honest, other hardware", events=EVENTS),
    AuditedWorker(name="honest, other hardware that leans by what is allowed", events=EVENTS, bias=1.0),
    AuditedWorker(name="honest, the widest and most one-sided that is allowed", bias=1.0, wild=True),
    AuditedWorker(name=f"shifts every score by {LIE} of the tolerance", lie=LIE),
    AuditedWorker(name="the same downwards", lie=-LIE),
    AuditedWorker(name="the same upwards, on other hardware", lie=LIE, events=EVENTS),
    AuditedWorker(name="shifts every score by half of the tolerance", lie=0.5, events=EVENTS),
    AuditedWorker(name="shifts every score by a quarter of the tolerance", lie=0.25, events=EVENTS),
    AuditedWorker(name=f"shifts one hotkey's scores by {LIE} of the tolerance", lie=LIE, friends=1),
)
"""Four who are honest, then the liars."""
HONEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedLife:
    """Many lives of one kind of worker."""

    worker: str
    honest: bool
    audits: int
    """Audited evaluations in a life."""
    found: Rate
    """Accused, by a receipt beyond the tolerance or by its drift."""
    median: float | None
    """Audited evaluations until half of those that were accused were; None where fewer than two were."""
    late: float | None
    """Until 95 % of them were."""


def live(
    worker: AuditedWorker, audits: int, runs: int, samples: int, *, rules: AuditRules, seed: int, honest: bool
) -> AuditedLife:
    """Lives of one kind of worker, each of at most so many audited evaluations of so many samples."""
    lived = (worker.deviations(np.random.default_rng([seed, run]), audits, samples, rules) for run in range(runs))
    found = [end for end in (_accused_after(deviations, rules) for deviations in lived) if end is not None]
    cuts = quantiles(found, n=20) if len(found) > 1 else None
    return AuditedLife(
        worker=worker.name,
        honest=honest,
        audits=audits,
        found=rate(len(found), runs),
        median=None if cuts is None else cuts[9],
        late=None if cuts is None else cuts[18],
    )


def _accused_after(deviations: Sequence[Deviation], rules: AuditRules) -> int | None:
    """The number of audits after which a worker is accused, by one beyond the tolerance or by drift; None where it never is."""
    beyond = next((place for place, one in enumerate(deviations) if abs(one.by) > one.tolerance), len(deviations))
    drift = accused_at(deviations[:beyond], rules)
    if drift is not None:
        return drift + 1
    return beyond + 1 if beyond < len(deviations) else None


def lives(
    rules: AuditRules, samples: int, *, runs: int, honest_audits: int, audits: int, seed: int, advance: Callable[[int], None]
) -> tuple[AuditedLife, ...]:
    """Every kind of worker: honest ones, and those who lie seldom, through long lives; the other liars for `audits` at most."""
    found = []
    for place, worker in enumerate(WORKERS):
        honest, seldom = place < HONEST, worker.friends < HOTKEYS
        life = honest_audits if honest or seldom else audits
        found.append(live(worker, life, runs, samples, rules=rules, seed=seed + place, honest=honest))
        advance(1)
    return tuple(found)
