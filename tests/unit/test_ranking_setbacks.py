"""A hotkey is set back by what it committed last, and comes back by what it commits next, or in time."""

from collections.abc import Mapping

from scoring.ranking.fold import LedgerVerdict, RoundResult, fold
from scoring.ranking.state import SUPERSEDED, Setback, State
from scoring.types import Block, Entrant, Hotkey, RoundNumber
from tests.builders.ranking import a_judged, at_once, named
from tests.builders.rules import a_competition, a_track

RULES = at_once(a_competition(a_track(queue={"far_below": 0.5, "forget_rounds": 10})))
H2 = Hotkey("h2")


def after(
    state: State, number: int, scores: Mapping[int, float], gone: Mapping[Entrant, str] | None = None, **two: object
) -> State:
    """The ledger after a round in which these submissions scored so much in each of two groups; `two` says more of submission 2."""
    judged = [a_judged(n, [score, score], **(two if n == 2 else {})) for n, score in scores.items()]
    return fold(state, RoundResult(RoundNumber(number), Block(360 * number), judged, gone or {}), RULES)


def setbacks(state: State) -> tuple[Setback, ...]:
    """Those of the one track."""
    return state.tracks[0].setbacks


KING = after(State(), 0, {1: 0.8})


def test_less_than_half_of_the_kings_score_sets_back() -> None:
    """Just half of it does not."""
    assert setbacks(after(KING, 1, {1: 0.8, 2: 0.39, 3: 0.4})) == (Setback(H2, RoundNumber(1)),)


def test_it_survives_the_next_commitment_until_that_is_scored() -> None:
    """The old submission leaves, the setback stays; a score beside the king's ends it."""
    state = after(after(KING, 1, {1: 0.8, 2: 0.1}), 2, {1: 0.8}, {named(2): SUPERSEDED})
    assert setbacks(state) == (Setback(H2, RoundNumber(1)),)
    newer = a_judged(7, [0.7, 0.7], hotkey=H2, entrant=Entrant("h2@7"))
    back = fold(state, RoundResult(RoundNumber(3), Block(1080), [a_judged(1, [0.8, 0.8]), newer]), RULES)
    assert setbacks(back) == ()


def test_a_rejection_sets_back() -> None:
    """A place was spent on nothing."""
    state = after(KING, 1, {1: 0.8, 2: 0.8}, verdict=LedgerVerdict.REJECTED)
    assert setbacks(state) == (Setback(H2, RoundNumber(1)),)


def test_nothing_is_said_without_the_king_or_by_our_own_failure() -> None:
    """Far below nobody, and not scored at all."""
    assert setbacks(after(State(), 1, {2: 0.01})) == ()
    assert setbacks(after(KING, 1, {2: 0.01})) == ()
    assert setbacks(after(KING, 1, {1: 0.8, 2: 0.01}, verdict=LedgerVerdict.ABSENT)) == ()


def test_time_ends_it() -> None:
    """After ten rounds without a worse score."""
    state = after(KING, 1, {1: 0.8, 2: 0.1})
    assert setbacks(after(state, 11, {1: 0.8})) == (Setback(H2, RoundNumber(1)),)
    assert setbacks(after(state, 12, {1: 0.8})) == ()


def test_of_two_submissions_of_a_hotkey_the_newer_one_counts() -> None:
    """The older one's score is what it was."""
    newer = a_judged(7, [0.7, 0.7], hotkey=H2, entrant=Entrant("h2@7"), commit_block=Block(7))
    judged = [a_judged(1, [0.8, 0.8]), newer, a_judged(2, [0.1, 0.1])]
    assert setbacks(fold(KING, RoundResult(RoundNumber(1), Block(360), judged), RULES)) == ()
