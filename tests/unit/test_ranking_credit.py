"""What a lead that took the top is worth: its lower bound, what is left of it, and that no way of splitting it makes it more."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.competition import Competition
from scoring.ranking.credit import SURE, Credit, settled
from scoring.ranking.fold import RoundResult, fold
from scoring.ranking.selection import lower_bound
from scoring.ranking.state import BANNED, SUPERSEDED, Rejection, State
from scoring.types import MICRO, Block, Entrant, Hotkey, Micro, RoundNumber
from tests.builders.ranking import a_credit, a_judged, a_record, at_once, named, small, with_small
from tests.builders.rules import a_competition, a_track

PAY = a_track().pay
HALF = PAY.half_life_blocks


def test_the_lower_bound_is_the_mean_less_its_error() -> None:
    """Two groups of .4 and .6: mean .5, standard error .1."""
    record = a_record(1, groups=2, total=1_000_000, squares=400_000**2 + 600_000**2)
    assert lower_bound(record) == pytest.approx(0.5 - 1.645 * 0.1)


@pytest.mark.parametrize(
    ("differences", "owed", "lead"),
    [
        pytest.param([], 0, 0, id="nothing measured"),
        pytest.param([50_000], 0, 0, id="one group: no error is known"),
        pytest.param([50_000] * 9, 0, 50_000, id="the same in each"),
        pytest.param([40_000, 60_000], 0, 50_000 - SURE * 10_000, id="mean .05, standard error .01"),
        pytest.param([-10_000, 60_000], 0, 0, id="not clear: never below 0"),
        pytest.param([50_000] * 9, 20_000, 30_000, id="less what is owed"),
        pytest.param([50_000] * 9, 60_000, 0, id="all of it is owed"),
    ],
)
def test_a_lead_by_hand(differences: Sequence[int], owed: int, lead: float) -> None:
    """Its lower bound, rounded down."""
    credit = Credit(entrant=named(2), over=named(1), owed=Micro(owed)).with_groups(differences)
    assert credit.lead == int(lead)


@given(st.lists(st.integers(-1_000_000, 1_000_000), max_size=30), st.integers(0, 30))
def test_a_lead_measured_bit_by_bit_is_the_same(differences: list[int], cut: int) -> None:
    """Sums forget how they came."""
    whole = a_credit(2, over=1).with_groups(differences)
    assert a_credit(2, over=1).with_groups(differences[:cut]).with_groups(differences[cut:]) == whole


@pytest.mark.parametrize(
    ("blocks", "left"),
    [
        pytest.param(0, 1_000_000, id="at once all"),
        pytest.param(HALF // 2, 750_000, id="half way to the half"),
        pytest.param(HALF, 500_000, id="a half-life"),
        pytest.param(HALF * 3 // 2, 375_000, id="half way to the quarter"),
        pytest.param(HALF * 2, 250_000, id="two"),
        pytest.param(HALF * 20, 0, id="in the end nothing"),
        pytest.param(-5, 1_000_000, id="never more than all"),
    ],
)
def test_credit_halves_in_each_half_life(blocks: int, left: int) -> None:
    """From the block on at which its hotkey lost the top."""
    assert a_credit(2, since=Block(1000)).left_at(Block(1000 + blocks), HALF) == left


def test_a_kings_credit_rests_and_a_former_kings_decays() -> None:
    """It goes on from what was left when its hotkey takes the top again; one that is spent is dropped."""
    start, later, end = Block(1000), Block(1000 + HALF), Block(1000 + 2 * HALF)
    (reigning,) = settled([a_credit(2)], named(2), start, PAY)
    assert (reigning.since, reigning.worth) == (None, 50_000)
    (fallen,) = settled([reigning], named(3), start, PAY)
    assert (fallen.since, fallen.worth) == (start, 50_000)
    (half,) = settled([fallen], named(3), later, PAY)
    assert half.worth == 25_000
    (back,) = settled([half], named(2), later, PAY)
    assert (back.since, back.left, back.worth) == (None, 500_000, 25_000)
    (same,) = settled([back], named(2), end, PAY)
    assert same == back
    assert settled([fallen], named(3), Block(HALF * 99), PAY) == ()


def test_it_is_a_hotkeys_whatever_it_commits_next() -> None:
    """The hotkey of submission 2 reigns by another one."""
    (credit,) = settled([a_credit(2, since=Block(0))], Entrant("h2@77"), Block(0), PAY)
    assert credit.since is None


def rules(base: float) -> Competition:
    """One round fills the throne; the first lead counts from `base`, and 64 groups measure a lead."""
    return at_once(a_competition(a_track(pay={"base": base, "measured_groups": 64})))


COMPETITION = rules(0.2)


def folded(rounds: int, scores: dict[int, float], state: State | None = None, **gone: str) -> State:
    """The state after so many rounds of 32 groups in which submissions score that; those in `gone` (h2=…) left before the first."""
    state = state or State()
    left = {named(int(name[1:])): why for name, why in gone.items()}
    for _ in range(rounds):
        number = RoundNumber(1 if state.round is None else state.round + 1)
        judged = [a_judged(n, [score] * 32) for n, score in scores.items()]
        state = fold(state, RoundResult(number, Block(360 * number), judged, left), COMPETITION)
        left = {}
    return state


def leads(state: State) -> dict[str, int]:
    """Lead by submission."""
    return {credit.entrant: credit.lead for credit in small(state).leads}


def test_the_first_kings_lead_counts_from_the_base() -> None:
    """What anybody reaches with a public model is worth nothing; below it, what is lacking is owed."""
    assert leads(folded(1, {1: 0.5})) == {"h1@1": 300_000}
    low = folded(1, {1: 0.2})
    assert (leads(low), small(low).owed) == ({"h1@1": 0}, 0)
    below = fold(State(), RoundResult(RoundNumber(1), Block(0), [a_judged(1, [0.5] * 32)]), rules(0.6))
    assert (leads(below), small(below).owed) == ({"h1@1": 0}, 100_000)


def test_leads_add_up_the_same_however_they_are_split() -> None:
    """From .5 to .8 in one step or in three, by one hotkey or by several: .3 in all."""
    at_once_ = folded(9, {1: 0.5, 4: 0.8}, folded(2, {1: 0.5}))
    by_steps = folded(2, {1: 0.5})
    for number, score in ((2, 0.6), (3, 0.7), (4, 0.8)):
        by_steps = folded(9, {1: 0.5, number: score} | {n: 0.4 + n / 10 for n in range(2, number)}, by_steps)
    assert (small(at_once_).king, small(by_steps).king) == (named(4), named(4))
    assert sum(leads(at_once_).values()) == sum(leads(by_steps).values()) == 600_000


def test_a_lead_is_measured_on_until_there_are_groups_enough() -> None:
    """The duel's groups count; then the next rounds in which both are scored, up to the rules' number."""
    state = folded(9, {1: 0.5, 2: 0.7}, folded(2, {1: 0.5}))
    (first, second) = small(state).leads
    assert (small(state).king, second.over, first.open, second.open, second.groups) == (named(2), named(1), False, False, 64)
    assert state.kept == {named(2)}


def test_a_lead_that_turns_out_to_be_none_is_worth_nothing() -> None:
    """Chance crowned it, and the rounds after say so."""
    state = folded(1, {1: 0.5})
    lucky = with_small(state, king=named(2), leads=(a_credit(2, over=1, lead=0.01, groups=32, total=320_000, open=True),))
    after = folded(1, {1: 0.52, 2: 0.5}, lucky)
    (credit,) = small(after).leads
    assert (credit.lead, credit.worth, credit.open) == (0, 0, False)


@pytest.mark.parametrize(
    ("why", "kept"),
    [
        pytest.param(SUPERSEDED, True, id="its hotkey committed again"),
        pytest.param(BANNED, False, id="banned"),
        pytest.param("set aside by an operator", False, id="quarantined"),
        pytest.param("deregistered", False, id="deregistered"),
    ],
)
def test_credit_stays_with_a_newer_commit_only(why: str, kept: bool) -> None:
    """Who left for any other reason has none."""
    state = folded(9, {1: 0.5, 2: 0.7}, folded(2, {1: 0.5}))
    after = folded(1, {2: 0.7}, state, h1=why)
    assert ("h1@1" in leads(after)) is kept


def test_a_ban_ends_what_an_older_submission_of_the_hotkey_earned() -> None:
    """Its newest one is banned; the older one left long ago."""
    state = with_small(folded(2, {1: 0.5}), leads=(a_credit(1), a_credit(7, entrant=Entrant("h9@7"))))
    records = (*small(state).records, a_record(9))
    after = folded(1, {1: 0.5}, with_small(state, records=records), h9=BANNED)
    assert list(leads(after)) == ["h1@1"]


def test_a_copy_that_is_found_out_loses_its_credit() -> None:
    """A rejection is for good."""
    state = with_small(folded(2, {1: 0.5}), rejections=(Rejection(named(7), Hotkey("h7"), "a copy"),), leads=(a_credit(7),))
    assert "h7@7" not in leads(folded(1, {1: 0.5}, state))


@given(st.integers(0, 2**32), st.sampled_from([0.02, 0.1]))
def test_a_lead_is_seldom_more_than_it_is(seed: int, sd: float) -> None:
    """The lower bound of 64 groups around 0: hardly ever above a third of an sd."""
    drawn = np.rint(np.random.default_rng(seed).normal(0.0, sd, 64) * MICRO).astype(np.int64)
    assert a_credit(2, over=1, groups=0, total=0, squares=0).with_groups(drawn).lead < sd * MICRO / 3
