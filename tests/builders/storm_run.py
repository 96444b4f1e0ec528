"""How a storm over real processes is run, by hand and by a test, and how its outcome is printed."""

import argparse
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from tests.builders.processes import ROOT

_RUN_SECONDS = 450.0
_LAST_CHARACTERS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What every storm ends with."""

    seconds: float  # of wall-clock, for everything
    checks: Mapping[str, list[str]]  # by what should hold: what contradicts it


Outcome = TypeVar("Outcome", bound=Found)


def show(tables: Mapping[str, Mapping[str, object]], found: Found, last: str) -> None:
    """Print counts under their titles, then what must hold, then a line."""
    console = Console()
    must_hold = {name: "; ".join(wrong) or "yes" for name, wrong in found.checks.items()}
    for title, counts in {**tables, "must hold": must_hold}.items():
        table = Table(Column(title, min_width=40), "", box=SIMPLE_HEAD)
        for name, count in counts.items():
            table.add_row(name, str(count))
        console.print(table)
    console.print(f"{last}, {found.seconds:.0f} s")


def main(parser: argparse.ArgumentParser, storm: Callable[..., Outcome], told: Callable[[Outcome], None]) -> int:
    """Run a storm with the options of the command line, print its outcome, and end with 1 where something does not hold."""
    signal.signal(signal.SIGTERM, lambda _signum, _frame: sys.exit(143))
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    options = vars(parser.parse_args())
    as_json = options.pop("json")
    found = storm(**options)
    if as_json:
        print(json.dumps(asdict(found)))  # noqa: T201
    else:
        told(found)
    return 1 if any(found.checks.values()) else 0


def run_apart(module: str, options: Sequence[str], within: float = _RUN_SECONDS) -> tuple[int, Any]:
    """The exit status of a storm in a process of its own, and what it printed; one that takes too long ends with all it started."""
    command = [sys.executable, "-m", module, "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    try:
        output, errors = process.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        raise AssertionError(f"the run did not end: {errors.decode()[-_LAST_CHARACTERS:]}") from None
    assert output, errors.decode()[-_LAST_CHARACTERS:]
    return process.returncode, json.loads(output)
