"""What an entry of a ledger says of duels, beside the entry before it."""

from dataclasses import replace
from typing import Any

import pytest

from scoring.ranking.duel import Duel, DuelOutcome, ended
from scoring.ranking.duel_history import DuelRound, duel_rounds
from scoring.types import Micro, RoundNumber
from tests.builders.ranking import SMALL, a_credit, a_state, named

OPEN = Duel(
    challenger=named(2),
    king=named(1),
    opened=RoundNumber(5),
    margin=Micro(20_000),
    threshold=620.0,
    capital=(2.0, 1.5),
    steps=64,
    groups=64,
    rounds=2,
    lead=64 * 30_000,
)


def a_duel_round(**overrides: Any) -> DuelRound:
    """The open duel at a round's end, after 64 groups of 2 rounds."""
    fields: dict[str, Any] = {
        "track": SMALL,
        "opened": RoundNumber(5),
        "challenger": named(2),
        "king": named(1),
        "outcome": DuelOutcome.OPEN,
        "wealth": 3.5,
        "threshold": 620.0,
        "margin": Micro(20_000),
        "lead": Micro(30_000),
        "groups": 64,
        "rounds": 2,
    }
    return DuelRound(**fields | overrides)


def test_an_open_duel_is_told_with_its_evidence_and_mean_lead() -> None:
    """The sum of 64 leads of .03 is a mean of .03; before the first group there is none."""
    assert duel_rounds(None, a_state(duel=OPEN)) == (a_duel_round(),)
    fresh = replace(OPEN, capital=(1.0,), steps=0, groups=0, rounds=0, lead=0)
    assert duel_rounds(a_state(), a_state(duel=fresh)) == (a_duel_round(wealth=1.0, lead=None, groups=0, rounds=0),)


def test_an_ended_duel_keeps_its_opening_and_its_margin_from_the_entry_before() -> None:
    """An end by another round's groups has no lead that an entry keeps; one without another step has the old one."""
    last = replace(OPEN, capital=(0.01,), groups=96, rounds=3)
    after = a_state(ended=(ended(last, DuelOutcome.FUTILE),))
    assert duel_rounds(a_state(duel=OPEN), after) == (
        a_duel_round(outcome=DuelOutcome.FUTILE, wealth=0.01, lead=None, groups=96, rounds=3),
    )
    gone = a_state(ended=(ended(OPEN, DuelOutcome.KING_GONE),))
    assert duel_rounds(a_state(duel=OPEN), gone) == (a_duel_round(outcome=DuelOutcome.KING_GONE),)


def test_a_crown_tells_the_lead_that_is_credited() -> None:
    """100 groups of .05 each."""
    won = replace(OPEN, capital=(700.0,), groups=100, rounds=3)
    after = a_state(ended=(ended(won, DuelOutcome.CROWNED),), leads=(a_credit(2, over=1, lead=0.05),))
    assert duel_rounds(a_state(duel=OPEN), after) == (
        a_duel_round(outcome=DuelOutcome.CROWNED, wealth=700.0, lead=Micro(50_000), groups=100, rounds=3),
    )


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(None, id="no entry before"),
        pytest.param(a_state(), id="no duel before"),
        pytest.param(a_state(duel=replace(OPEN, challenger=named(3))), id="another duel before"),
    ],
)
def test_of_an_end_without_its_opening_nothing_is_told(before: Any) -> None:
    """Nobody knows when it opened."""
    assert duel_rounds(before, a_state(ended=(ended(OPEN, DuelOutcome.FUTILE),))) == ()


def test_one_ends_and_the_next_opens_in_one_round() -> None:
    """Both are told."""
    following = replace(OPEN, challenger=named(3), opened=RoundNumber(8), capital=(1.0,), groups=0, rounds=0, lead=0)
    after = a_state(ended=(ended(OPEN, DuelOutcome.MAX_ROUNDS),), duel=following)
    assert duel_rounds(a_state(duel=OPEN), after) == (
        a_duel_round(outcome=DuelOutcome.MAX_ROUNDS),
        a_duel_round(opened=RoundNumber(8), challenger=named(3), wealth=1.0, lead=None, groups=0, rounds=0),
    )
