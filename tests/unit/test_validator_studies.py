"""Small studies about validators: what copying weights earns, how soon a lying worker is found, what its friend earns; and the guide."""

import json
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from neurons.cli.main import app
from neurons.cli.scoring.simulate_validators import consensus
from neurons.devchain.epoch import Voter, run
from scoring.competition import load
from scoring.studies.simulation.audit_bias import RATES, SDS, LyingWorker
from scoring.studies.simulation.audits import HONEST, WORKERS, live
from scoring.studies.simulation.copying import CASES, CopyCase, Row, copying
from scoring.types import Hotkey, Uid, Weight

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "validator.md").read_text(encoding="utf-8")
RULES = load().version[-1].audits
OLD: Row = {Uid(1): Weight(0.7), Uid(2): Weight(0.3)}
NEW: Row = {Uid(3): Weight(0.7), Uid(2): Weight(0.3)}


def measured(name: str) -> list[dict[str, Any]]:
    """The rows of a study as it was run for the guide."""
    rows: list[dict[str, Any]] = json.loads((ROOT / "docs" / "measured" / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return rows


@pytest.mark.parametrize(
    ("period", "memory", "ratio"),
    [
        pytest.param(0, 0.0, 1.0, id="in the open a copy is as good as the work"),
        pytest.param(0, 0.9, 1.0, id="also with bonds that last"),
        pytest.param(
            1, 0.0, (9 + 0.3 / 0.86) / (9 + 0.3 / 0.86 + 0.56 / 0.86 * 5 / 4), id="one epoch of ten without the new king"
        ),
    ],
)
def test_what_a_copy_earns(period: int, memory: float, ratio: float) -> None:
    """Ten counted epochs, and the king changes once: the copier is late by the period, and its part of the new king goes to the others."""
    rows = [OLD] * (5 + period) + [NEW] * 5
    found = copying(CopyCase(period, memory), [rows, rows], consensus)
    assert found.ratio == pytest.approx(ratio, abs=1e-3)
    assert found.changes == 1.0


def test_bonds_that_last_cost_a_late_copier_more() -> None:
    """Whoever is late owns less of the new king for many epochs."""
    rows = [OLD] * 10 + [NEW] * 30
    ratios = [copying(CopyCase(1, memory), [rows, rows], consensus).ratio for memory in (0.0, 0.9)]
    assert ratios[1] < ratios[0] < 1.0


def test_without_memory_its_dividends_are_the_development_chains() -> None:
    """The study computes them itself, to give bonds a memory; without one both are the same."""
    voters = [Voter(place, 100, {1: 45_875, 2: 19_660}) for place in range(4)] + [Voter(4, 100, {3: 45_875, 2: 19_660})]
    there = run(voters, 5, 32_767).dividends
    found = copying(CopyCase(1, 0.0), [[NEW, OLD]] * 2, consensus)
    assert found.ratio == pytest.approx(there[4] / there[0], abs=1e-4)


@pytest.mark.parametrize(("worker", "honest"), [(worker, place < HONEST) for place, worker in enumerate(WORKERS[:6])])
def test_liars_are_found_and_honest_workers_are_not(worker: Any, honest: bool) -> None:
    """A small try: a liar at .98 of the tolerance within 200 audits, each time; an honest worker of any hardware in none of them."""
    found = live(worker, 200, 40, 36, rules=RULES, seed=5, honest=honest)
    assert (found.found.hits, found.found.runs) == (0 if honest else 40, 40)
    assert honest or (found.late is not None and found.late < 40)


def a_lying_worker(**overrides: Any) -> LyingWorker:
    """It lies for h1; each of its evaluations of 36 samples is audited."""
    fields: dict[str, Any] = {"rules": RULES, "samples": 36, "audited": 1.0, "generator": np.random.default_rng(1)}
    return LyingWorker(friend=Hotkey("h1"), **fields | overrides)


def test_a_lying_worker_adds_what_an_audit_forgives_until_it_is_found() -> None:
    """.98 of .1 / 6 for its friend, and nothing for others; then its receipts count no more."""
    worker = a_lying_worker()
    added = [worker(number, [Hotkey("h1"), Hotkey("h2")]) for number in range(60)]
    assert worker.found is not None and 10 < worker.found < 50
    assert added[: worker.found + 1] == [{"h1": pytest.approx(0.98 * 0.1 / 6, abs=1e-6)}] * (worker.found + 1)
    assert set(map(len, added[worker.found + 1 :])) == {0}
    unaudited = a_lying_worker(audited=0.0)
    assert [len(unaudited(number, [Hotkey("h1")])) for number in range(60)] == [1] * 60
    assert unaudited.found is None


def test_the_guide_says_what_a_friend_earns() -> None:
    """Every row, as it was run; an auditor that draws more finds the worker sooner."""
    rows = measured("bias")
    for row in rows:
        head = f"| {row['sd']:g} | {row['audited']:.0%} | {row['crowned']['share']:.2f} | {row['found']['share']:.2f} |"
        assert f"{head} {row['until_found']:.0f} | {row['before']:.3f} | {row['after']:.3f} |" in GUIDE
    assert [(row["sd"], row["audited"]) for row in rows] == list(product(SDS, RATES))
    waits = [row["until_found"] for row in rows[: len(RATES)]]
    assert waits == sorted(waits, reverse=True)


def test_the_guide_says_what_was_measured() -> None:
    """Every row of both studies, with its interval; the targets hold in what was run."""
    for row in measured("copying"):
        case = row["case"]
        wait = f"sealed, {case['period']} epochs" if case["period"] else "in the open"
        kept = f"{case['memory']:.0%}"
        assert f"| {wait} | {kept} | {row['ratio']:.3f} ({row['low']:.3f} – {row['high']:.3f}) |" in GUIDE
    lives = measured("audits")
    for row in lives:
        share, waits = row["found"], [row["median"], row["late"]]
        half, most = ("–" if value is None else f"{value:.0f}" for value in waits)
        said = f"{share['share']:.3f} ({share['low']:.3f} – {share['high']:.3f})"
        assert f"| {row['worker']} | {row['audits']} | {said} | {half} | {most} |" in GUIDE
        assert share["runs"] >= 400
    assert [row["worker"] for row in lives] == [worker.name for worker in WORKERS]
    assert max(row["found"]["share"] for row in lives if row["honest"]) <= RULES.false_alarms
    assert (
        min(
            row["found"]["share"]
            for row in lives
            if "0.98 of the tolerance" in row["worker"] and "one hotkey" not in row["worker"]
        )
        == 1.0
    )
    assert [row["case"] for row in measured("copying")] == [asdict(case) for case in CASES]


def test_all_are_told_to_people_and_machines(tmp_path: Path) -> None:
    """The same numbers again for the same seed, also in a file."""
    file = tmp_path / "audits.json"
    small = ["simulate", "audits", "--runs", "3", "--life", "10", "--within", "30"]
    machines = CliRunner().invoke(app, [*small, "--json", "--out", str(file)])
    assert (machines.exit_code, json.loads(machines.stdout)) == (0, json.loads(file.read_text(encoding="utf-8")))
    assert "honest, other hardware" in CliRunner().invoke(app, small).stdout
    few = ["simulate", "copying", "--runs", "2", "--rounds", "12"]
    rows = json.loads(CliRunner().invoke(app, [*few, "--json"]).stdout)["rows"]
    assert [row["ratio"] for row in rows if row["case"]["period"] == 0] == pytest.approx([1.0, 1.0])
    assert f"{rows[1]['ratio']:.3f}" in CliRunner().invoke(app, few).stdout
    table = CliRunner().invoke(app, ["simulate", "bias", "--runs", "2", "--rounds", "10", "--out", str(file)]).stdout
    rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
    assert [row["found"]["hits"] for row in rows] == [0] * len(rows)
    assert f"{rows[0]['before']:.3f}" in table
