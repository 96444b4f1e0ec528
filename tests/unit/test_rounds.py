"""Who is judged in which round."""

from dataclasses import replace

import pytest

from neurons.rounds import Candidate, RoundOpening, RoundView, Standing, open_round
from scoring.competition import load
from scoring.duel import Duel
from scoring.ranking import State
from scoring.types import Block, RoundNumber, SubmissionId

COMPETITION = load().at(RoundNumber(0))


def a_candidate(number: int, standing: Standing = Standing.NEWCOMER, **overrides: object) -> Candidate:
    """Submission `number`, committed at block `number`, immune until block 1000."""
    candidate = Candidate(SubmissionId(number), standing, Block(number), f"{number:02}", Block(1000))
    return replace(candidate, **overrides)  # type: ignore[arg-type]


def a_view(*candidates: Candidate, **overrides: object) -> RoundView:
    """Finalized at block 725: round 2 began at block 720."""
    view = RoundView(Block(725), RoundNumber(1), False, State(), candidates)
    return replace(view, **overrides)  # type: ignore[arg-type]


def test_king_then_newcomers_and_challengers_then_tail() -> None:
    """Newcomers and open duels are one class, ordered by immunity deadline, then commit."""
    duel = Duel(SubmissionId(4), SubmissionId(9), RoundNumber(1), 0.02, 40.0)
    view = a_view(
        a_candidate(1, Standing.SCORED),
        a_candidate(3),
        a_candidate(4, Standing.SCORED),
        a_candidate(5, immune_until=Block(800)),
        a_candidate(9, Standing.SCORED),
        state=State(king=SubmissionId(9), duels=(duel,)),
    )
    assert open_round(view, COMPETITION) == RoundOpening(
        RoundNumber(2), Block(720), Block(720 + 1080), tuple(SubmissionId(n) for n in (9, 5, 3, 4, 1))
    )


def test_a_round_takes_no_more_than_the_competition_allows() -> None:
    """The 25th newcomer waits for the next round."""
    opening = open_round(a_view(*(a_candidate(n) for n in range(30))), COMPETITION)
    assert opening is not None
    assert opening.entries == tuple(range(24))


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(a_view(a_candidate(1), any_open=True), id="a round is open"),
        pytest.param(a_view(a_candidate(1), last_opened=RoundNumber(2)), id="it was opened before"),
        pytest.param(a_view(), id="nobody is there"),
        pytest.param(a_view(a_candidate(720)), id="committed in the round itself: its prompts could be known"),
    ],
)
def test_no_round_opens(view: RoundView) -> None:
    """Nothing is opened when nothing is due, or when its prompts were known at the commit."""
    assert open_round(view, COMPETITION) is None


def test_missed_rounds_are_skipped() -> None:
    """After an outage the current round opens, not the ones in between."""
    opening = open_round(a_view(a_candidate(1), finalized=Block(3600)), COMPETITION)
    assert opening is not None
    assert opening.number == 10
