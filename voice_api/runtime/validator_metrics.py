"""What a validator shows of its rounds, of the receipts that it refuses, of its weights, and of the chain."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge

from scoring.types import Block, RoundNumber
from voice_api.db.states import RefusalClass, WeightOutcome
from voice_api.runtime.chain_metrics import ChainMetrics
from voice_api.runtime.process_metrics import new_registry

NOT_REFUSED = "none"
"""The class of an attempt that the chain did not refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerNumbers:
    """How a validator's ledger stands."""

    round: RoundNumber | None
    """Its newest; None before the first."""
    uncounted: int
    """The last rounds in a row in which no receipt counts."""
    refused: Mapping[str, int]
    """Receipts of the last round with any that do not count, by kind of reason; every kind is named."""
    tracks: Mapping[str, bool]
    """Of each track, whether nothing of it counts that should."""


class WeightMetrics:
    """How a validator's weights stand on the chain, and what keeps new ones from being set."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._held = Gauge("voice_weights_held", "1 while the last plan is sent again.", registry=registry)
        self._stopped = Gauge(
            "voice_weights_stopped",
            "1 while no weights are set, by what ends that: time, an act on the chain, or one of this validator's operator.",
            ["class"],
            registry=registry,
        )
        self._age = Gauge(
            "voice_weights_age_blocks",
            "Blocks since the chain last took weights; not a number unregistered.",
            registry=registry,
        )
        self._cutoff = Gauge(
            "voice_weights_cutoff_blocks",
            "Blocks without new weights after which the chain counts a validator no longer.",
            registry=registry,
        )
        self._burn = Gauge(
            "voice_weights_burn_ratio",
            "Share of the last plan that the chain took which goes to nobody, 0 to 1; not a number before.",
            registry=registry,
        )
        self._expired = Gauge(
            "voice_weights_expired_in_a_row",
            "Sealed weights, up to the last that ended, that nobody opened.",
            registry=registry,
        )
        self._attempts = Counter(
            "voice_weights_attempts",
            "Steps of attempts to set weights, by outcome and, of a refused one, by what ends that.",
            ["outcome", "class"],
            registry=registry,
        )
        for number in (self._age, self._cutoff, self._burn):
            number.set(math.nan)
        for outcome in WeightOutcome:
            self._attempts.labels(outcome.value, NOT_REFUSED)
        for kind in RefusalClass:
            self._attempts.labels(WeightOutcome.FAILED.value, kind.value)
        self.weigh(None, held=False)

    def weigh(self, stopped: RefusalClass | None, *, held: bool) -> None:
        """Show the class of what keeps weights from being set, None where nothing does, and whether the last plan is held."""
        self._held.set(held)
        for kind in RefusalClass:
            self._stopped.labels(kind.value).set(kind is stopped)

    def stand(self, *, last_update: Block | None, block: Block, cutoff: int) -> None:
        """Show how old the weights are that the chain has; `last_update` is None for a hotkey that is not registered."""
        self._age.set(math.nan if last_update is None else block - last_update)
        self._cutoff.set(cutoff)

    def planned(self, burn: float | None, expired: int) -> None:
        """Show the burned share of the last plan that the chain took, and how many sealed ones in a row nobody opened."""
        self._burn.set(math.nan if burn is None else burn)
        self._expired.set(expired)

    def attempted(self, outcome: WeightOutcome, refusal: RefusalClass | None) -> None:
        """Count one step of an attempt."""
        self._attempts.labels(outcome.value, NOT_REFUSED if refusal is None else refusal.value).inc()


class ValidatorMetrics:
    """The validator's numbers, beside its ticks: of the chain, of its weights, and of what counts in its ledger."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or new_registry()
        self.chain, self.weights = ChainMetrics(self.registry), WeightMetrics(self.registry)
        self._round = Gauge(
            "voice_ledger_round", "The newest folded round; not a number before the first.", registry=self.registry
        )
        self._uncounted = Gauge(
            "voice_rounds_uncounted",
            "Folded rounds in a row, up to the last one, in which no receipt counts, or which none reached.",
            registry=self.registry,
        )
        self._refused_receipts = Gauge(
            "voice_receipts_refused",
            "Receipts that do not count, of the last round to which any came, by what is wrong with them.",
            ["why"],
            registry=self.registry,
        )
        self._refused = Gauge(
            "voice_track_refused",
            "1 while no score of a track counts though receipts of it came last, or none came from the validator that is followed.",
            ["track"],
            registry=self.registry,
        )
        self._round.set(math.nan)

    def fold(self, ledger: LedgerNumbers) -> None:
        """Show how the ledger stands."""
        self._round.set(math.nan if ledger.round is None else ledger.round)
        self._uncounted.set(ledger.uncounted)
        for why, count in ledger.refused.items():
            self._refused_receipts.labels(why).set(count)
        for track, is_refused in ledger.tracks.items():
            self._refused.labels(track).set(is_refused)
