"""What a fold decided, said in the log: who does not count, who left, who won or lost against whom and why, who holds the top."""

from collections.abc import Mapping

import structlog

from scoring.ranking import state as ledger
from scoring.ranking.duel import DuelOutcome, EndedDuel
from voice_api.db.ledger_records import LedgerEntry

log = structlog.get_logger()

WHY: Mapping[DuelOutcome, str] = {
    DuelOutcome.OPEN: "it goes on",
    DuelOutcome.CROWNED: "the evidence that it is better than the king by more than the margin reached the threshold",
    DuelOutcome.FUTILE: "so little evidence is left that it has lost to this king for good",
    DuelOutcome.MAX_ROUNDS: "not enough evidence in all the rounds that a duel has: it has lost to this king for good",
    DuelOutcome.KING_GONE: "the king that it was tested against holds the top no longer",
    DuelOutcome.CHALLENGER_GONE: "it left, or was refused",
}


def folded(entry: LedgerEntry) -> None:
    """Say everything that an entry decided."""
    for name, reason in entry.inputs["distrusted"].items():
        log.error("receipt refused", entrant=name, reason=reason)
    for name, reason in entry.inputs["gone"].items():
        log.info("submission gone", entrant=name, reason=reason)
    state = ledger.from_json(entry.state)
    for duel in state.ended:
        _ended(duel)
    log.info("round folded", round=entry.round, king=entry.king_entrant, throne=state.throne, ledger=entry.state_hash)


def _ended(duel: EndedDuel) -> None:
    event = "challenger crowned" if duel.outcome is DuelOutcome.CROWNED else "challenge ended"
    evidence = {"wealth": duel.wealth, "threshold": duel.threshold, "rounds": duel.rounds, "groups": duel.groups}
    log.info(event, challenger=duel.entrant, king=duel.king, outcome=duel.outcome.value, why=WHY[duel.outcome], **evidence)
