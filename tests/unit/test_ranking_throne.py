"""Who holds the top when no duel decides it."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.ranking.duel import DuelOutcome
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult, fold
from scoring.ranking.state import SUPERSEDED, State
from scoring.types import Block, Entrant, Hotkey, RoundNumber, entrant
from tests.builders.ranking import a_judged, named, small
from tests.builders.rules import a_competition, a_track

COMPETITION = a_competition(a_track(duel={"absent_rounds": 3}, pay={"floor": 0.2, "base": 0.2}))


def judged(number: int, *scores: float, **overrides: object) -> Judged:
    """Submission `number` with these group scores; with one it is that of four groups."""
    return a_judged(number, scores * 4 if len(scores) == 1 else scores, **overrides)


def absent(number: int) -> Judged:
    """Submission `number`, which an outage of ours kept from being judged."""
    return judged(number, verdict=LedgerVerdict.ABSENT)


def folded(*rounds: Sequence[Judged], gone: Mapping[Entrant, str] | None = None, state: State | None = None) -> State:
    """The state after these rounds, the first of which is the one after the state's; `gone` is of the last one."""
    state = state or State()
    for left, items in zip(range(len(rounds) - 1, -1, -1), rounds, strict=True):
        number = RoundNumber(1 if state.round is None else state.round + 1)
        lost = gone if gone and left == 0 else {}
        state = fold(state, RoundResult(number, Block(360 * number), items, lost), COMPETITION)
    return state


def king(*items: Judged) -> Entrant | None:
    """Who is crowned after three rounds in which all scored the same."""
    return small(folded(items, items, items)).king


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([judged(1, 0.4), judged(2, 0.7), judged(3, 0.6)], 2, id="the clearly best"),
        pytest.param([judged(5, 0.7), judged(4, 0.7)], 4, id="an exact copy loses to the earlier commit"),
        pytest.param(
            [judged(1, 0.5, 0.7, 0.6, 0.7), judged(2, 0.6, 0.6, 0.7, 0.7)], 1, id="better by .025 ± .025 is not clearly better"
        ),
        pytest.param([judged(1, 0.5, 0.6, 0.5, 0.6), judged(2, 0.6, 0.7, 0.6, 0.7)], 2, id="better by .1 in each group is"),
        pytest.param([judged(1, 0.5), judged(2, 0.52)], 1, id="better by the margin of a young king is as good"),
        pytest.param([judged(1, 0.5), judged(2, 0.521)], 2, id="better by more in each group is not"),
        pytest.param(
            [judged(1, 0.5), judged(2, 0.515), judged(3, 0.53)], 2, id="the first that nobody beats, whomever it beats itself"
        ),
        pytest.param([judged(1, 0.7, speed=900), judged(2, 0.7, speed=1)], 1, id="speed decides nothing"),
        pytest.param([judged(1, 0.19), judged(2, 0.2)], 2, id="at the floor"),
        pytest.param([judged(1, 0.19), judged(2, 0.1)], None, id="nobody at the floor"),
        pytest.param([judged(1, 0.0)], None, id="nobody is crowned for nothing"),
        pytest.param([], None, id="nobody at all"),
        pytest.param([judged(1, 0.9, verdict=LedgerVerdict.REJECTED), judged(2, 0.5)], 2, id="a refused one is none"),
    ],
)
def test_an_empty_throne_by_hand(items: list[Judged], expected: int | None) -> None:
    """The earliest that no later one clearly beats."""
    assert king(*items) == (None if expected is None else named(expected))


def test_an_empty_throne_waits_for_three_rounds() -> None:
    """One lucky round seats nobody; a round that scores nobody is none."""
    items = [judged(1, 0.6), judged(2, 0.7)]
    assert [small(folded(*[items] * rounds)).king for rounds in (1, 2, 3)] == [None, None, named(2)]
    assert small(folded(items, [], items)).king is None
    assert small(folded(items, [], items, items)).king == named(2)


def test_a_contender_of_one_round_takes_no_throne() -> None:
    """However good it was in it; the groups of two rounds may be enough."""
    others = [judged(1, 0.5)]
    assert small(folded(others, others, [*others, judged(2, 0.9)])).king == named(1)
    assert small(folded(others, [*others, judged(2, 0.9)], [*others, judged(2, 0.9)])).king == named(2)


def test_contenders_are_compared_on_the_groups_of_both() -> None:
    """Who missed the round with easy prompts is not the worse for it."""
    hard, easy = [judged(1, 0.3), judged(2, 0.4)], [judged(1, 0.9)]
    assert small(folded(hard, easy, hard)).king == named(2)


def test_a_king_says_since_when_and_why() -> None:
    """For whoever asks; the trial is over with it."""
    items = [judged(1, 0.4), judged(2, 0.7)]
    state = folded(items, items, items)
    assert small(state).throne == (
        "king since block 1080: of 2 on the empty throne's trial of 3 rounds the earliest that no later one clearly beat"
    )
    assert (small(state).trial, small(state).trial_rounds) == ((), 0)


@given(st.lists(st.integers(-60_000, 60_000), min_size=8, max_size=8), st.integers(1, 3))
def test_a_copy_with_noise_does_not_take_an_empty_throne_by_luck(noise: list[int], copies: int) -> None:
    """Whatever the noise: only one that scored clearly more on the same groups does."""
    base = [500_000, 700_000, 400_000, 600_000, 550_000, 650_000, 450_000, 620_000]
    original = judged(1, *(score / 1e6 for score in base))
    others = [judged(2 + n, *((b + (e if n % 2 else -e)) / 1e6 for b, e in zip(base, noise, strict=True))) for n in range(copies)]
    total, squares = 3 * abs(sum(noise)), 3 * sum(e * e for e in noise)
    clearly = total > 3.0 * (max(0, squares * 24 - total * total) / 23) ** 0.5
    assert clearly or king(original, *others) == named(1)


@pytest.mark.parametrize(
    ("items", "gone", "why"),
    [
        pytest.param(
            [judged(2, 0.5)], {named(1): "no longer registered"}, "no longer registered", id="deregistered, banned, superseded"
        ),
        pytest.param(
            [judged(1, verdict=LedgerVerdict.REJECTED, reason="the repository is private"), judged(2, 0.5)],
            None,
            "the repository is private",
            id="refused",
        ),
    ],
)
def test_a_king_that_is_gone_makes_room(items: list[Judged], gone: Mapping[Entrant, str] | None, why: str) -> None:
    """Its challengers' duels are over, and the trial begins in the round that it left in."""
    start = folded(*[[judged(1, 0.5), judged(2, 0.5)]] * 3, [judged(1, 0.5), judged(2, 0.55)])
    assert small(start).duel is not None
    vacant = folded(items, gone=gone, state=start)
    assert (small(vacant).king, small(vacant).throne) == (None, f"vacant: h1@1 is gone in round 5: {why}")
    assert (small(vacant).duel, small(vacant).challengers) == (None, ())
    assert [(duel.entrant, duel.outcome) for duel in small(vacant).ended] == [(named(2), DuelOutcome.KING_GONE)]
    after = folded([judged(2, 0.5)], [judged(2, 0.5)], state=vacant)
    assert (small(after).king, small(after).king_since) == (named(2), 360 * 7)


KING = folded(*[[judged(1, 0.9), judged(2, 0.5)]] * 3)
"""After three rounds submission 1 is king."""


def test_a_vacant_throne_keeps_its_reason_until_somebody_takes_it() -> None:
    """Rounds in which nobody reaches the floor change nothing."""
    vacant = folded([], gone={named(1): "banned"}, state=KING)
    later = folded([judged(3, 0.1)], [], state=vacant)
    assert (small(later).king, small(later).throne, small(later).trial_rounds) == (
        None,
        "vacant: h1@1 is gone in round 4: banned",
        0,
    )
    assert small(folded(*[[judged(2, 0.5)]] * 3, state=later)).king == named(2)


def test_an_absent_king_falls_after_some_rounds_in_a_row_in_which_others_were_scored() -> None:
    """Outages for all do not count, and one round of its own starts the count anew."""
    others, nobody, both = [absent(1), judged(2, 0.5)], [absent(1), absent(2)], [judged(1, 0.9), judged(2, 0.5)]
    assert small(folded(others, nobody, others, nobody, state=KING)).king == named(1)
    assert small(folded(others, others, both, others, others, state=KING)).king == named(1)
    after = folded(others, nobody, others, state=KING)
    assert small(after).king_absent == 2
    fallen = folded(others, state=after)
    assert (small(fallen).king, small(fallen).king_absent, small(fallen).record(named(1))) == (
        None,
        0,
        small(KING).record(named(1)),
    )
    assert small(fallen).throne == "vacant: h1@1 was not scored in 3 rounds in which others were, to round 7"


def again(number: int, block: int, score: float) -> Judged:
    """What the hotkey of submission `number` committed in a later block."""
    hotkey = Hotkey(f"h{number}")
    return judged(number, score, entrant=entrant(hotkey, Block(block)), hotkey=hotkey, commit_block=Block(block))


def test_a_king_that_commits_again_reigns_until_the_new_model_beats_it() -> None:
    """By a duel, as anybody would; the lead is its hotkey's."""
    old, new = judged(1, 0.6), again(1, 1500, 0.8)
    state = folded(*[[old]] * 3, [old, new], [old, new])
    assert small(state).king == named(1)
    state = folded(*[[old, new]] * 6, state=state)
    assert small(state).king == "h1@1500"
    assert [(credit.entrant, credit.over) for credit in small(state).leads] == [("h1@1", None), ("h1@1500", named(1))]
    left = folded([new], gone={named(1): SUPERSEDED}, state=state)
    assert (small(left).king, [credit.since for credit in small(left).leads]) == ("h1@1500", [None, None])


@pytest.mark.parametrize(
    ("score", "king", "owed"),
    [
        pytest.param(0.605, "h1@1500", 0, id="a little better"),
        pytest.param(0.6, "h1@1500", 0, id="as good"),
        pytest.param(0.3, None, 0, id="clearly worse"),
    ],
)
def test_a_king_whose_time_beside_its_newer_model_is_over_hands_the_top_on(score: float, king: str | None, owed: int) -> None:
    """To that model, unless it is clearly worse; a near-copy that waits gets nothing."""
    old, new, copy = judged(1, 0.6), again(1, 1500, score), judged(2, 0.6)
    state = folded(*[[old, copy]] * 3, *[[old, new, copy]] * 3)
    assert small(state).king == named(1)
    state = folded([new, copy], gone={named(1): SUPERSEDED}, state=state)
    assert (small(state).king, small(state).owed) == (king, owed)


def test_what_a_new_model_lacks_of_the_old_one_is_no_lead_for_who_beats_it() -> None:
    """Else a king could be made worse on purpose, so that another hotkey is paid for beating it."""
    wild = (0.2, 1.0, 0.2, 1.0)
    old = judged(1, *wild)
    new = judged(1, 0.1, 1.0, 0.2, 1.0, entrant=Entrant("h1@1500"), commit_block=Block(1500))
    state = folded(*[[old]] * 3, [old, new], state=None)
    state = folded([new], gone={named(1): SUPERSEDED}, state=state)
    assert (small(state).king, small(state).owed) == ("h1@1500", 25_000)
    better = judged(2, 0.25, 1.0, 0.35, 1.0)
    state = folded(*[[new, better]] * 15, state=state)
    assert (small(state).king, [credit.owed for credit in small(state).leads if credit.over]) == (named(2), [25_000])
    assert small(state).owed == 0


def test_a_new_scale_starts_records_anew_and_keeps_king_and_leads() -> None:
    """Duels end without a result, and what was measured on one scale is not measured on by another."""
    one = {"scale": "one"}
    state = folded(*[[judged(1, 0.6, **one), judged(2, 0.6, **one)]] * 3, [judged(1, 0.6, **one), judged(2, 0.65, **one)])
    assert (small(state).king, [each.entrant for each in small(state).challengers]) == (named(1), [named(2)])
    after = folded([judged(1, 0.9, scale="two"), judged(2, 0.9, scale="two"), judged(3, 0.1, scale="three")], state=state)
    assert (small(after).king, small(after).scale) == (named(1), "two")
    assert [(duel.entrant, duel.outcome) for duel in small(after).ended] == [(named(2), DuelOutcome.NEW_SCALE)]
    assert [(each.entrant, each.rounds) for each in small(after).challengers] == [(named(2), 1)]
    assert {record.entrant: record.groups for record in small(after).records} == {named(1): 4, named(2): 4}
    assert [(credit.groups, credit.open) for credit in small(after).leads] == [(16, False)]


def test_a_king_without_a_score_on_the_new_scale_stays_a_while() -> None:
    """It is absent, no more; who leaves then leaves no level behind."""
    state = folded(*[[judged(1, 0.6, scale="one"), judged(2, 0.6, scale="one")]] * 3)
    after = folded([judged(2, 0.9, scale="two")], state=state)
    assert (small(after).king, small(after).king_absent, named(1) in after.known) == (named(1), 1, True)
    vacant = folded([judged(2, 0.9, scale="two")], gone={named(1): "deregistered"}, state=after)
    assert (small(vacant).king, small(vacant).level) == (None, None)
    seated = folded(*[[judged(2, 0.9, scale="two")]] * 2, state=vacant)
    assert (small(seated).king, small(seated).level, small(seated).owed, small(seated).leads) == (named(2), 0, 0, ())


def test_a_scale_ends_when_nobody_is_scored_on_it_any_more() -> None:
    """While workers are upgraded one after the other, who was judged by the new ones is absent."""
    state = folded(*[[judged(1, 0.6, scale="one"), judged(2, 0.6, scale="one")]] * 3)
    mixed = folded([judged(1, 0.6, scale="one"), judged(2, 0.9, scale="two"), judged(3, 0.9, scale="two")], state=state)
    assert (small(mixed).scale, {record.entrant: record.groups for record in small(mixed).records}) == (
        "one",
        {named(1): 16, named(2): 12},
    )
    after = folded([judged(1, 0.6, scale="two")], state=mixed)
    assert (small(after).scale, {record.entrant: record.groups for record in small(after).records}) == ("two", {named(1): 4})
