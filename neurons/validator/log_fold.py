"""What a fold decided, said in the log: who does not count, who left, who won or lost against whom and why, who holds the top."""

import structlog

from scoring.ranking.duel import IN_WORDS, DuelOutcome, EndedDuel
from voice_api.db.ledger_records import LedgerEntry

log = structlog.get_logger()


def folded(entry: LedgerEntry) -> None:
    """Say everything that an entry decided."""
    for name, reason in entry.inputs.distrusted.items():
        log.error("receipt refused", entrant=name, reason=reason)
    for name, reason in entry.inputs.gone.items():
        log.info("submission gone", entrant=name, reason=reason)
    for duel in entry.state.ended:
        _ended(duel)
    log.info("round folded", round=entry.round, king=entry.king, throne=entry.state.throne, ledger=entry.state_hash)


def _ended(duel: EndedDuel) -> None:
    event = "challenger crowned" if duel.outcome is DuelOutcome.CROWNED else "challenge ended"
    evidence = {"wealth": duel.wealth, "threshold": duel.threshold, "rounds": duel.rounds, "groups": duel.groups}
    log.info(
        event, challenger=duel.entrant, king=duel.king, outcome=duel.outcome.value, why=IN_WORDS[duel.outcome].why, **evidence
    )
