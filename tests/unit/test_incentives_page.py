"""docs/incentives.md is what the code and the simulation say, and `voice simulate` says it to people and machines."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurons.cli.scoring.simulate import app
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.studies.simulation import measured, rivals
from scoring.studies.simulation.page import render
from scoring.studies.simulation.targets import targets

ROOT = Path(__file__).parents[2]
STUDY, RIVALS = ROOT / "docs" / "measured" / "incentives.json", ROOT / "docs" / "measured" / "rivals.json"
PAGE = ROOT / "docs" / "incentives.md"


@pytest.fixture(scope="module")
def page() -> str:
    """The page, rendered now; its charts beside it are as rendered, too."""
    files = render(measured.read(STUDY), rivals.read(RIVALS), PAGE)
    charts = {path: text for path, text in files.items() if path != PAGE}
    assert len(charts) == 5
    assert [path for path, text in charts.items() if path.read_text(encoding="utf-8") != text] == []
    return files[PAGE]


def test_the_page_is_up_to_date(page: str) -> None:
    """`voice simulate docs` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == page


def test_the_study_is_of_the_rules_in_force() -> None:
    """Whoever changes a number that decides money simulates again."""
    assert measured.read(STUDY).origin.rules_hash == measured.rules_hash(load().version[-1])
    assert rivals.read(RIVALS).rules_hash == measured.rules_hash(load().version[-1])


def test_the_page_owns_up(page: str) -> None:
    """Every target stands in it, met or not."""
    found = targets(measured.read(STUDY))
    assert len(found) > 20
    assert page.count("**not met**") == sum(not row.met for row in found)


def test_tables_are_tables(page: str) -> None:
    """Every row of a table has as many cells as the row above it."""
    rows = [(above, line) for above, line in pairwise(page.splitlines()) if line.startswith("|") and above.startswith("|")]
    assert rows
    assert [line for above, line in rows if above.count("|") != line.count("|")] == []


def test_every_sentence_about_money_is_short(page: str) -> None:
    """At most 25 words, up to the simulation's report; a formula counts as one."""
    rules = page.partition("## What was simulated")[0]
    prose = [
        re.sub(r"`[^`]*`|\[[^]]*\]\([^)]*\)", "x", line) for line in rules.splitlines() if not line.startswith(("|", "#", "!"))
    ]
    sentences = [sentence for line in prose for sentence in re.split(r"(?<=[.:?!])\*{0,2}\s", line)]
    assert len(sentences) > 60
    assert [sentence for sentence in sentences if len(sentence.split()) > 25] == []


def test_check_tells_a_stale_page(tmp_path: Path) -> None:
    """It passes on what it wrote, fails on one changed digit, and writes nothing itself."""
    path = tmp_path / "incentives.md"
    arguments = ["docs", "--out", str(path), "--measured", str(STUDY), "--rivals", str(RIVALS)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert CliRunner().invoke(app, [*arguments, "--check"]).exit_code == 0
    path.write_text(path.read_text(encoding="utf-8") + "1", encoding="utf-8")
    stale = CliRunner().invoke(app, [*arguments, "--check"]).exception
    assert isinstance(stale, PlatformError)
    assert (stale.code, "out of date" in stale.detail) == (Code.ARGUMENT_INVALID, True)
    assert path.read_text(encoding="utf-8").endswith("1")


def test_a_field_is_simulated_for_machines_and_for_people() -> None:
    """The same numbers, and the same again for the same seed."""
    arguments = ["--field", "copies", "--rounds", "10", "--runs", "2"]
    first, again = (CliRunner().invoke(app, [*arguments, "--json"]) for _ in range(2))
    assert (first.exit_code, first.stdout) == (0, again.stdout)
    found = json.loads(first.stdout)
    assert (found["track"], found["name"], found["runs"], found["rounds"]) == ("small", "copies", 2, 10)
    told = CliRunner().invoke(app, arguments)
    assert "2 runs of 10 rounds each. Shares are of the emission of the track small." in told.stdout
    assert f"{found['earnings'][0]['share']:.1%}" in told.stdout


def test_a_field_that_is_none_is_named() -> None:
    """With those that there are."""
    refused = CliRunner().invoke(app, ["--field", "cheaters"]).exception
    assert isinstance(refused, PlatformError)
    assert "mixed, honest, copies, junk" in refused.detail
