"""The fold: what is known of each submission, who duels, and what a round of ours never costs a miner."""

import hashlib
import json
import math
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.competition import BetUnit, DuelRules
from scoring.ranking import state as ledger
from scoring.ranking.duel import Duel, DuelOutcome
from scoring.ranking.fold import Judged, LedgerVerdict, RoundResult, fold
from scoring.ranking.state import Rejection, State
from scoring.types import Block, Entrant, Hotkey, Micro, RoundNumber, TensorsHash
from tests.builders.ranking import a_judged, at_once, named, small
from tests.builders.rules import a_competition, a_track

DUEL = DuelRules(
    alpha=0.05,
    half_life=30,
    step=BetUnit.GROUP,
    clip=0.5,
    seniority=0.5,
    margin_start=0.02,
    margin_end=0.005,
    margin_decay_blocks=36_000,
    ceiling=1.0,
    bets=(0.16, 0.4),
    bet_shares=(0.75, 0.25),
    prior_sd=0.1,
    prior_count=16,
    futility=0.05,
    max_rounds=24,
    absent_rounds=6,
)
COMPETITION = at_once(a_competition(a_track(duel=DUEL)))


def judged(number: int, score: float = 0.5, *, groups: int = 32, **overrides: object) -> Judged:
    """Submission `number`, scored the same in every group."""
    return a_judged(number, [score] * groups, **overrides)


def absent(number: int) -> Judged:
    """Submission `number`, which an outage of ours kept from being judged."""
    return judged(number, groups=0, verdict=LedgerVerdict.ABSENT)


def refused(number: int, reason: str = "no such repository") -> Judged:
    """Submission `number`, refused for good."""
    return judged(number, groups=0, verdict=LedgerVerdict.REJECTED, reason=reason)


def a_round(number: int, *items: Judged, gone: Mapping[Entrant, str] | None = None) -> RoundResult:
    """Round `number`, which began at block 360 · number."""
    return RoundResult(RoundNumber(number), Block(360 * number), items, gone or {})


def folded(*results: RoundResult, state: State | None = None) -> State:
    """The state after some rounds, from nothing unless told otherwise."""
    state = state or State()
    for result in results:
        state = fold(state, result, COMPETITION)
    return state


def challenge(start: int, end: int, *items: Judged) -> State:
    """King 1 (.5) since round 1, then the same outcomes in each of the rounds `start` … `end`."""
    return folded(a_round(1, judged(1, 0.5)), *(a_round(n, judged(1, 0.5), *items) for n in range(start, end + 1)))


def the_duel(state: State) -> Duel:
    """The open one."""
    duel = small(state).duel
    assert duel is not None
    return duel


def challengers(state: State) -> dict[Entrant, int]:
    """What each promises."""
    return {each.entrant: each.promise for each in small(state).challengers}


def test_a_challengers_first_round_only_qualifies_it() -> None:
    """However good it is: its duel opens, with margin and threshold frozen, and the next round is the first evidence."""
    state = challenge(2, 2, judged(2, 0.9))
    duel = the_duel(state)
    assert (small(state).king, duel.opened, duel.rounds, duel.wealth) == (named(1), 2, 0, 1.0)
    assert (duel.threshold, duel.margin, small(state).challengers_met) == (620.0, 19_850, 1)


def test_who_is_clearly_worse_opens_no_duel_and_raises_nobodys_threshold() -> None:
    """Junk hotkeys are met by no king."""
    state = challenge(2, 4, *(judged(n, 0.4) for n in range(2, 20)))
    assert (small(state).duel, small(state).challengers, small(state).challengers_met) == (None, (), 0)


def test_who_was_worse_in_one_round_may_qualify_in_another() -> None:
    """A bad day is not the end."""
    state = challenge(2, 2, judged(2, 0.4))
    state = folded(a_round(3, judged(1, 0.5), judged(2, 0.51)), state=state)
    assert challengers(state) == {named(2): 32 * -9_700}
    state = folded(a_round(4, judged(1, 0.5), judged(2, 0.6)), state=state)
    assert (the_duel(state).challenger, the_duel(state).opened) == (named(2), 4)


def test_a_better_challenger_is_crowned_by_evidence_and_challengers_start_anew() -> None:
    """A steady lead of 0.2 over one round's 32 groups is enough against threshold 620; what others promised is forgotten with the king."""
    state = challenge(2, 3, judged(2, 0.7), judged(3, 0.5))
    found = small(state)
    assert (found.king, found.king_since, found.duel, found.challengers, found.challengers_met) == (named(2), 1080, None, (), 0)
    assert [(duel.entrant, duel.outcome) for duel in found.ended] == [(named(2), DuelOutcome.CROWNED)]
    assert found.throne.startswith("king since block 1080: evidence ")


def test_one_duel_is_open_at_a_time() -> None:
    """The other one waits, however good it is, and challenges the next king."""
    state = challenge(2, 2, judged(2, 0.7), judged(3, 0.7))
    assert (the_duel(state).challenger, set(challengers(state))) == (named(2), {named(2), named(3)})
    state = folded(a_round(3, judged(1, 0.5), judged(2, 0.7), judged(3, 0.9)), state=state)
    assert small(state).king == named(2)
    state = folded(a_round(4, judged(1, 0.5), judged(2, 0.7), judged(3, 0.9)), state=state)
    assert the_duel(state).challenger == named(3)


@pytest.mark.parametrize(
    ("later", "next_one"),
    [pytest.param(0.6, 2, id="about as promising"), pytest.param(0.7, 3, id="more than twice as promising")],
)
def test_the_next_duel_is_of_the_earliest_that_promises_about_as_much(later: float, next_one: int) -> None:
    """Else whoever holds many of the same would have it most often."""
    state = challenge(2, 2, judged(2, 0.56), judged(3, later))
    assert (the_duel(state).challenger, small(state).challengers_met) == (named(next_one), 1)


def test_who_promises_nothing_has_no_duel() -> None:
    """An equal of the king is met by nobody: it raises no threshold, however many of them there are."""
    state = challenge(2, 20, *(judged(n, 0.5) for n in range(2, 20)))
    assert (small(state).duel, small(state).challengers_met, len(small(state).challengers)) == (None, 0, 18)
    assert max(challengers(state).values()) < 0


def test_who_lost_a_duel_has_another_once_it_promises_something_again() -> None:
    """It lost by bad luck: what it promised then counts no more, and the next duel needs more evidence."""
    state = challenge(2, 2, judged(2, 0.6))
    state = folded(a_round(3, judged(1, 0.5), judged(2, 0.4)), state=state)
    assert [(duel.entrant, duel.outcome) for duel in small(state).ended] == [(named(2), DuelOutcome.FUTILE)]
    (lost,) = small(state).challengers
    assert (small(state).duel, lost.lost, lost.rounds, lost.promise < 0) == (None, 1, 2, True)
    state = folded(a_round(4, judged(1, 0.5), judged(2, 0.8)), state=state)
    assert (the_duel(state).challenger, the_duel(state).threshold > 620, small(state).challengers_met) == (named(2), True, 2)


def test_a_challenger_that_is_absent_too_long_makes_room() -> None:
    """Six rounds in a row; it may be the one whose worker fails, and the others wait for it."""
    others = [judged(1, 0.5), judged(3, 0.6)]
    state = challenge(2, 2, judged(2, 0.6), judged(3, 0.6))
    for number in range(3, 8):
        state = folded(a_round(number, *others, absent(2)), state=state)
        assert (the_duel(state).challenger, the_duel(state).absent) == (named(2), number - 2)
    state = folded(a_round(8, *others, absent(2)), state=state)
    assert [(duel.entrant, duel.outcome) for duel in small(state).ended] == [(named(2), DuelOutcome.CHALLENGER_ABSENT)]
    assert the_duel(state).challenger == named(3)


def test_a_duel_that_decides_nothing_ends_after_its_rounds() -> None:
    """A challenger that is better by just the margin: 24 rounds, then it is over."""
    rules = at_once(a_competition(a_track(duel=DUEL.model_copy(update={"margin_decay_blocks": 1}))))
    state = fold(State(), a_round(1, judged(1, 0.5)), rules)
    for number in range(2, 27):
        state = fold(state, a_round(number, judged(1, 0.5), judged(2, 0.505 + 0.001 * (number == 2))), rules)
    assert [(duel.outcome, duel.rounds) for duel in small(state).ended] == [(DuelOutcome.MAX_ROUNDS, 24)]


def test_a_new_king_meets_old_losers_again() -> None:
    """What was lost against one king says nothing about the next."""
    state = challenge(2, 2, judged(2, 0.6))
    state = folded(a_round(3, judged(1, 0.5), judged(2, 0.4)), state=state)
    assert [each.lost for each in small(state).challengers] == [1]
    state = folded(*(a_round(n, judged(1, 0.5), judged(3, 0.8), judged(2, 0.4)) for n in (20, 21)), state=state)
    assert (small(state).king, small(state).challengers, small(state).challengers_met) == (named(3), (), 0)


def test_a_round_missing_for_our_reasons_is_absent_only_there() -> None:
    """An outage adds no zero to anyone's record and no step to any duel."""
    before = challenge(2, 3, judged(2, 0.55))
    for items, times in (((judged(1, 0.5), absent(2)), 1), ((absent(1), judged(2, 0.9)), 0)):
        after = folded(a_round(4, *items), state=before)
        assert the_duel(after) == replace(the_duel(before), absent=times)
        assert small(after).challengers == small(before).challengers
    after = folded(a_round(4, judged(1, 0.5), absent(2)), state=before)
    assert small(after).record(named(2)) == small(before).record(named(2))


def test_only_groups_of_both_are_evidence() -> None:
    """A challenger that lacks half of the groups is compared on the other half."""
    before = challenge(2, 2, judged(2, 0.55))
    half = judged(2, 0.55, groups=16)
    duel = the_duel(folded(a_round(3, judged(1, 0.5), half), state=before))
    assert (duel.rounds, duel.groups) == (1, 16)


def test_a_refused_challengers_duel_is_over_and_its_reason_is_kept() -> None:
    """The state says why it has no record, as long as it stands."""
    state = folded(a_round(3, judged(1, 0.5), refused(2)), state=challenge(2, 2, judged(2, 0.6)))
    assert [(duel.entrant, duel.outcome) for duel in small(state).ended] == [(named(2), DuelOutcome.CHALLENGER_GONE)]
    assert (small(state).duel, small(state).challengers) == (None, ())
    assert (small(state).record(named(2)), small(state).rejections) == (
        None,
        (Rejection(named(2), Hotkey("h2"), "no such repository"),),
    )
    assert small(folded(a_round(4, judged(1), gone={named(2): "superseded"}), state=state)).rejections == ()


def test_who_is_gone_leaves_nothing_behind() -> None:
    """The state is as large as the field that stands: not a record, a challenger, a duel or a refusal of others."""
    state = challenge(2, 3, judged(2, 0.5), judged(3, 0.55), refused(4))
    gone = dict.fromkeys((named(2), named(3), named(4)), "deregistered")
    after = folded(a_round(31, judged(1), gone=gone), state=state)
    assert after.known == {named(1)}
    assert (small(after).duel, small(after).challengers, small(after).rejections) == (None, (), ())


def test_a_record_adds_up_and_keeps_the_last_speed() -> None:
    """Two rounds of 32 groups; speed is what it was last."""
    state = folded(a_round(1, judged(1, 0.5, speed=200)), a_round(2, judged(1, 0.7, speed=150)))
    record = small(state).record(named(1))
    assert record is not None
    assert (record.groups, record.speed) == (64, 150)
    assert record.mean == pytest.approx(0.6)
    assert record.stderr == pytest.approx((0.01 / 63) ** 0.5)


def test_rounds_fold_once_and_in_order() -> None:
    """A round that is not later than the state's is refused."""
    state = folded(a_round(2, judged(1)))
    for number in (1, 2):
        with pytest.raises(ValueError, match="cannot be folded"):
            fold(state, a_round(number, judged(1)), COMPETITION)


def test_a_submission_is_judged_once_a_round() -> None:
    """Two outcomes for one submission are no round."""
    with pytest.raises(ValueError, match="twice"):
        folded(a_round(1, judged(1), judged(1)))


def test_of_equal_tensors_only_the_earliest_commit_stays() -> None:
    """A copy with another config that was judged first makes room when its original is judged, and is said to be one."""
    twin: dict[str, Any] = {"tensors": TensorsHash("aa")}
    first = folded(a_round(1, judged(7, 0.7, **twin), judged(9, 0.5)))
    after = folded(a_round(2, judged(3, 0.7, **twin), judged(7, 0.7, **twin), judged(9, 0.5)), state=first)
    assert small(first).king == named(7)
    assert (small(after).king, [record.entrant for record in small(after).records]) == (named(3), [named(3), named(9)])
    assert [(copy.entrant, copy.original) for copy in small(after).rejections] == [(named(7), named(3))]


def any_rounds(draw: random.Random) -> list[RoundResult]:
    """Up to eight rounds of up to eight submissions over up to six groups: some missing, some of the same weights, some that left."""
    return [any_round(draw, number) for number in range(draw.randint(1, 8))]


def any_round(draw: random.Random, number: int) -> RoundResult:
    """Submissions that are alike within a tenth, in whatever order."""
    items = []
    for who in draw.sample(range(1, 9), draw.randint(0, 8)):
        verdict = draw.choice([LedgerVerdict.SCORED] * 6 + [LedgerVerdict.ABSENT, LedgerVerdict.REJECTED])
        names = draw.sample("abcdef", draw.choice([6, 6, 6, 0, 3])) if verdict is LedgerVerdict.SCORED else []
        scores = {name: Micro(draw.randint(150_000, 250_000) + 50_000 * (who == number)) for name in names}
        tensors = draw.choice([None, None, TensorsHash("aa")])
        items.append(replace(judged(who, verdict=verdict, tensors=tensors, speed=draw.randint(0, 300)), groups=scores))
    return a_round(number, *items, gone={named(who): "left" for who in draw.sample(range(1, 9), draw.choice([0, 0, 1, 2]))})


@given(st.integers(0, 2**32))
def test_the_order_of_outcomes_does_not_matter(seed: int) -> None:
    """Folding is a function of the set of outcomes, of each one's set of groups, and of the state as it is stored."""
    draw = random.Random(seed)
    one = two = State()
    for result in any_rounds(draw):
        one = folded(result, state=one)
        other = [replace(item, groups=dict(draw.sample(sorted(item.groups.items()), len(item.groups)))) for item in result.judged]
        draw.shuffle(other)
        stored = State.from_json(json.loads(json.dumps(two.to_json())))
        two = folded(replace(result, judged=other, gone=dict(sorted(result.gone.items(), reverse=True))), state=stored)
        assert one == two


@given(st.integers(0, 2**32))
def test_what_a_state_says_fits_together(seed: int) -> None:
    """King and challengers have records, the duel is a challenger's, nobody who is gone is known, and wealth is a number."""
    ledger = State()
    for result in any_rounds(random.Random(seed)):
        ledger = folded(result, state=ledger)
        state = small(ledger)
        records = {record.entrant for record in state.records}
        waiting = [each.entrant for each in state.challengers]
        assert state.king is None or state.king in records
        assert len(set(waiting)) == len(waiting)
        assert set(waiting) <= records - {state.king}
        assert sum(each.lost for each in state.challengers) + (state.duel is not None) <= state.challengers_met
        if state.duel is not None:
            assert (state.duel.challenger in waiting, state.duel.king) == (True, state.king)
            assert math.isfinite(state.duel.wealth) and state.duel.wealth > 0
        assert not ledger.known & result.gone.keys()
        assert (state.king is None) is state.throne.startswith("vacant: ")


def test_the_same_rounds_give_the_same_bits_everywhere() -> None:
    """Ten rounds of ten submissions whose scores come from a hash: the ledger's last hash, on whatever machine."""
    head = ""
    state = State()
    for number in range(1, 11):
        items = []
        for who in range(1, 11):
            draw = hashlib.sha256(f"{number} {who}".encode()).digest()
            scores = {f"g{index:02}": Micro(400_000 + who * 9_000 + 900 * byte) for index, byte in enumerate(draw)}
            items.append(replace(judged(who, speed=100 + who), groups=scores))
        state = folded(a_round(number, *items), state=state)
        head = ledger.chain_hash(head, state)
    assert small(state).duel is not None and len(small(state).challengers) > 2
    assert head == "dfd017fbb2179dde94b935e108212473a43afd95a3e17fb3abc0ce34c797891b"
