"""`make check-pythons`: can what constraints.txt pins be had on Pythons that no test runs on? pip is asked, and nothing is installed.

pip looks for another Python's wheels, but reads a requirement's conditions (`python_version < "3.13"`), and which
Pythons a package takes, by its own. So each pinned package is asked for alone, and what they require of each other and
of Python is looked at here. What only the other Python wants is pinned nowhere: it is asked for in its newest version.
What has no wheel for the Python of the tests either is built from source there, and is not asked for.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from write_locks import KIND, LOCKS, PROJECT, ROOT, Found, reached

TESTED = KIND[-1]
PYTHONS = ("3.12", "3.13")
_NOTHING = re.compile(r"No matching distribution found for ([A-Za-z0-9._-]*[A-Za-z0-9])")
_OPTIONS = ("--dry-run", "--ignore-installed", "--ignore-requires-python", "--quiet", "--no-deps", "--only-binary", ":all:")
_ROUNDS = 5
"""As many times what came along may bring something more."""

_THIS: dict[str, str] = {name: str(value) for name, value in default_environment().items()}

Ask = Callable[[Iterable[str], str], Found]
"""Asks for requirements on a Python; what pip would install of them, by name, without what has no wheel there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetUp:
    """What a set-up comes to on a Python."""

    python: str
    name: str
    packages: int
    sources: tuple[str, ...]
    """Pinned, and without a wheel even for the Python of the tests: built from source."""
    missing: tuple[str, ...]
    """Without a wheel for this Python; where they are pinned, for this one alone."""
    added: tuple[str, ...]
    """Pinned nowhere, since 3.11 does not want them; in their newest version."""
    conflicts: tuple[str, ...]
    """Requirements that a version does not fulfil, and versions that do not take this Python."""

    @property
    def resolves(self) -> bool:
        """Whether everything can be had as a wheel, and fits together."""
        return not self.missing and not self.conflicts


def ask_pip(requirements: Iterable[str], python: str) -> Found:
    """Ask again without what pip finds no wheel of, until it finds all: it names one at a time."""
    wanted, found = set(requirements), None
    with tempfile.TemporaryDirectory() as folder:
        while wanted and found is None:
            report = Path(folder) / "report.json"
            options = (*_OPTIONS, "--python-version", python, "--target", folder, "--report", str(report))
            command = (sys.executable, "-m", "pip", "install", *options, *sorted(wanted))
            asked = subprocess.run(command, capture_output=True, text=True, check=False)
            if asked.returncode == 0:
                found = json.loads(report.read_text(encoding="utf-8"))["install"]
                break
            left = with_wheels(wanted, asked.stderr)
            if left == wanted:
                sys.exit(f"pip says something else than that a package is missing:\n{asked.stderr}")
            sys.stderr.write(f"Python {python}: no wheel of {', '.join(sorted(wanted - left))}\n")
            wanted = left
    return {canonicalize_name(item["metadata"]["name"]): item for item in found or ()}


def with_wheels(wanted: Set[str], said: str) -> set[str]:
    """The requirements that pip did not say to find nothing for."""
    nothing = {canonicalize_name(name) for name in _NOTHING.findall(said)}
    return {each for each in wanted if canonicalize_name(Requirement(each).name) not in nothing}


def pins(text: str) -> dict[str, str]:
    """The versions of constraints.txt by name."""
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines if line)}


def project(text: str) -> dict[str, Any]:
    """The project as pip's report would have it, from pyproject.toml."""
    declared = tomllib.loads(text)["project"]
    extras = declared["optional-dependencies"].items()
    requires = [*declared["dependencies"], *(f'{each}; extra == "{extra}"' for extra, wanted in extras for each in wanted)]
    return {"metadata": {"name": PROJECT, "version": declared["version"], "requires_dist": requires}}


def conditions(python: str) -> dict[str, str]:
    """What conditions of requirements ask of a Python; this machine in all else."""
    return {**_THIS, "python_version": python, "python_full_version": f"{python}.0"}


def gathered(wheels: Found, pinned: Mapping[str, str], own: Mapping[str, Any], python: str, ask: Ask) -> Found:
    """Everything that a Python is given: what is pinned, of which `wheels` are there for the tests, and what those want beside it there."""
    found = {PROJECT: own, **ask([f"{name}=={version}" for name, version in pinned.items() if name in wheels], python)}
    asked = set(pinned) | {PROJECT}
    for _ in range(_ROUNDS):
        whole = _whole(found, wheels, pinned)
        wanted = {name for lock in LOCKS.values() for name in reached(whole, lock, conditions(python))} - asked
        if not wanted:
            break
        asked |= wanted
        found |= ask(sorted(wanted), python)
    return found


def _whole(found: Found, wheels: Found, pinned: Mapping[str, str]) -> Found:
    """What was found, and in place of a pinned package that was not, what it wants on the tests' Python, else one that wants nothing."""
    sources = {name: {"metadata": {"name": name, "version": version}} for name, version in pinned.items()}
    return _Known({**sources, **wheels, **found})


class _Known(dict[str, Mapping[str, Any]]):
    """Packages by name; one that nobody asked for yet wants nothing."""

    def __missing__(self, name: str) -> Mapping[str, Any]:
        return {"metadata": {"name": name}}


def judge(name: str, python: str, found: Found, wheels: Found, pinned: Mapping[str, str]) -> SetUp:
    """What a set-up comes to."""
    whole, here = _whole(found, wheels, pinned), conditions(python)
    names = reached(whole, LOCKS[name], here)
    absent = sorted(names - found.keys())
    return SetUp(
        python=python,
        name=name,
        packages=len(names),
        sources=tuple(f"{each}=={pinned[each]}" for each in absent if each in pinned and each not in wheels),
        missing=tuple(
            f"{each}=={pinned[each]}" if each in pinned else each for each in absent if each in wheels or each not in pinned
        ),
        added=tuple(f"{each}=={found[each]['metadata']['version']}" for each in sorted(names & found.keys() - pinned.keys())),
        conflicts=tuple(sorted({*_conflicts(whole, names, here), *_refusals(whole, names, here["python_full_version"])})),
    )


def _conflicts(found: Found, names: Iterable[str], here: Mapping[str, str]) -> Iterable[str]:
    for name in names:
        for text in found[name]["metadata"].get("requires_dist", ()):
            wanted = Requirement(text)
            other = found[canonicalize_name(wanted.name)]["metadata"].get("version")
            applies = wanted.marker is None or wanted.marker.evaluate({**here, "extra": ""})
            if applies and other is not None and not wanted.specifier.contains(other, prereleases=True):
                yield f"{name} wants {wanted.name}{wanted.specifier}, and there is {other}"


def _refusals(found: Found, names: Iterable[str], python: str) -> Iterable[str]:
    for name in names:
        taken = found[name]["metadata"].get("requires_python") or ""
        if not SpecifierSet(taken).contains(python):
            yield f"{name} takes Python {taken} alone"


def table(rows: Iterable[SetUp]) -> str:
    """A line for each set-up and Python."""
    lines = []
    for row in rows:
        faults = [*(f"no wheel of {each}" for each in row.missing), *row.conflicts]
        notes = [f"{what} {', '.join(of)}" for what, of in (("from source", row.sources), ("and wants", row.added)) if of]
        lines.append(f"{row.python}  {row.name:<8} {row.packages:>4} packages  {'; '.join([*(faults or ['all found']), *notes])}")
    return "\n".join(lines)


def page(rows: Sequence[SetUp]) -> str:
    """The table of CONTRIBUTING.md: a row for each Python, with what is missing in which set-ups."""
    head = f"| Python | can be installed | no wheel, or does not fit | from source, as on {TESTED} | wanted beside them |"
    lines = [head, "| --- | --- | --- | --- | --- |"]
    for python in PYTHONS:
        ours = [row for row in rows if row.python == python]
        faults = (_where(ours, lambda row: (*row.missing, *row.conflicts)), _where(ours, lambda row: row.sources))
        cells = (", ".join(row.name for row in ours if row.resolves), *faults, _where(ours, lambda row: row.added))
        lines.append(f"| {python} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _where(rows: Sequence[SetUp], of: Callable[[SetUp], Iterable[str]]) -> str:
    """Each thing once, with the set-ups that it stands in."""
    things = sorted({thing for row in rows for thing in of(row)})
    return "; ".join(f"{thing} ({', '.join(row.name for row in rows if thing in of(row))})" for thing in things) or "nothing"


def main() -> None:
    """Ask for each Python, and end with 1 where something is missing or does not fit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print a document for machines")
    parser.add_argument("--out", type=Path, help="keep that document in a file, too")
    options = parser.parse_args()
    pinned = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    own = project((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheels = ask_pip([f"{name}=={version}" for name, version in pinned.items()], TESTED)
    rows = []
    for python in PYTHONS:
        found = gathered(wheels, pinned, own, python, ask_pip)
        rows += [judge(name, python, found, wheels, pinned) for name in LOCKS]
    document = json.dumps([asdict(row) for row in rows], indent=1)
    if options.out is not None:
        options.out.write_text(f"{document}\n", encoding="utf-8")
    sys.stdout.write(f"{document if options.json else table(rows)}\n")
    sys.exit(not all(row.resolves for row in rows))


if __name__ == "__main__":
    main()
