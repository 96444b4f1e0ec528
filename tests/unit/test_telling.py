"""What the validator's log says of a fold."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from neurons.validator import log_fold
from scoring.ranking.duel import IN_WORDS, DuelOutcome, EndedDuel
from scoring.ranking.state import State
from scoring.types import Entrant, RoundNumber
from tests.builders.ledger import a_ledger_entry, some_inputs


def told(outcome: DuelOutcome) -> list[Any]:
    """The log of a round in which b's duel against a ended so, c was not counted and d left."""
    duel = EndedDuel(Entrant("b@2"), Entrant("a@1"), outcome, 12.5, 40.0, 96, 3)
    state = State(RoundNumber(7), Entrant("a@1"), throne="king since block 720: it was better", ended=(duel,))
    inputs = some_inputs(distrusted={"c@3": "the receipt is not signed"}, gone={"d@4": "banned"})
    with capture_logs() as logs:
        log_fold.folded(a_ledger_entry(7, state=state, state_hash="f" * 64, inputs=inputs))
    return [{name: value for name, value in entry.items() if name != "log_level"} for entry in logs]


@pytest.mark.parametrize("outcome", [pytest.param(each, id=each.value) for each in DuelOutcome])
def test_a_fold_is_told_in_words(outcome: DuelOutcome) -> None:
    """Who did not count and why, who left and why, how a duel ended and why, and who holds the top since when."""
    refused, gone, duel, folded = told(outcome)
    assert refused == {"event": "receipt refused", "entrant": "c@3", "reason": "the receipt is not signed"}
    assert gone == {"event": "submission gone", "entrant": "d@4", "reason": "banned"}
    assert duel == {
        "event": "challenger crowned" if outcome is DuelOutcome.CROWNED else "challenge ended",
        "challenger": "b@2",
        "king": "a@1",
        "outcome": outcome.value,
        "why": IN_WORDS[outcome].why,
        "wealth": 12.5,
        "threshold": 40.0,
        "rounds": 3,
        "groups": 96,
    }
    throne = "king since block 720: it was better"
    assert folded == {"event": "round folded", "round": 7, "king": "a@1", "throne": throne, "ledger": "f" * 64}
