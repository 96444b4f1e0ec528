"""docs/tutorial.md, docs/sizing.md and docs/faq.md say what other pages and files, which tests hold against the code, say too."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from neurons.cli.main import app
from neurons.localnet.models import ROLES

ROOT = Path(__file__).resolve().parents[2]


def lines_of(page: str) -> list[str]:
    """The lines of a page's shell blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [line for block in re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE) for line in block.splitlines()]


TUTORIAL, MINER, FIRST_DAY = (lines_of(f"docs/{page}.md") for page in ("tutorial", "miner", "first_day"))
OWN = [line for line in TUTORIAL if line not in MINER]


def test_all_that_the_tutorial_submits_a_model_with_is_run_for_the_guide_of_miners() -> None:
    """In the same order; a test runs every line of that guide on a development chain."""
    places = [MINER.index(line) for line in TUTORIAL if line in MINER]
    in_the_tutorial_first = {"export PATH=$PWD/.venv/bin:$PATH"}  # for its own lines that come before the wallet
    assert places[len(in_the_tutorial_first) :] == sorted(places[len(in_the_tutorial_first) :])
    assert [line for line in OWN if line.startswith(("voice miner", "voice dev", "btcli", "python", "save_file"))] == []


@pytest.mark.parametrize("line", [line for line in OWN if line.startswith("voice ")])
def test_a_command_that_is_the_tutorials_own_takes_what_it_is_given(line: str) -> None:
    """The command line parses it; nothing is run."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    assert not command.make_context(command.name, words).args


def test_its_other_lines_are_run_for_other_pages() -> None:
    """The network and the receipt that is verified for an operator's first day; the sentence of the king by the test of `voice say`."""
    rest = [line for line in OWN if line not in FIRST_DAY]
    assert rest == [
        "export VOICE_API_URL=http://127.0.0.1:8000",
        'voice say "Open the gate before the rain comes." --out king.wav',
    ]
    assert [line for line in FIRST_DAY if line in OWN] == [line for line in OWN if line not in rest]
    network = (ROOT / "neurons" / "localnet" / "network.py").read_text(encoding="utf-8")
    assert "clear" in ROLES and "{role}-labs/voice" in network


SIZING = (ROOT / "docs" / "sizing.md").read_text(encoding="utf-8")
MEASURED = SIZING.partition("\n## The limits in docker-compose.yml\n")
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]*\d[^|]*) \|$", MEASURED[0] + MEASURED[2].partition("\n## ")[2], re.MULTILINE)


@pytest.mark.parametrize(("what", "number"), ROWS, ids=[what for what, _ in ROWS])
def test_a_number_of_sizing_was_measured(what: str, number: str) -> None:
    """It stands on the page of benchmarks, with its unit or at the head of a column that has it."""
    benchmarks = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    plain = number.split()[0]
    assert re.search(rf"(?<![\d.,]){re.escape(plain)}(?![\d,]|\.\d)", benchmarks), what


def test_the_limits_of_containers_are_those_of_compose() -> None:
    """Memory, and processes with threads."""
    limits = re.findall(r"^\| [^|]+ \| (\d+g) \| (\d+) \|$", MEASURED[2], re.MULTILINE)
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    of = {
        name: (re.sub(r".*:-|\}", "", str(services[name]["mem_limit"])), str(services[name]["pids_limit"])) for name in services
    }
    assert limits == [of["api"], of["worker"]]
    assert {of[name] for name in ("dispatcher", "model-queue", "validator")} == {of["api"]}


def test_each_question_is_one() -> None:
    """It stands in bold, and its answer follows on the same line."""
    answers = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8").split("\n\n")
    questions = [answer for answer in answers if answer.startswith("**")]
    assert len(questions) > 15
    assert [answer for answer in questions if not re.match(r"\*\*[^*]+[?.]\*\* \S", answer)] == []
