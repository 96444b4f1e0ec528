"""What copying weights earns a validator, simulated, and the numbers in the guide."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from neurons.cli.main import app
from neurons.cli.scoring.simulate_validators import consensus
from neurons.devchain.epoch import Voter, run
from scoring.studies.simulation.copying import CASES, CopyCase, Row, copying
from scoring.types import Uid, Weight

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "validator.md").read_text(encoding="utf-8")
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


def test_the_guide_says_what_was_measured() -> None:
    """Every row, with its interval."""
    for row in measured("copying"):
        case = row["case"]
        wait = f"sealed, {case['period']} epochs" if case["period"] else "in the open"
        kept = f"{case['memory']:.0%}"
        assert f"| {wait} | {kept} | {row['ratio']:.3f} ({row['low']:.3f} – {row['high']:.3f}) |" in GUIDE
    assert [row["case"] for row in measured("copying")] == [asdict(case) for case in CASES]


def test_it_is_told_to_people_and_machines(tmp_path: Path) -> None:
    """The same numbers again for the same seed, also in a file."""
    file, few = tmp_path / "copying.json", ["simulate", "copying", "--runs", "2", "--rounds", "12"]
    machines = CliRunner().invoke(app, [*few, "--json", "--out", str(file)])
    assert json.loads(machines.stdout) == json.loads(file.read_text(encoding="utf-8"))
    rows = json.loads(machines.stdout)["rows"]
    assert [row["ratio"] for row in rows if row["case"]["period"] == 0] == pytest.approx([1.0, 1.0])
    assert f"{rows[1]['ratio']:.3f}" in CliRunner().invoke(app, few).stdout
