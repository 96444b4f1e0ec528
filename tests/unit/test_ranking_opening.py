"""Who is judged in which round."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from scoring.ranking.duel import Duel, DuelOutcome, EndedDuel
from scoring.ranking.opening import RoundCandidate, RoundEntry, RoundOpening, RoundView, open_round
from scoring.ranking.state import Record, Rejection, State, ThroneTrial
from scoring.types import MICRO, Block, Hotkey, Micro, RoundNumber, SubmissionId
from tests.builders import ranking
from tests.builders.ranking import SMALL, a_credit, a_state, named
from tests.builders.rules import a_competition

COMPETITION = a_competition()


def a_candidate(number: int, **overrides: object) -> RoundCandidate:
    """Submission `number`, committed at block `number`, immune until block 1000."""
    candidate = RoundCandidate(
        submission=SubmissionId(number),
        commit_block=Block(number),
        tiebreak=f"{number:02}",
        immune_until=Block(1000),
        last_asked=None,
        entrant=named(number),
        family="vits",
    )
    return replace(candidate, **overrides)  # type: ignore[arg-type]


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


def test_king_then_newcomers_then_who_was_asked_longest_ago() -> None:
    """Newcomers were never asked; equals are ordered by immunity deadline, then commit."""
    view = a_view(
        a_candidate(1, last_asked=RoundNumber(1)),
        a_candidate(3),
        a_candidate(4, last_asked=RoundNumber(0)),
        a_candidate(5, immune_until=Block(800)),
        a_candidate(9, last_asked=RoundNumber(1)),
        state=a_state(king=named(9)),
    )
    assert open_round(view, COMPETITION) == RoundOpening(
        RoundNumber(2), Block(720), Block(720 + 1080), tuple(RoundEntry(SubmissionId(n), SMALL) for n in (9, 5, 3, 4, 1))
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
    old = {n: a_candidate(n, last_asked=RoundNumber(0), immune_until=Block(0)) for n in range(1, 10)}
    return submissions(open_round(a_view(*(old | {8: a_candidate(8)}).values(), state=state), COMPETITION))


def test_a_measured_lead_comes_before_the_new_and_the_lost_come_last() -> None:
    """King, then both sides of a lead that is measured, then who may still win, then who lost for good or copies."""
    lost = tuple(
        EndedDuel(entrant=named(n), king=named(9), outcome=DuelOutcome.FUTILE, wealth=0.01, threshold=40.0, groups=32, rounds=1)
        for n in (1, 6)
    )
    state = a_state(
        king=named(9),
        records=tuple(a_record(n, 500_000) for n in (9, 2, 1, 3, 4, 5, 6)),
        lost=lost,
        rejections=(Rejection(named(7), Hotkey("h7"), "a copy"),),
        leads=(a_credit(9, over=5, open=True), a_credit(5, over=4), a_credit(3, open=True)),
    )
    assert asked(state) == (9, 5, 3, 8, 2, 4, 1, 6, 7)


def test_an_empty_throne_asks_for_its_contenders_first() -> None:
    """Round after round the same ones, so that their scores can be compared."""
    state = a_state(trial=(ThroneTrial(named(4), 1, (700_000,)), ThroneTrial(named(2), 1, (600_000,))), trial_rounds=1)
    assert asked(state)[:3] == (4, 2, 8)


def test_a_lapsed_immunity_is_no_claim() -> None:
    """Those that are immune for the shortest time come first; then, by how long ago they were asked, those that no longer are."""
    view = a_view(
        a_candidate(1, immune_until=Block(10), last_asked=RoundNumber(1)),
        a_candidate(2, immune_until=Block(725), last_asked=RoundNumber(0)),
        a_candidate(3, immune_until=Block(900), last_asked=RoundNumber(1)),
        a_candidate(4, immune_until=Block(726), last_asked=RoundNumber(1)),
    )
    assert submissions(open_round(view, COMPETITION)) == (4, 3, 2, 1)


def test_a_round_takes_no_more_than_the_competition_allows() -> None:
    """The 25th newcomer waits for the next round."""
    assert submissions(open_round(a_view(*(a_candidate(n) for n in range(30))), COMPETITION)) == tuple(range(24))


def turns(waiting: Mapping[int, RoundCandidate], rounds: int, king: int) -> list[tuple[SubmissionId, ...]]:
    """Who is asked in round after round, when everybody is scored (or parked) in each and nobody leaves."""
    now, asked = dict(waiting), []
    for number in range(2, 2 + rounds):
        duels = tuple(
            Duel(challenger=named(n), king=named(king), opened=RoundNumber(1), margin=Micro(20_000), threshold=40.0)
            for n in now
            if n != king
        )
        state = a_state(king=named(king), duels=duels)
        view = a_view(*now.values(), finalized=Block(360 * number), last_opened=RoundNumber(number - 1), state=state)
        entries = submissions(open_round(view, COMPETITION))
        asked.append(entries)
        now |= {entry: replace(now[entry], last_asked=RoundNumber(number)) for entry in entries}
    return asked


def test_a_newcomer_waits_behind_no_number_of_older_challengers() -> None:
    """Forty old challengers, whose immunity ended long ago, do not keep a newcomer out."""
    old = {n: a_candidate(n, immune_until=Block(1), last_asked=RoundNumber(1)) for n in range(40)}
    (entries,) = turns(old | {99: a_candidate(99)}, 1, king=0)
    assert entries[:2] == (0, 99)


def test_everybody_has_a_turn_and_the_king_has_all_of_them() -> None:
    """Of 70 challengers 23 are judged in a round: after four rounds each was judged at least once."""
    field = {n: a_candidate(n, last_asked=RoundNumber(1)) for n in range(71)}
    asked = turns(field, 4, king=70)
    assert all(entries[0] == 70 for entries in asked)
    assert {entry for entries in asked for entry in entries} == set(field)


def test_newcomers_that_always_fail_for_our_reasons_do_not_block_new_ones() -> None:
    """Whoever was asked and parked stands behind whoever was never asked, and behind challengers that waited longer."""
    parked = {n: a_candidate(n, last_asked=RoundNumber(1)) for n in range(30)}
    (entries,) = turns(
        parked | {97: a_candidate(97, last_asked=RoundNumber(0)), 98: a_candidate(98), 99: a_candidate(99)}, 1, king=98
    )
    assert entries[:3] == (98, 99, 97)


@pytest.mark.parametrize("immune_until", [pytest.param(0, id="old"), pytest.param(10_000, id="immune")])
def test_no_amount_of_junk_keeps_a_duel_or_who_waited_longer(immune_until: int) -> None:
    """Thirty that were scored and have no duel, immune or not, come after the open duel, and one by one in their turn."""
    junk = {n: a_candidate(n, last_asked=RoundNumber(1), immune_until=Block(immune_until)) for n in range(1, 31)}
    old = {n: a_candidate(n, last_asked=RoundNumber(0), immune_until=Block(0)) for n in (97, 98, 99)}
    records = tuple(a_record(n, 150_000) for n in (*junk, *old))
    state = a_state(
        king=named(99),
        records=records,
        duels=(Duel(challenger=named(98), king=named(99), opened=RoundNumber(0), margin=Micro(20_000), threshold=40.0),),
    )
    assert submissions(open_round(a_view(*(junk | old).values(), state=state), COMPETITION))[:4] == (99, 98, 97, 1)


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
