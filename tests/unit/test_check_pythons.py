"""`make check-pythons`: what another Python wants, lacks and refuses, of packages that are made up here. pip is not asked."""

import importlib
import json
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = """
[project]
name = "voice-subnet"
version = "0.1.0"
dependencies = ["reader>=1"]
optional-dependencies = { s3 = ["writer"] }
"""
PINNED = {"reader": "1.0", "writer": "2.0"}


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/check_pythons.py as a module."""
    monkeypatch.syspath_prepend(ROOT / "docker")
    for name in ("check_pythons", "write_locks"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("check_pythons")


def package(name: str, version: str, *requires: str, python: str = "") -> dict[str, Any]:
    """A package as pip's report has it."""
    return {"metadata": {"name": name, "version": version, "requires_dist": list(requires), "requires_python": python}}


def row(check: ModuleType, python: str, *there: dict[str, Any], tested: Iterable[str] = PINNED, name: str = "api") -> Any:
    """What a set-up comes to where an index has these packages, and those named are wheels for the tests' Python."""
    index = {each["metadata"]["name"]: each for each in there}

    def ask(requirements: Iterable[str], _python: str) -> Mapping[str, Any]:
        names = [each.partition("==")[0] for each in requirements]
        return {each: index[each] for each in names if each in index}

    wheels = {each: package(each, PINNED[each]) for each in tested}
    found = check.gathered(wheels, PINNED, check.project(PYPROJECT), python, ask)
    return check.judge(name, python, found, wheels, PINNED)


@pytest.mark.parametrize(("python", "added"), [("3.12", ()), ("3.13", ("audio==3.0", "bits==4.0"))])
def test_what_only_another_python_wants_is_asked_for(check: ModuleType, python: str, added: tuple[str, ...]) -> None:
    """By its own conditions, which pip reads by the Python that runs it; and what that wants in turn."""
    found = row(
        check,
        python,
        package("reader", "1.0", 'audio; python_version >= "3.13"'),
        package("writer", "2.0"),
        package("audio", "3.0", "bits"),
        package("bits", "4.0"),
    )

    assert (found.added, found.packages, found.resolves) == (added, 2 + len(added), True)


def test_what_another_python_wants_and_nobody_has_is_told(check: ModuleType) -> None:
    """Without a version, since none is pinned."""
    found = row(check, "3.13", package("reader", "1.0", 'audio; python_version >= "3.13"'), package("writer", "2.0"))

    assert (found.added, found.missing, found.resolves) == ((), ("audio",), False)


def test_a_missing_wheel_is_named(check: ModuleType) -> None:
    """In the set-ups that need it: the daemons use no storage."""
    whole, daemons = (row(check, "3.12", package("reader", "1.0"), name=name) for name in ("api", "daemons"))

    assert (whole.missing, whole.resolves) == (("writer==2.0",), False)
    assert (daemons.missing, daemons.packages, daemons.resolves) == ((), 1, True)


def test_what_is_built_from_source_everywhere_is_no_fault_of_a_python(check: ModuleType) -> None:
    """It is told apart."""
    found = row(check, "3.12", package("reader", "1.0"), tested=["reader"])

    assert (found.sources, found.missing, found.resolves) == (("writer==2.0",), (), True)


def test_a_version_that_does_not_fit_is_a_conflict(check: ModuleType) -> None:
    """Where one package wants another newer than it is pinned, under this Python's conditions alone."""
    there = (package("reader", "1.0", 'writer>=3; python_version >= "3.13"'), package("writer", "2.0"))

    assert row(check, "3.12", *there).conflicts == ()
    assert row(check, "3.13", *there).conflicts == ("reader wants writer>=3, and there is 2.0",)


def test_a_version_that_refuses_the_python_is_a_conflict(check: ModuleType) -> None:
    """Though there is a wheel."""
    there = (package("reader", "1.0", python="<3.13,>=3.11"), package("writer", "2.0"))

    assert row(check, "3.12", *there).resolves
    assert row(check, "3.13", *there).conflicts == ("reader takes Python <3.13,>=3.11 alone",)


def test_pips_words_are_read(check: ModuleType) -> None:
    """One package is missing in each answer; another complaint leaves everything as it was."""
    wanted = {"docopt==0.6.2", "license-expression==30.4", "torch==2.11.0"}

    assert check.with_wheels(wanted, "ERROR: No matching distribution found for docopt==0.6.2\n") == wanted - {"docopt==0.6.2"}
    assert check.with_wheels(wanted, "ERROR: No matching distribution found for License.Expression\n") == {
        "docopt==0.6.2",
        "torch==2.11.0",
    }
    assert check.with_wheels(wanted, "ERROR: Could not reach the index\n") == wanted


def test_a_row_says_what_a_reader_needs(check: ModuleType) -> None:
    """A Python, a set-up, how many packages, and each fault."""
    found = row(check, "3.12", package("reader", "1.0"))

    assert check.table([found]) == "3.12  api         2 packages  no wheel of writer==2.0"


def test_the_pages_table_names_each_thing_once(check: ModuleType) -> None:
    """With the set-ups that miss it."""
    there = (package("reader", "1.0"),)
    rows = [row(check, python, *there, name=name) for python in check.PYTHONS for name in ("api", "daemons")]

    assert check.page(rows).splitlines()[2:] == [
        "| 3.12 | daemons | writer==2.0 (api) | nothing | nothing |",
        "| 3.13 | daemons | writer==2.0 (api) | nothing | nothing |",
    ]


def test_no_python_is_claimed_that_is_not_tested(check: ModuleType) -> None:
    """The package names the one that the tests run on."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = {each for each in declared["classifiers"] if each.startswith("Programming Language :: Python :: 3.")}

    assert claimed == {f"Programming Language :: Python :: {check.TESTED}"}


def test_the_page_shows_the_last_run(check: ModuleType) -> None:
    """As it was kept: each Python, and what stands in its way."""
    kept = json.loads((ROOT / "docs" / "measured" / "pythons.json").read_text(encoding="utf-8"))
    rows = [
        check.SetUp(**{key: tuple(value) if isinstance(value, list) else value for key, value in each.items()}) for each in kept
    ]
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"<!-- pythons: begin .*? -->\n\n(.*?)\n\n<!-- pythons: end -->", text, re.DOTALL)

    assert {(each.python, each.name) for each in rows} == set(product(check.PYTHONS, check.LOCKS))
    assert shown == check.page(rows)
