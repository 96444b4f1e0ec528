"""What a validator's ledger says of a submission, in words for its owner."""

from dataclasses import replace

import pytest

from neurons.miner.ledger_news import changes, ledger_view
from scoring.ranking.duel import Challenger, Duel, DuelOutcome, EndedDuel
from scoring.ranking.state import Record, Rejection, State
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber
from tests.builders.ranking import a_state, with_small

ME, KING = Entrant("5Me@50"), Entrant("5King@7")
RECORD = Record(
    entrant=ME,
    hotkey=Hotkey("5Me"),
    commit_block=Block(50),
    tiebreak="00",
    tensors=None,
    groups=32,
    total=32 * 500_000,
    squares=0,
)
DUEL = Duel(
    challenger=ME,
    king=KING,
    opened=RoundNumber(3),
    margin=Micro(20_000),
    threshold=620.0,
    capital=(12.5, 0.5),
    steps=64,
    groups=64,
    rounds=2,
)
STATE = a_state(round=RoundNumber(5), king=KING, throne="king since block 9: it won", records=(RECORD,))


def says(state: State, before: State | None = None) -> list[str]:
    """What is told of the new state."""
    now = ledger_view(state, ME)
    assert now is not None
    return [line.text for line in changes(None if before is None else ledger_view(before, ME), now)]


def over(outcome: DuelOutcome) -> EndedDuel:
    """The end of a duel."""
    return EndedDuel(entrant=ME, king=KING, outcome=outcome, wealth=0.03, threshold=620.0, groups=96, rounds=3)


def test_who_duels_is_told_the_evidence() -> None:
    """How much there is, how much it takes, and by how much it must lead."""
    assert says(with_small(STATE, duel=DUEL)) == [
        "Round 5, small: its duel with the king 5King@7: evidence 13 of 620 after 2 rounds, 64 groups; it must lead by more than 0.02."
    ]


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        pytest.param(DuelOutcome.FUTILE, "others have their turn", id="futile"),
        pytest.param(DuelOutcome.MAX_ROUNDS, "its rounds were over", id="too many rounds"),
        pytest.param(DuelOutcome.KING_GONE, "starts anew against the next king", id="the king left"),
    ],
)
def test_who_lost_is_told_why_and_what_helps(outcome: DuelOutcome, words: str) -> None:
    """By the way in which it ended."""
    [said] = says(with_small(STATE, ended=(over(outcome),)))
    assert (
        said.startswith("Round 5, small: its duel with 5King@7 is over, evidence 0.03 of 620 after 3 rounds:") and words in said
    )


def test_who_is_crowned_is_told_since_when() -> None:
    """In the ledger's words."""
    assert says(with_small(STATE, king=ME, throne="king since block 99: it won")) == [
        "Round 5, small: by the ledger it is king since block 99: it won."
    ]


def test_who_is_judged_and_does_not_duel_is_told_how_one_opens() -> None:
    """After a round in which it is not clearly worse."""
    [said] = says(STATE)
    assert said.startswith("Round 5, small: it waits for no duel with the king 5King@7")


def test_who_waits_is_told_what_it_promises() -> None:
    """The sum of its leads less the margin, by which the next duel goes."""
    waits = with_small(STATE, challengers=(Challenger(entrant=ME, promise=-430_000, groups=64, rounds=2, lost=1),))
    assert says(waits) == [
        "Round 5, small: it has no duel with the king 5King@7: it promises -0.43, the sum of its leads less the margin, "
        "after 2 rounds, 64 groups; the most promising challenger above 0 has the next."
    ]


def test_who_earns_nothing_is_told_why() -> None:
    """In the ledger's words."""
    refused = with_small(STATE, records=(), rejections=(Rejection(ME, Hotkey("5Me"), "a copy of 5King@7", KING),))
    assert says(refused) == ["Round 5, small: it earns nothing: a copy of 5King@7."]


def test_only_what_changed_is_told() -> None:
    """A further round of the same is no news; more evidence is."""
    open_now = with_small(STATE, duel=DUEL)
    later = replace(open_now, round=RoundNumber(6))
    assert says(later, open_now) == []
    assert len(says(with_small(later, duel=replace(DUEL, rounds=3)), open_now)) == 1


def test_a_ledger_without_a_round_says_nothing() -> None:
    """Nor does one that does not know the submission."""
    assert ledger_view(State(), ME) is None
    assert says(with_small(STATE, records=())) == []
