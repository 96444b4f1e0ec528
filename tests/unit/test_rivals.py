"""Other rules see the draws that our duel sees, and are asked when the study says."""

from pathlib import Path

import numpy as np
import pytest

from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.studies.simulation import rivals
from scoring.studies.simulation.rivals import LEADS, ROUNDS, Handicap, Margin, RivalStudy, asked, fought
from scoring.types import MICRO

RULES = load().version[-1]
GROUPS = 8


def drawn(*leads: float) -> np.ndarray:
    """A king that always scores .5 and a challenger with such a lead in each round: [rounds, 2, groups]."""
    king = np.full((len(leads), GROUPS), MICRO // 2)
    return np.stack([king, king + np.rint(np.array(leads) * MICRO).astype(np.int64)[:, None]], axis=1)


def test_a_rule_crowns_at_its_first_look_that_says_so() -> None:
    """After the second round the mean is high enough, after the third no longer."""
    scores = drawn(0.0, 0.1, -0.1)
    rule = Margin(0.02, "margin")
    assert asked(rule, scores, (1, 2, 3)) == (True, 2 * GROUPS)
    assert asked(rule, scores, (3,)) == (False, 3 * GROUPS)


def test_a_handicap_is_a_share_of_the_king() -> None:
    """Three in a hundred of .5 are .015."""
    rule = Handicap(0.03, "handicap")
    assert asked(rule, drawn(0.016), (1,)) == (True, GROUPS)
    assert asked(rule, drawn(0.014), (1,)) == (False, GROUPS)


def test_our_duel_opens_for_who_promises_something() -> None:
    """A clear lead is crowned, never in the first round; a model that is worse, or as good, costs its first round and no more."""
    crowned, groups = fought(drawn(*[0.2] * ROUNDS), RULES)
    assert crowned
    assert GROUPS < groups < ROUNDS * GROUPS
    assert fought(drawn(*[-0.1] * ROUNDS), RULES) == (False, GROUPS)
    assert fought(drawn(*[0.0] * ROUNDS), RULES) == (False, GROUPS)


def test_a_study_is_the_same_again() -> None:
    """Each rule and lead has its row, each run is told, and a second time gives the same numbers."""
    study = RivalStudy(competition=RULES, rules=(Margin(0.02, "margin"),), sds=(0.05,), runs=3, seed=1)
    told: list[int] = []
    rows = list(study.rows(told.append))
    assert sum(told) == 3 * len(LEADS)
    assert [(row.rule, row.looks) for row in rows[:3]] == [
        ("our duel", "each round"),
        ("margin", "each round"),
        ("margin", "the end"),
    ]
    assert rows == list(study.rows(told.append))


def test_the_study_s_claims_hold() -> None:
    """Our duel keeps its bound at any noise; a rule on means that is looked at often crowns many equals where noise is large."""
    lines = rivals.read(Path(__file__).parents[2] / "docs" / "measured" / "rivals.json").lines
    ours = [line for line in lines if line.rule == "our duel"]
    assert ours
    assert all(line.crowned[0].low <= RULES.track[0].duel.alpha for line in ours)
    means = [line for line in lines if line.rule.startswith("mean") and line.looks == "each round"]
    assert max(line.crowned[0].share for line in means) > 0.2
    assert max(line.copies for line in means) > max(line.copies for line in ours)


@pytest.mark.parametrize("content", [None, "{}"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str | None) -> None:
    """Missing, or of another form."""
    path = tmp_path / "rivals.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(PlatformError) as refused:
        rivals.read(path)
    assert refused.value.code is Code.ARGUMENT_INVALID
