"""`voice scoring prompts`: anybody can see what a round asks."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurons.cli.main import app
from prompts.generate import generate
from scoring.competition import DEFAULT_PATH, load
from scoring.errors import PlatformError
from scoring.types import RoundNumber

SEED = "5e" * 32
PLAN = load().at(RoundNumber(0)).track[0].prompts.plan
ASKING = {"asks = []": 'asks = ["rate", "pitch"]', 'families = ["vits"]': 'families = ["espeak"]'}
"""Lines of the packaged rules, and what they are in rules that ask for voices."""


def run(*arguments: str) -> str:
    """What the command prints."""
    result = CliRunner().invoke(app, ["scoring", "prompts", *arguments], catch_exceptions=False, standalone_mode=False)
    assert result.exit_code == 0
    return result.stdout


def test_prints_the_round_that_is_judged() -> None:
    """The same prompts as a worker draws from this block hash, as JSON for machines."""
    shown = json.loads(run("--seed", SEED, "--json"))
    asked = [prompt for group in generate(bytes.fromhex(SEED), PLAN) for prompt in group.prompts]
    assert shown["seed"] == SEED
    assert [(row["id"], row["kind"], row["text"]) for row in shown["prompts"]] == [(p.id, p.kind, p.text) for p in asked]
    assert all(1 < row["expected_seconds"] < 30 for row in shown["prompts"])


def test_shows_a_table_for_people() -> None:
    """Every prompt with its kind; no column for voices where a competition asks none."""
    shown = run("--seed", f"0x{SEED}", "--count", "3")
    asked = json.loads(run("--seed", SEED, "--count", "3", "--json"))["prompts"]
    assert all(row["id"] in shown and row["kind"] in shown and row["text"].split()[0] in shown for row in asked)
    assert "3 prompts" in shown and "voice" not in shown.splitlines()[0]


def test_a_competition_that_asks_shows_its_descriptions(tmp_path: Path) -> None:
    """The voices' column stands where descriptions ask for something."""
    rules = tmp_path / "competition.toml"
    text = DEFAULT_PATH.read_text(encoding="utf-8")
    for packaged, other in ASKING.items():
        assert packaged in text
        text = text.replace(packaged, other)
    rules.write_text(text, encoding="utf-8")
    shown = run("--seed", SEED, "--competition", str(rules))
    assert shown.splitlines()[0].split() == ["prompt", "kind", "s", "text", "voice"]


def test_draws_a_seed_of_its_own() -> None:
    """Without a block hash every call shows another round."""
    first, second = (json.loads(run("--count", "1", "--json"))["seed"] for _ in range(2))
    assert first != second and len(bytes.fromhex(first)) == 32


@pytest.mark.parametrize("seed", ["12", "zz" * 32, ""])
def test_refuses_what_is_no_block_hash(seed: str) -> None:
    """The error says what a block hash looks like."""
    with pytest.raises(PlatformError, match="64 hex digits"):
        run("--seed", seed)
