"""A validator's ledger and attempts, as its metrics show them."""

from collections.abc import Sequence
from itertools import takewhile

from neurons.validator.refused_receipts import by_kind
from neurons.validator.weights.decision import WeightHistory
from scoring.competition import Schedule
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import StoredAttempt
from voice_api.runtime.validator_metrics import LedgerNumbers, ValidatorMetrics

_OPENED_OR_NOT = frozenset({WeightOutcome.APPLIED, WeightOutcome.EXPIRED})


def show_history(metrics: ValidatorMetrics, history: WeightHistory, schedule: Schedule) -> None:
    """Show how the ledger stands, what the last plan burns, and whether sealed weights are opened."""
    judged = None if history.judged is None else history.judged.inputs
    refused = () if judged is None else (*judged.unheard, *judged.missing)
    tracks = {track.name for version in schedule.version for track in version.track}
    metrics.fold(
        LedgerNumbers(
            round=None if history.head is None else history.head.round,
            uncounted=history.uncounted,
            refused=by_kind({} if judged is None else judged.distrusted),
            tracks={track: track in refused for track in tracks},
        )
    )
    metrics.weights.planned(None if history.planned is None else history.planned.plan.burn, expired_in_a_row(history.attempts))


def expired_in_a_row(attempts: Sequence[StoredAttempt]) -> int:
    """How many sealed weights in a row expired, up to the last that ended. `attempts` are newest first."""
    ended = (attempt.outcome for attempt in attempts if attempt.outcome in _OPENED_OR_NOT)
    return sum(1 for _ in takewhile(lambda outcome: outcome is WeightOutcome.EXPIRED, ended))
