"""Who comes first among models of nearly the same score."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.ranking.selection import SURE, lower_bound, not_clearly_better, ranked
from scoring.ranking.state import Record
from scoring.types import Block, Hotkey, entrant
from tests.builders.ranking import a_record

BAND, SPEED = 0.01, 0.25


def order(*records: Record) -> list[int]:
    """The commit blocks, best first."""
    return [record.commit_block for record in ranked(records, BAND, SPEED)]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([], [], id="nobody"),
        pytest.param([a_record(1, 0.5), a_record(2, 0.6)], [2, 1], id="clearly better"),
        pytest.param([a_record(1, 0.591), a_record(2, 0.6)], [1, 2], id="within the band the earlier commit"),
        pytest.param([a_record(1, 0.6, 200), a_record(2, 0.6, 100)], [2, 1], id="within the band the faster"),
        pytest.param([a_record(1, 0.6, 125), a_record(2, 0.6, 100)], [1, 2], id="a quarter slower is as fast"),
        pytest.param([a_record(1, 0.6, 126), a_record(2, 0.6, 100)], [2, 1], id="more than a quarter is not"),
        pytest.param([a_record(1, 0.6), a_record(2, 0.6, 100)], [2, 1], id="an unknown speed is slow"),
        pytest.param([a_record(1, 0.6), a_record(2, 0.6)], [1, 2], id="where none is known all are as fast"),
        pytest.param(
            [a_record(2, 0.60), a_record(1, 0.592), a_record(3, 0.585)], [1, 2, 3], id="the band hangs on the best left"
        ),
        pytest.param(
            [a_record(1, 0.70, 130), a_record(5, 0.70, 120), a_record(9, 0.60, 100)],
            [5, 1, 9],
            id="the fastest is that of all, in the band or not",
        ),
    ],
)
def test_order_by_hand(records: list[Record], expected: list[int]) -> None:
    """Lower bound, then speed, then seniority."""
    assert order(*records) == expected


def test_the_lower_bound_is_the_mean_less_its_error() -> None:
    """Two groups of .4 and .6: mean .5, standard error .1."""
    record = Record(
        entrant=entrant(Hotkey("h"), Block(1)),
        hotkey=Hotkey("h"),
        commit_block=Block(1),
        tiebreak="",
        tensors=None,
        groups=2,
        total=1_000_000,
        squares=400_000**2 + 600_000**2,
    )
    assert lower_bound(record) == pytest.approx(0.5 - 1.645 * 0.1)


@st.composite
def fields(draw: st.DrawFn) -> list[Record]:
    """Up to eight records, many of them within a band."""
    numbers = draw(st.sets(st.integers(1, 8), min_size=1))
    scores = st.integers(0, 12).map(lambda step: 0.5 + step / 250)
    return [a_record(n, draw(scores), draw(st.sampled_from([0, 90, 100, 110, 120, 130, 140, 170]))) for n in numbers]


@given(fields(), st.randoms())
def test_the_order_does_not_depend_on_how_they_are_listed(records: list[Record], random: Any) -> None:
    """Everybody is ranked once, alike."""
    first = order(*records)
    random.shuffle(records)
    assert order(*records) == first
    assert sorted(first) == sorted(record.commit_block for record in records)


@given(fields(), st.integers(0, 7), st.integers(1, 15))
def test_a_higher_lower_bound_never_means_a_later_place(records: list[Record], which: int, steps: int) -> None:
    """Not even where it throws the fastest out of a band."""
    old = records[which % len(records)]
    better = a_record(old.commit_block, old.mean + steps / 250, old.speed)
    others = [record for record in records if record is not old]
    assert order(*others, better).index(old.commit_block) <= order(*records).index(old.commit_block)


def test_each_must_be_clearly_better_than_all_before_it() -> None:
    """In the order of commits; the king is, whatever the means say."""
    records = [a_record(n, score) for n, score in ((1, 0.5), (2, 0.4), (3, 0.6), (4, 0.6), (5, 0.59))]
    found = not_clearly_better(records[::-1], records[4].entrant)
    assert {name: (missed.entrant, missed.bound) for name, missed in found.items()} == {
        "h2@2": ("h1@1", 0.5),
        "h4@4": ("h3@3", 0.6),
    }


def test_who_scores_now_all_and_now_nothing_keeps_nobody_out() -> None:
    """Its interval reaches to .9; what comes after it and scores .6 every time is better than it all the same."""
    wild = replace(a_record(1, 0.5), groups=10, total=5_000_000, squares=5 * 10**12)
    assert wild.mean + SURE * wild.stderr > 0.85
    assert not_clearly_better([wild, a_record(2, 0.6)], None) == {}
    assert list(not_clearly_better([wild, a_record(2, 0.5)], None)) == ["h2@2"]
