"""What an epoch pays, by hand and by property."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurons.devchain.epoch import EpochResult, Voter, emission, ends, median, run
from neurons.devchain.genesis import RAO

KAPPA = 32_767

stakes = st.integers(10, 10**15)
rows = st.dictionaries(st.integers(0, 5), st.integers(0, 65_535), max_size=6)
voters = st.lists(st.builds(Voter, st.just(0), stakes, rows), max_size=6).map(
    lambda found: [Voter(uid, voter.stake, voter.weights) for uid, voter in enumerate(found)]
)


def test_clips_what_the_majority_does_not_share() -> None:
    """Three validators (40, 30, 30 of the stake); the first alone favours uid 4, and is clipped to what the others give.

    Rows: v0 = (3: 0.2, 4: 0.8), v1 = v2 = (3: 0.8, 4: 0.2). Uid 3: 0.8 is reached by 60 % of the stake → consensus 0.8.
    Uid 4: 0.8 by 40 %, 0.2 by all → consensus 0.2, so v0's 0.8 becomes 0.2. Ranks: uid 3: 0.4·0.2 + 0.6·0.8 = 0.56,
    uid 4: 0.2. Incentive 0.56/0.76 and 0.2/0.76. Trust of uid 4: 0.2 / (0.4·0.8 + 0.6·0.2) = 0.2/0.44.
    Dividends of v0: (0.08/0.56)·(0.56/0.76) + 0.4·(0.2/0.76) = 0.16/0.76; v1 = v2 = (0.24 + 0.06)/0.76.
    """
    honest = {3: 4, 4: 1}
    verdict = run([Voter(0, 40, {3: 1, 4: 4}), Voter(1, 30, honest), Voter(2, 30, honest)], 5, KAPPA)
    expected = EpochResult(
        consensus=(0.0, 0.0, 0.0, 0.8, 0.2),
        trust=(0.0, 0.0, 0.0, 1.0, 0.2 / 0.44),
        incentive=(0.0, 0.0, 0.0, 0.56 / 0.76, 0.2 / 0.76),
        dividends=(0.16 / 0.76, 0.30 / 0.76, 0.30 / 0.76, 0.0, 0.0),
    )
    for name in EpochResult.__slots__:
        assert getattr(verdict, name) == pytest.approx(getattr(expected, name)), name


def test_emission_is_split_by_hand() -> None:
    """10 blocks emit 10 tokens: 1.8 to the owner, 4.1 by incentive, 4.1 by dividends."""
    verdict = EpochResult((0.0,) * 3, (0.0,) * 3, incentive=(0.5, 0.0, 0.5), dividends=(0.0, 1.0, 0.0))
    assert emission(verdict, [0], 10) == (3_850_000_000, 4_100_000_000, 2_050_000_000)


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        pytest.param([], [], 0.0, id="nobody"),
        pytest.param([0.3], [1], 0.3, id="one alone"),
        pytest.param([0.1, 0.9], [49, 51], 0.9, id="51 % reach 0.9"),
        pytest.param([0.1, 0.9], [51, 49], 0.1, id="49 % do not"),
        pytest.param([0.2, 0.5, 0.8], [1, 1, 1], 0.5, id="the middle of three"),
    ],
)
def test_median_is_by_stake(values: list[float], weights: list[int], expected: float) -> None:
    """The consensus is the largest weight that half of the stake reaches."""
    assert median(values, weights, KAPPA) == expected


@given(voters)
def test_shares_are_shares(found: list[Voter]) -> None:
    """Incentive and dividends lie in [0, 1] and sum to 1, or nobody earned anything."""
    verdict = run(found, 6, KAPPA)
    for shares in (verdict.incentive, verdict.dividends):
        assert all(0 <= share <= 1 + 1e-12 for share in shares)
        assert sum(shares) == pytest.approx(1.0) or sum(shares) == 0


@given(voters.filter(bool), st.integers(0, 5))
def test_a_minority_cannot_lift_anybody(found: list[Voter], target: int) -> None:
    """Who has a third of the stake cannot bring a target a consensus above what somebody else gives it."""
    loud = Voter(len(found), sum(voter.stake for voter in found) // 2, {target: 65_535})
    largest = max(voter.weights.get(target, 0) / max(1, sum(voter.weights.values())) for voter in found)
    assert run([*found, loud], 7, KAPPA).consensus[target] <= largest


@given(voters, st.integers(2, 1_000))
def test_only_relative_stake_counts(found: list[Voter], factor: int) -> None:
    """Multiplying all stakes changes nothing."""
    more = [Voter(voter.uid, voter.stake * factor, voter.weights) for voter in found]
    before, after = run(found, 6, KAPPA), run(more, 6, KAPPA)
    assert after.consensus == before.consensus
    assert after.incentive == pytest.approx(before.incentive)


@given(voters, st.integers(1, 500))
def test_never_pays_more_than_it_emits(found: list[Voter], blocks: int) -> None:
    """The parts of an epoch's emission sum to no more than one token per block."""
    paid = emission(run(found, 6, KAPPA), [0], blocks)
    assert all(part >= 0 for part in paid)
    assert sum(paid) <= blocks * RAO


def test_an_owner_without_a_slot_gets_nothing() -> None:
    """What belongs to an owner that is not registered is paid to nobody."""
    verdict = EpochResult((0.0,), (0.0,), incentive=(1.0,), dividends=(0.0,))
    assert emission(verdict, [], 10) == (4_100_000_000,)


@pytest.mark.parametrize(
    ("block", "tempo", "last_epoch", "last_step", "expected"),
    [
        pytest.param(100, 20, 100, 100, 120, id="right after one: a tempo later"),
        pytest.param(119, 20, 100, 100, 120, id="the block before"),
        pytest.param(
            105, 20, 105, 100, 121, id="a new tempo counts from its block, and nobody waits longer than a tempo for pay"
        ),
        pytest.param(150, 400, 150, 100, 501, id="a longer tempo: 100 + 400 + 1"),
        pytest.param(150, 10, 150, 100, 151, id="a shorter tempo that is long over: at once"),
    ],
)
def test_epochs_are_found(block: int, tempo: int, last_epoch: int, last_step: int, expected: int) -> None:
    """An epoch ends a tempo after it began to count, or when none has paid for longer than a tempo."""
    assert ends(block, tempo, last_epoch, last_step) == expected


@given(st.integers(1, 400), st.integers(0, 5_000))
def test_epochs_follow_each_other(tempo: int, begun: int) -> None:
    """Without a change of tempo there is one epoch each tempo, wherever one looks from."""
    assert {ends(block, tempo, begun, begun) for block in range(begun, begun + tempo)} == {begun + tempo}
