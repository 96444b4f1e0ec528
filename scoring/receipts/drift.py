"""The drift of a worker: whether its scores lie to one side of what the audits find, though each lies within the tolerance.

A test by betting, read after every audit and valid whenever it is read. Its hypothesis: whatever came before, the mean of the next
audit's deviation is at most `AuditRules.drift` away from 0. On it stand bets of several sizes, on either side, each with a wealth of 1
at first; under the hypothesis their mean is a supermartingale, which ever reaches T with a chance of at most 1/T (Ville 1939).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from scoring.competition import AuditRules
from scoring.types import MICRO, Hotkey, Micro

BETS = (0.1, 0.3, 0.8)
"""Parts of the wealth that are bet: of the least that the worst deviation could cost, so that no bet ever ruins."""


BEGIN_AGAIN = 50
"""Audits from one beginning of the bets to the next."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """An audit of a worker: of whose model, by how much the score that it signed is above what was found, and how much is forgiven."""

    hotkey: Hotkey
    by: Micro
    """Signed; a mean over the samples, in integers of 1e-6."""
    tolerance: Micro
    """Above 0: an audit that found more than this, either way, has already said that the receipt does not hold."""


@dataclass(slots=True)
class _Bets:
    """The wealth of bets that began at one audit: upwards, then downwards."""

    wealth: list[float] = field(default_factory=lambda: [1.0] * (2 * len(BETS)))

    def settle(self, part: float, allowed: float) -> float:
        """Bet on a deviation, as a part of its tolerance, beyond what is allowed on either side; the mean wealth afterwards."""
        for place, bet in enumerate((*BETS, *BETS)):
            side = part if place < len(BETS) else -part
            self.wealth[place] *= 1.0 + bet / (1.0 + allowed) * (side - allowed)
        return sum(self.wealth) / len(self.wealth)


@dataclass(slots=True)
class _Gambler:
    """Bets that begin again every so many audits: a long honest life ruins those of before, and a lie may begin late.

    The n-th of these beginnings has the part 1 / n(n + 1) of the wealth at first; what has not begun yet waits.
    """

    begun: list[_Bets] = field(default_factory=list)
    audits: int = 0

    def settle(self, part: float, allowed: float) -> float:
        """The whole wealth after a deviation."""
        if self.audits % BEGIN_AGAIN == 0:
            self.begun.append(_Bets())
        self.audits += 1
        own = sum(bets.settle(part, allowed) / (nth * (nth + 1)) for nth, bets in enumerate(self.begun, 1))
        return own + 1.0 / (len(self.begun) + 1)


def wealths(deviations: Iterable[Deviation], rules: AuditRules) -> Iterator[float]:
    """The evidence of drift after each audit of one worker, in order, as a multiple of what an accusation takes: 1 or more accuses.

    Half of the chance of a false alarm is for the mean over all its audits, half for the means over those of one hotkey's models: a
    worker that lies for a friend alone is as one-sided there. Of that half the n-th hotkey has the part 1 / n(n + 1).
    """
    everything, of_hotkey = _Gambler(), dict[Hotkey, tuple[int, _Gambler]]()
    for deviation in deviations:
        part = max(-1.0, min(1.0, deviation.by / deviation.tolerance))
        allowed = min(1.0, rules.drift * MICRO / deviation.tolerance)
        nth, own = of_hotkey.setdefault(deviation.hotkey, (len(of_hotkey) + 1, _Gambler()))
        chance = rules.false_alarms / 2
        yield max(everything.settle(part, allowed) * chance, own.settle(part, allowed) * chance / (nth * (nth + 1)))


def accused_at(deviations: Iterable[Deviation], rules: AuditRules) -> int | None:
    """The place, from 0, of the audit that first accuses the worker of drift; None while none does."""
    return next((place for place, evidence in enumerate(wealths(deviations, rules)) if evidence >= 1.0), None)
