"""`make structure`: how the code is laid out, at an earlier commit and now; counted, never timed.

Static: files and folders per package, imports per 100 lines, helpers that are used once per 1,000 lines, class names that stand
twice, mentions of JsonObject. Walked: the modules of the product that run (import time excluded) on three ways through it:
from a commitment to a weight (a demo's model queue, API, dispatcher and validator; what its workers do between is the next walk),
from a sample's audio to its receipt (its workers), and for `validator explain UID`.

Usage: python -m benchmarks.structure --before 70698d1 [--no-walks] [--json]
"""

import argparse
import ast
import json
import re
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.golden_master import ROOT, Commit, checkout, clone, kept_network

PACKAGES = ("neurons", "workers", "voice_api", "scoring", "prompts")
TARGETS = {"commitment → weight": 0.65, "a sample's audio → receipt": 0.85, "explain UID": 0.5}
"""The most that each walk may enter, as a share of before."""
_HOOK = Path(__file__).with_name("walk_hook.py")
_UIDS = range(8)
_DAEMONS = ("queue", "api", "dispatcher", "validator")
_NO_PRODUCT = ("neurons/localnet/", "neurons/devchain/")
"""Entered by a demo, and no part of what an operator runs."""

Row = dict[str, float]


@dataclass(frozen=True, slots=True)
class Source:
    """One module of the product."""

    path: str
    text: str
    tree: ast.Module


def sources(root: Path) -> list[Source]:
    """Every module of the product that git tracks in a checkout, migrations left out."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    paths = [path for path in listed if path.endswith(".py") and "/migrations/" not in path]
    texts = [(path, (root / path).read_text(encoding="utf-8")) for path in paths]
    return [Source(path, text, ast.parse(text)) for path, text in texts]


def static(modules: list[Source]) -> Row:
    """Counts that need nothing to run."""
    row: Row = {}
    for package in PACKAGES:
        own = [module.path for module in modules if module.path.startswith(f"{package}/")]
        row[f"{package}: files"] = len(own)
        row[f"{package}: folders"] = len({path.rpartition("/")[0] for path in own})
        row[f"{package}: files at its top"] = sum(path.count("/") == 1 for path in own)
    lines = sum(_lines(module.text) for module in modules)
    imports = sum(isinstance(node, ast.Import | ast.ImportFrom) for module in modules for node in ast.walk(module.tree))
    row["lines of code"] = lines
    row["imports per 100 lines"] = round(100 * imports / lines, 2)
    row["helpers used once per 1,000 lines"] = round(1000 * sum(map(_used_once, modules)) / lines, 2)
    classes = [node for module in modules for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    names = Counter(node.name for node in classes if not node.name.startswith("_"))
    row["class names that stand twice"] = sum(count > 1 for count in names.values())
    row["mentions of JsonObject"] = sum(len(re.findall(r"\bJsonObject\b", module.text)) for module in modules)
    return row


def _lines(text: str) -> int:
    return sum(bool(line.strip()) and not line.strip().startswith("#") for line in text.splitlines())


def _used_once(module: Source) -> int:
    """Private functions and methods of a module that it names once: at their one call."""
    functions = [node.name for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    private = {name for name in functions if name.startswith("_") and not name.startswith("__")}
    used = Counter(
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute | ast.Name)
    )
    return sum(used[name] == 1 for name in private)


def walks(commit: Commit) -> dict[str, set[str]]:
    """Modules entered on each of the three ways, by a checkout's own demo."""
    with tempfile.TemporaryDirectory(prefix="voice-walks-") as place:
        demo, explained = Path(place, "demo"), Path(place, "explained")
        demo.mkdir()
        explained.mkdir()
        starter = _profiled(commit, Path(place, "python"), demo)
        program = f"import sys; sys.executable = {str(starter)!r}; from neurons.cli.main import main; main()"
        data = ["--data", str(Path(place, "data"))]
        command = [str(commit.python), "-c", program, "demo", "--once", *data]
        subprocess.run(command, cwd=commit.folder, check=True, stdout=sys.stderr)
        with kept_network(commit, Path(place, "data")) as environment:
            hooked = Commit(commit.folder, _profiled(commit, Path(place, "python-explain"), explained))
            most = max((_explain(hooked, environment, uid, explained) for uid in _UIDS), key=len)
        return {
            "commitment → weight": _entered(demo, "process", _DAEMONS),
            "a sample's audio → receipt": _entered(demo, "sample", ("worker",)),
            "explain UID": most,
        }


def _profiled(commit: Commit, path: Path, out: Path) -> Path:
    """An interpreter that runs every `-m module` below the hook, and everything else as it is."""
    line = f'[ "$1" = -m ] && shift && exec "{commit.python}" "{_HOOK}" "{commit.folder}" "{out}" "$@"'
    path.write_text(f'#!/bin/sh\n{line}\nexec "{commit.python}" "$@"\n', encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def _explain(hooked: Commit, environment: dict[str, str], uid: int, out: Path) -> set[str]:
    """Modules that explaining one uid enters."""
    for old in out.iterdir():
        old.unlink()
    done = hooked.run(["validator", "explain", str(uid), "--json"], environment)
    if done.returncode:
        raise SystemExit(f"explain {uid} failed in {hooked.folder}:\n{done.stderr}")
    return _entered(out, "process", ("validator",))


def _entered(folder: Path, walk: str, processes: tuple[str, ...]) -> set[str]:
    """Modules that processes entered on a walk, but those of the demo itself."""
    files = [file for file in folder.iterdir() if file.name.startswith(processes)]
    lines = [line.split(" ", 1) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return {path for named, path in lines if named == walk and not path.startswith(_NO_PRODUCT)}


def main() -> None:
    """Measure both, and print them beside each other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", default="70698d1", help="the earlier commit")
    parser.add_argument("--kept", type=Path, default=ROOT / ".voice" / "golden", help="where checkouts are kept")
    parser.add_argument("--no-walks", action="store_true", help="only what can be counted without running anything")
    parser.add_argument("--names", action="store_true", help="also the modules that each walk enters now")
    parser.add_argument("--json", action="store_true", help="one JSON document for machines")
    given = parser.parse_args()
    kept = given.kept / given.before
    before, after = static(sources(clone(given.before, kept))), static(sources(ROOT))
    walked: dict[str, set[str]] = {}
    if not given.no_walks:
        walked = walks(Commit(ROOT, Path(sys.executable)))
        before |= {name: len(entered) for name, entered in walks(checkout(given.before, kept)).items()}
        after |= {name: len(entered) for name, entered in walked.items()}
    if given.json:
        sys.stdout.write(json.dumps({"before": before, "after": after}) + "\n")
    else:
        show(given.before, before, after)
    if given.names:
        for name, entered in walked.items():
            sys.stderr.write("\n  ".join([name, *sorted(entered)]) + "\n")


def show(revision: str, before: Row, after: Row) -> None:
    """A table of both, with the ratio, and the target where there is one."""
    table = Table("", revision, "now", "ratio", "target")
    for name, value in before.items():
        ratio = f"{after[name] / value:.2f}" if value else ""
        target = TARGETS.get(name)
        table.add_row(name, f"{value:g}", f"{after[name]:g}", ratio, f"≤ {target:g}" if target else "")
    Console().print(table)


if __name__ == "__main__":
    main()
