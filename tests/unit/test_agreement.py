"""Agreement of listeners and judges: published examples, hand-computed tables, and what a side must not change."""

from importlib import resources

import numpy as np
import pytest

from scoring.report import Factor
from scoring.types import MICRO, EvaluationId, Micro
from voice_api.db.votes import JudgedVote, VoteChoice, VotedSample
from voice_api.web.listening.agreement import BOOTSTRAPS, MOST_VOTES, TIE_WITHIN, agreement, cohen, krippendorff, preferred

FIRST, SECOND, TIE = VoteChoice.FIRST, VoteChoice.SECOND, VoteChoice.TIE


def a_vote(
    choice: VoteChoice,
    first: int,
    second: int,
    *,
    ids: tuple[int, int] = (1, 2),
    factor: Factor | None = None,
    prompt: str = "g00.a",
) -> JudgedVote:
    """A vote on two clips with these scores, and naturalness as high."""
    sides = [
        VotedSample(evaluation_id=EvaluationId(name), score=Micro(score), utilities={"naturalness": score / 1e6})
        for name, score in zip(ids, (first, second), strict=True)
    ]
    return JudgedVote(prompt_id=prompt, factor=factor, choice=choice, first=sides[0], second=sides[1])


def test_krippendorff_gives_his_own_example() -> None:
    """Four observers, twelve units, values missing: α is .743 for nominal data, as printed."""
    observers = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
            [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
        ]
    )
    counts = np.array([[(unit == value).sum() for value in range(1, 6)] for unit in observers.T])
    assert krippendorff(counts) == pytest.approx(0.743, abs=0.0005)


def test_krippendorff_of_one_mind_and_of_none() -> None:
    """1 where all agree and units differ; None where nothing ever differs."""
    assert krippendorff(np.array([[3, 0, 0], [0, 0, 2]])) == 1.0
    assert krippendorff(np.array([[3, 0, 0], [2, 0, 0]])) is None


@pytest.mark.parametrize(
    ("table", "kappa"),
    [
        pytest.param([[20, 5], [10, 15]], 0.4, id="50 rows: observed .7, expected .5"),
        pytest.param([[25, 25], [25, 25]], 0.0, id="chance"),
        pytest.param([[0, 10], [10, 0]], -1.0, id="always the other"),
        pytest.param([[7, 0], [0, 3]], 1.0, id="always the same"),
    ],
)
def test_cohen_of_tables_that_can_be_computed_by_hand(table: list[list[int]], kappa: float) -> None:
    """(observed - expected) / (1 - expected)."""
    assert float(cohen(np.array(table, dtype=float))) == pytest.approx(kappa)


def test_a_tie_is_a_difference_within_the_stated_one() -> None:
    """At the border it is one, a millionth above it is not, on either side."""
    assert preferred(500_000, 500_000 + TIE_WITHIN) is TIE
    assert preferred(500_000, 500_001 + TIE_WITHIN) is SECOND
    assert preferred(500_001 + TIE_WITHIN, 500_000) is FIRST


def test_the_share_counts_ties_and_names_its_votes() -> None:
    """Two of four name what the judges prefer: a win and a tie."""
    votes = [
        a_vote(FIRST, 900_000, 500_000, prompt="a"),
        a_vote(TIE, 500_000, 510_000, prompt="b"),
        a_vote(FIRST, 400_000, 500_000, prompt="c"),
        a_vote(TIE, 900_000, 500_000, prompt="d"),
    ]
    score, naturalness = agreement(votes).rows
    assert (score.asked, score.judged, score.votes, score.pairs, score.share.value) == (None, None, 4, 4, 0.5)
    assert (naturalness.asked, naturalness.judged, naturalness.share.value) == (None, Factor.NATURALNESS, 0.5)
    assert score.share.low is not None and score.share.high is not None
    assert 0.0 <= score.share.low < 0.5 < score.share.high <= 1.0


def test_a_question_about_a_factor_is_set_against_that_factor_alone() -> None:
    """And says nothing of the score, or of how the clips compare as a whole."""
    rows = agreement([a_vote(SECOND, 100_000, 900_000, factor=Factor.NATURALNESS)]).rows
    assert [(row.asked, row.judged, row.votes) for row in rows] == [(Factor.NATURALNESS, Factor.NATURALNESS, 1)]


def test_sides_change_nothing() -> None:
    """A pair that was shown the other way round is the same pair, and its votes agree with each other."""
    straight = [a_vote(FIRST, 900_000, 100_000), a_vote(FIRST, 900_000, 100_000), a_vote(SECOND, 1, 900_000, prompt="b")]
    turned = [a_vote(SECOND, 100_000, 900_000, ids=(2, 1)), *straight[1:]]
    turned.append(a_vote(FIRST, 900_000, 1, ids=(2, 1), prompt="b"))
    found = agreement(turned)
    assert (found.rows[0].pairs, found.rows[0].share.value, found.alpha, found.shared_pairs) == (2, 1.0, 1.0, 2)
    assert agreement(straight).rows[0].share == found.rows[0].share


def test_many_votes_on_one_pair_are_one_pair() -> None:
    """They make no interval, which is over pairs, and none more narrow."""
    (row, _) = agreement([a_vote(FIRST, 900_000, 100_000)] * 50).rows
    assert (row.votes, row.pairs, row.share.value, row.share.low, row.kappa.value) == (50, 1, 1.0, None, None)


def test_the_interval_covers_what_is_true() -> None:
    """Listeners who agree with the judges in 70 of 100: about 90 of 100 such studies cover it, and the interval shrinks with pairs."""
    random = np.random.default_rng(7)

    def study(pairs: int) -> tuple[float, float]:
        votes = [
            a_vote(FIRST if random.random() < 0.7 else SECOND, 900_000, 100_000, prompt=str(n), ids=(1, 2)) for n in range(pairs)
        ]
        share = agreement(votes).rows[0].share
        assert share.low is not None and share.high is not None
        return share.low, share.high

    covered = [low <= 0.7 <= high for low, high in (study(60) for _ in range(40))]
    assert sum(covered) >= 34
    low, high = study(600)
    assert high - low < 0.1


def test_without_votes_there_is_no_number() -> None:
    """Nothing is made up."""
    found = agreement([])
    assert (found.votes, found.rows, found.alpha, found.shared_pairs) == (0, (), None, 0)


def test_the_page_that_explains_it_says_the_same_numbers() -> None:
    """The border of a tie, the draws of an interval, and how many votes count."""
    page = resources.files("voice_api.web").joinpath("templates", "how.html").read_text(encoding="utf-8")
    tie = f"{TIE_WITHIN / MICRO:.2f}".removeprefix("0")
    assert [said in page for said in (f"difference of {tie} or", f"{BOOTSTRAPS:,} times", f"newest {MOST_VOTES:,} votes")] == [
        True
    ] * 3
