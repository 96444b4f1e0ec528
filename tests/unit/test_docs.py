"""What README and docs name exists."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import typer.main

from neurons.cli.main import app
from scoring.errors import Code
from tests.builders.how_to import HowTo

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
PATH = re.compile(r"\b((?:neurons|workers|voice_api|scoring|prompts|docker|tests|docs)/[\w./-]*)")
COMMAND = re.compile(
    r"\bvoice ((?:queue|validator|db|miner|dev|scoring|operator|family|wallet) [\w-]+|api|dispatcher|worker|demo|say|verify)\b"
)
MARKUP = re.compile(r"(?<!\\)\[[a-z/]")
TARGET = re.compile(r"(?:`|^)make ([a-z-]+)", re.MULTILINE)


@pytest.mark.parametrize("page", TEXTS)
def test_every_path_that_is_named_exists(page: str) -> None:
    """A page that points nowhere is wrong; a how-to page may name the files that it makes."""
    named = {match.rstrip(".") for match in PATH.findall(TEXTS[page])} - HowTo.of(TEXTS[page]).files.keys()
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


SHELL = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
TELLS_WORDS = re.compile(r"btcli (?:wallet|w) (?:create|new[-_]|regen)|--suppress|mnemonic")


@pytest.mark.parametrize("page", TEXTS)
def test_no_command_of_a_guide_tells_a_mnemonic(page: str) -> None:
    """Guides are run in scripts and their output is kept: wallets are made by the command that shows the words on a terminal alone."""
    assert [line for block in SHELL.findall(TEXTS[page]) for line in block.splitlines() if TELLS_WORDS.search(line)] == []


def test_no_help_loses_words() -> None:
    """What stands in square brackets is markup where the help is shown, and nobody sees it."""

    def helps(command: Any) -> Iterator[str]:
        yield from (command.help or "", *(getattr(parameter, "help", None) or "" for parameter in command.params))
        for below in getattr(command, "commands", {}).values():
            yield from helps(below)

    assert [text for text in helps(typer.main.get_command(app)) if MARKUP.search(text)] == []


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


def test_the_map_of_the_architecture_is_the_packages_own_words() -> None:
    """Each package has its row, and says the same in its docstring."""
    shown = dict(
        re.findall(r"^\| `([a-z_/0-9]+)` \| (.+) \|$", TEXTS["docs/architecture.md"].partition("## The folders")[2], re.MULTILINE)
    )
    said = {
        str(path.parent.relative_to(ROOT)): (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()[0]
        for folder in ("neurons", "workers", "voice_api", "scoring", "prompts")
        for path in (ROOT / folder).rglob("__init__.py")
    }
    assert shown == said


def test_the_map_of_the_readme_is_the_folders() -> None:
    """Every folder that git does not ignore stands in README's table, and none else."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").split() if line.endswith("/")]
    named = [path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")]
    folders = {name for name in named if not any(fnmatch(name, pattern) for pattern in ignored)}
    assert set(re.findall(r"^\| `(\w+)/` \|", TEXTS["README.md"], re.MULTILINE)) == folders
