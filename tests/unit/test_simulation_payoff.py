"""Tricks of miners: each plays by the real rules, nobody commits what it could not, and a pay-off says how sure it is."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurons.cli.scoring.simulate import app
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.studies.simulation.payoff import SETTINGS, Arena, AttackSize, payoff
from scoring.studies.simulation.strategy_file import StrategyFile, known

ARENA = Arena(load().version[-1], AttackSize(runs=2, rounds=24), 1)


def no_progress(steps: int) -> None:
    """Nobody watches."""


def a_file(folder: Path, text: str, name: str = "mine.py") -> StrategyFile:
    """A strategy of this text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return StrategyFile(path)


def test_an_unknown_setting_is_refused_by_name(tmp_path: Path) -> None:
    """Before anything is played; the message lists those that there are."""
    strategy = a_file(tmp_path, "def commit(moment):\n    return None\n")
    with pytest.raises(PlatformError, match=r"no setting is called overtakn; there are first, newcomer, overtaken"):
        CliRunner().invoke(app, ["attack", str(strategy.path), "--setting", "overtakn"], catch_exceptions=False)


def test_what_is_surely_more_is_told_from_what_is_not_excluded() -> None:
    """A wide interval that reaches beyond the bound says nothing yet."""
    sure = payoff(("mine", "first"), 0.05, [0.61, 0.80], [0.40, 0.60])
    wide = payoff(("mine", "first"), 0.05, [0.20, 0.90], [0.50, 0.50])
    assert (sure.pays, sure.surely) == (True, True)
    assert (wide.pays, wide.surely) == (True, False)


@pytest.mark.parametrize("name", known())
def test_every_trick_of_the_folder_plays(name: str) -> None:
    """As the best from the start it earns no more than there is, and what it commits is what a miner could."""
    first, second = ARENA.earnings(known()[name], SETTINGS["first"], 0.05, no_progress, 2)
    assert 0.0 <= first <= 1.0
    assert 0.0 <= second <= 1.0


def test_the_study_plays_each_trick_in_settings_that_there_are() -> None:
    """All but the honest one, which everything is compared with."""
    where = {name: set(trick.where) for name, trick in known().items() if name != "honest"}
    assert all(names and names <= set(SETTINGS) for names in where.values())


def test_honest_work_pays_what_honest_work_pays() -> None:
    """The honest strategy against itself: exactly 1, with no interval at all."""
    (row,) = ARENA.attack([known()["honest"]], [SETTINGS["first"]], [0.05], no_progress)
    assert (row.ratio, row.low, row.high, row.extra_high, row.pays) == (1.0, 1.0, 1.0, 0.0, False)


def test_exact_copies_earn_what_one_hotkey_does() -> None:
    """Lineage knows them: the very same share, in every run."""
    (row,) = ARENA.attack([known()["exact_copies"]], [SETTINGS["first"]], [0.05], no_progress)
    assert row.ratio == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(
    ("mine", "honest", "ratio", "high", "pays"),
    [
        pytest.param([0.6, 0.8], [0.4, 0.6], 1.4, 1.4 + 1.96 * 0.04 / 0.5, True, id="more"),
        pytest.param([0.4, 0.6], [0.4, 0.6], 1.0, 1.0, False, id="the same"),
        pytest.param([0.1, 0.1], [0.0, 0.0], None, None, True, id="something for nothing"),
        pytest.param([0.01, 0.01], [0.0, 0.0], None, None, False, id="next to nothing for nothing"),
    ],
)
def test_a_payoff_by_hand(mine: list[float], honest: list[float], ratio: float | None, high: float | None, pays: bool) -> None:
    """.6 - 1.4 · .4 = .04 and .8 - 1.4 · .6 = -.04: their standard error is .04, and a mean honest share .5."""
    found = payoff(("trick", "setting"), 0.05, mine, honest)
    assert found.ratio == pytest.approx(ratio)
    assert found.high == pytest.approx(high)
    assert found.pays is pays


def test_a_payoff_of_one_run_has_no_interval() -> None:
    """It is refused."""
    with pytest.raises(ValueError, match="two runs"):
        payoff(("trick", "setting"), 0.05, [0.5], [0.5])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("HOTKEYS = 2", "has no function commit", id="no function"),
        pytest.param("HOTKEYS = 0\ndef commit(moment): ...", "HOTKEYS is 0", id="no hotkey"),
        pytest.param("def commit(moment", "is no Python", id="no Python"),
        pytest.param("def commit(moment):\n    return moment.trained(0.99)", "it can train 0.76", id="better than it can"),
        pytest.param("def commit(moment):\n    return moment.trained(0.5)", "too soon", id="in its cooldown"),
    ],
)
def test_what_no_miner_could_do_is_refused(text: str, why: str, tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(PlatformError, match=why) as refused:
        ARENA.earnings(a_file(tmp_path, text), SETTINGS["first"], 0.05, no_progress, 2)
    assert refused.value.code is Code.ARGUMENT_INVALID


def test_a_file_may_ask_for_more_runs(tmp_path: Path) -> None:
    """As many as the size allows, beside an honest hotkey in as many; the bar knows of them."""
    text = "{}def commit(moment):\n    return None"
    few, many = a_file(tmp_path, text.format("")), a_file(tmp_path, text.format("RUNS = 5\n"), "many.py")
    arena = replace(ARENA, size=AttackSize(runs=2, most=3, rounds=4))
    played: list[int] = []
    found = list(arena.attack([few, many], [SETTINGS["first"]], [0.05], played.append))
    assert [row.runs for row in found] == [2, 3]
    assert sum(played) == arena.steps([few, many], 1, 1) == 4 * (2 + 2 + 3 + 3)
    with pytest.raises(PlatformError, match="RUNS is -1"):
        arena.runs(a_file(tmp_path, text.format("RUNS = -1\n"), "none.py"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And so is one that is no Python file by its name."""
    for path in (tmp_path / "none.py", tmp_path / "none.txt"):
        with pytest.raises(PlatformError, match=path.name):
            StrategyFile(path).miner(((0, 0.5),))


def test_a_strategy_remembers_nothing_from_run_to_run(tmp_path: Path) -> None:
    """Its text is run anew for each."""
    file = a_file(tmp_path, "seen = []\ndef commit(moment):\n    seen.append(moment)\n    assert len(seen) <= 24\n")
    assert ARENA.earnings(file, SETTINGS["first"], 0.05, no_progress, 2) == [0.0, 0.0]


def test_the_command_prints_the_payoff_for_people_and_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One row a setting and noise; a share where honest work earns nothing."""
    monkeypatch.setattr("scoring.studies.simulation.payoff.QUICK", AttackSize(runs=2, rounds=4))
    file = a_file(
        tmp_path, "def commit(moment):\n    return moment.trained(moment.ability) if moment.free and moment.ability else None\n"
    )
    found = CliRunner().invoke(app, ["attack", str(file.path), "--quick", "--json"])
    rows = json.loads(found.stdout)["payoffs"]
    assert {(row["setting"], row["sd"]) for row in rows} == {(name, sd) for name in SETTINGS for sd in (0.05, 0.09, 0.18)}
    assert {row["strategy"] for row in rows} == {"mine"}
    told = CliRunner().invoke(app, ["attack", "honest", "--quick"])
    assert "It does not pay. 2 runs of 4 rounds each; shares are of the emission of the track small." in told.stdout
