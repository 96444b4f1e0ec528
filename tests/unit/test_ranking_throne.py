"""Who holds the top when no duel decides it."""

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.competition import load
from scoring.ranking.duel import DuelOutcome
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult, fold
from scoring.ranking.state import State
from scoring.types import Block, Entrant, RoundNumber
from tests.builders.ranking import a_judged, named

RULES = load().at(RoundNumber(0))
COMPETITION = RULES.model_copy(
    update={
        "duel": RULES.duel.model_copy(update={"absent_rounds": 3}),
        "shares": RULES.shares.model_copy(update={"tail_floor": 0.2, "tie_speed": 0.25}),
    }
)


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
    """Who is crowned in the first round of all."""
    return folded(items).king


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([judged(1, 0.4), judged(2, 0.7), judged(3, 0.6)], 2, id="the clearly best"),
        pytest.param([judged(5, 0.7), judged(4, 0.7)], 4, id="an exact copy loses to the earlier commit"),
        pytest.param(
            [judged(1, 0.5, 0.7, 0.6, 0.7), judged(2, 0.6, 0.6, 0.7, 0.7)], 1, id="better by .025 ± .048 is not clearly better"
        ),
        pytest.param([judged(1, 0.5, 0.6, 0.5, 0.6), judged(2, 0.6, 0.7, 0.6, 0.7)], 2, id="better by .1 in each group is"),
        pytest.param([judged(1, 0.7, speed=200), judged(2, 0.7, speed=100)], 2, id="of equals the faster"),
        pytest.param([judged(1, 0.7, speed=120), judged(2, 0.7, speed=100)], 1, id="of equals as fast the earlier"),
        pytest.param([judged(1, 0.19), judged(2, 0.2)], 2, id="at the floor"),
        pytest.param([judged(1, 0.19), judged(2, 0.1)], None, id="nobody at the floor"),
        pytest.param([judged(1, 0.0)], None, id="nobody is crowned for nothing"),
        pytest.param([], None, id="nobody at all"),
        pytest.param([judged(1, 0.9, verdict=LedgerVerdict.REJECTED), judged(2, 0.5)], 2, id="a refused one is none"),
    ],
)
def test_an_empty_throne_by_hand(items: list[Judged], expected: int | None) -> None:
    """The best of the round, unless others are not clearly worse: then the faster, then the earlier."""
    assert king(*items) == (None if expected is None else named(expected))


def test_a_king_says_since_when_and_why() -> None:
    """For whoever asks."""
    assert folded([judged(1, 0.4), judged(2, 0.7)]).throne == (
        "king since block 360: it scored 0.7000 when the throne was empty, clearly more than all others"
    )
    assert "of 2 that were not clearly worse than the best" in folded([judged(1, 0.7), judged(2, 0.7)]).throne


@given(st.lists(st.integers(-60_000, 60_000), min_size=8, max_size=8), st.integers(1, 3))
def test_a_copy_with_noise_does_not_take_an_empty_throne_by_luck(noise: list[int], copies: int) -> None:
    """Whatever the noise: only one that scored clearly more on the same groups does."""
    base = [500_000, 700_000, 400_000, 600_000, 550_000, 650_000, 450_000, 620_000]
    original = judged(1, *(score / 1e6 for score in base))
    others = [judged(2 + n, *((b + (e if n % 2 else -e)) / 1e6 for b, e in zip(base, noise, strict=True))) for n in range(copies)]
    total, squares = abs(sum(noise)), sum(e * e for e in noise)
    clearly = total > 1.645 * (max(0, squares * 8 - total * total) / 7) ** 0.5
    assert clearly or king(original, *others) == named(1)


def test_only_who_was_scored_in_this_round_is_crowned() -> None:
    """What somebody scored long ago is not compared with what others score today."""
    start = folded([judged(1, 0.9), judged(2, 0.8), judged(3, 0.6)])
    after = folded([judged(3, 0.6), absent(2)], gone={named(1): "no longer registered"}, state=start)
    assert after.king == named(3)


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
    """Its challengers' duels are over, and the best of the round that it left in is king."""
    start = folded([judged(1, 0.5), judged(2, 0.5)], [judged(1, 0.5), judged(2, 0.5)])
    assert [duel.challenger for duel in start.duels] == [named(2)]
    after = folded(items, gone=gone, state=start)
    assert (after.king, after.king_since, after.duels) == (named(2), 1080, ())
    assert [(duel.entrant, duel.outcome) for duel in after.ended] == [(named(2), DuelOutcome.KING_GONE)]
    vacant = folded([item for item in items if item.entrant == named(1)], gone=gone, state=start)
    assert (vacant.king, vacant.throne) == (None, f"vacant: h1@1 is gone in round 3: {why}")


def test_a_vacant_throne_keeps_its_reason_until_somebody_takes_it() -> None:
    """Rounds in which nobody reaches the floor change nothing."""
    start = folded([judged(1, 0.5), judged(2, 0.5)])
    vacant = folded([], gone={named(1): "banned"}, state=start)
    later = folded([judged(3, 0.1)], [], state=vacant)
    assert (later.king, later.throne) == (None, "vacant: h1@1 is gone in round 2: banned")
    assert folded([judged(2, 0.5)], state=later).king == named(2)


def test_an_absent_king_falls_after_some_rounds_in_a_row_in_which_others_were_scored() -> None:
    """Outages for all do not count, and one round of its own starts the count anew."""
    start = folded([judged(1, 0.9), judged(2, 0.5)])
    others, nobody, both = [absent(1), judged(2, 0.5)], [absent(1), absent(2)], [judged(1, 0.9), judged(2, 0.5)]
    assert folded(others, nobody, others, nobody, state=start).king == named(1)
    assert folded(others, others, both, others, others, state=start).king == named(1)
    after = folded(others, nobody, others, state=start)
    assert after.king_absent == 2
    fallen = folded(others, state=after)
    assert (fallen.king, fallen.king_absent, fallen.record(named(1))) == (named(2), 0, start.record(named(1)))


def test_a_king_that_nobody_asked_for_is_absent_too() -> None:
    """Not to be judged and not to be in the round is the same."""
    start = folded([judged(1, 0.9), judged(2, 0.5)])
    assert folded(*[[judged(2, 0.1)]] * 3, state=start).throne == (
        "vacant: h1@1 was not scored in 3 rounds in which others were, to round 4"
    )
