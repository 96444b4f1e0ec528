"""What README and docs name exists."""

import re
from pathlib import Path

import pytest
import typer.main

from neurons.cli.main import app
from scoring.errors import Code

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {page.name: page.read_text(encoding="utf-8") for page in PAGES}
PATH = re.compile(r"\b((?:neurons|workers|voice_api|scoring|prompts|docker|tests|docs)/[\w./-]*)")
COMMAND = re.compile(r"\bvoice ((?:queue|validator|db|miner|dev|scoring|operator) [\w-]+|api|dispatcher|worker|demo|verify)\b")
TARGET = re.compile(r"(?:`|^)make ([a-z-]+)", re.MULTILINE)


@pytest.mark.parametrize("page", TEXTS)
def test_every_path_that_is_named_exists(page: str) -> None:
    """A page that points nowhere is wrong."""
    named = {match.rstrip(".") for match in PATH.findall(TEXTS[page])}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", TEXTS)
def test_every_command_that_is_named_exists(page: str) -> None:
    """Commands of the CLI, with their subcommands."""
    root = typer.main.get_command(app)
    missing = []
    for named in COMMAND.findall(TEXTS[page]):
        command: object = root
        for word in named.split():
            command = getattr(command, "commands", {}).get(word)
        if command is None:
            missing.append(named)
    assert missing == []


@pytest.mark.parametrize("page", TEXTS)
def test_every_make_target_that_is_named_exists(page: str) -> None:
    """Targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert [name for name in TARGET.findall(TEXTS[page]) if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []


def test_the_codes_that_the_readme_names_are_what_it_says() -> None:
    """1103 is a file that is not allowed, 1303 a sample that never came."""
    assert [Code(int(number)) for number in re.findall(r"code (\d{4})", TEXTS["README.md"])] == [
        Code.FILE_NOT_ALLOWED,
        Code.SAMPLE_TIMEOUT,
    ]
