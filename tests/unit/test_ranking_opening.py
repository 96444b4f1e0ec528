"""Who is judged in which round."""

from dataclasses import replace

import pytest

from scoring.ranking.duel import Challenger, Duel
from scoring.ranking.opening import RoundEntry, RoundOpening, RoundView, open_round
from scoring.ranking.queue import RoundCandidate
from scoring.ranking.state import Record, Rejection, State, ThroneTrial
from scoring.types import MICRO, Block, Hotkey, Micro, RoundNumber, SubmissionId
from tests.builders import ranking
from tests.builders.ranking import SMALL, a_credit, a_round_candidate, a_state, named
from tests.builders.rules import a_competition

COMPETITION = a_competition()


def a_view(*candidates: RoundCandidate, **overrides: object) -> RoundView:
    """Finalized at block 725: round 2 began at block 720."""
    view = RoundView(
        finalized=Block(725),
        last_opened=RoundNumber(1),
        any_open=False,
        state=State(),
        candidates=candidates,
        tracks=frozenset({SMALL}),
    )
    return replace(view, **overrides)  # type: ignore[arg-type]


def test_the_king_then_newcomers_then_who_was_scored() -> None:
    """A round that begins now has the number of its first block, and closes at its deadline."""
    view = a_view(
        a_round_candidate(1, last_asked=RoundNumber(0)),
        a_round_candidate(3),
        a_round_candidate(9, last_asked=RoundNumber(1)),
        state=a_state(king=named(9), records=(a_record(1, 500_000),)),
    )
    assert open_round(view, COMPETITION) == RoundOpening(
        RoundNumber(2), Block(720), Block(720 + 1080), tuple(RoundEntry(SubmissionId(n), SMALL, "cpu") for n in (9, 3, 1))
    )


def a_record(number: int, score: int) -> Record:
    """Scored alike in 32 groups."""
    return ranking.a_record(number, score / MICRO, groups=32)


def submissions(opening: RoundOpening | None) -> tuple[SubmissionId, ...]:
    """Whom a round asks for."""
    assert opening is not None
    return tuple(entry.submission for entry in opening.entries)


def asked(state: State) -> tuple[SubmissionId, ...]:
    """The order in which a round asks for nine submissions that were asked before, but for the eighth, which is new."""
    old = {n: a_round_candidate(n, last_asked=RoundNumber(0)) for n in range(1, 10)}
    return submissions(open_round(a_view(*(old | {8: a_round_candidate(8)}).values(), state=state), COMPETITION))


def test_the_duel_and_measured_leads_come_before_the_new_and_copies_come_last() -> None:
    """King and challenger, then both sides of a lead that is measured, then the new, then who waits by what it promises."""
    state = a_state(
        king=named(9),
        duel=Duel(challenger=named(4), king=named(9), opened=RoundNumber(1), margin=Micro(20_000), threshold=40.0),
        challengers=tuple(Challenger(entrant=named(n), promise=promise) for n, promise in ((1, -5), (2, 5), (4, 9), (6, 0))),
        records=tuple(a_record(n, 500_000) for n in (9, 2, 1, 3, 4, 5, 6)),
        rejections=(Rejection(named(7), Hotkey("h7"), "a copy"),),
        leads=(a_credit(9, over=5, open=True), a_credit(5, over=4), a_credit(3, open=True)),
    )
    turns = COMPETITION.track[0].queue.turns * COMPETITION.track[0].evaluations
    assert (asked(state), int(turns)) == ((9, 4, 5, 3, 8, 1, 2, 6, 7), 3)


def test_an_empty_throne_asks_for_its_contenders_first() -> None:
    """Round after round the same ones, so that their scores can be compared."""
    state = a_state(trial=(ThroneTrial(named(4), 1, (700_000,)), ThroneTrial(named(2), 1, (600_000,))), trial_rounds=1)
    assert asked(state)[:2] == (4, 2)


def test_a_round_takes_no_more_than_the_competition_allows() -> None:
    """Six of thirty newcomers wait for the next round."""
    assert len(submissions(open_round(a_view(*(a_round_candidate(n) for n in range(30))), COMPETITION))) == 24


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(a_view(a_round_candidate(1), any_open=True), id="a round is open"),
        pytest.param(a_view(a_round_candidate(1), last_opened=RoundNumber(2)), id="it was opened before"),
        pytest.param(a_view(), id="nobody is there"),
        pytest.param(a_view(a_round_candidate(720)), id="committed in the round itself: its prompts could be known"),
    ],
)
def test_no_round_opens(view: RoundView) -> None:
    """Nothing is opened when nothing is due, or when its prompts were known at the commit."""
    assert open_round(view, COMPETITION) is None


def test_missed_rounds_are_skipped() -> None:
    """After an outage the current round opens, not the ones in between."""
    opening = open_round(a_view(a_round_candidate(1), finalized=Block(3600)), COMPETITION)
    assert opening is not None
    assert opening.number == 10
