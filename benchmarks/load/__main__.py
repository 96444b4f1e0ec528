"""`make simulate-load`: a node's rounds and fleets on paper, by the rules that decide, and what breaks first as they grow.

Nothing is measured here but with --check, which runs a small fleet for real and fails unless paper and reality agree.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.load import costs, page
from benchmarks.load.real_run import compare
from benchmarks.load.study import study


def main() -> None:
    """Simulate, print, and keep where asked."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m benchmarks.load")
    parser.add_argument("--rounds", type=int, default=20, help="of a run")
    parser.add_argument("--seed", type=int, default=1, help="decides every draw")
    parser.add_argument("--costs", type=Path, default=costs.COSTS, help="another file of seconds, prices and limits")
    parser.add_argument("--scale", type=Path, default=page.SCALE, help="what `bench_service --only scale --out` kept")
    parser.add_argument("--check", action="store_true", help="run a small fleet for real, and compare")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path, help="where the result is kept, for docs/sizing.md")
    asked = parser.parse_args()
    if asked.rounds < 1:
        parser.error("--rounds: at least 1")
    try:
        given, scale = costs.read(asked.costs), json.loads(asked.scale.read_text(encoding="utf-8"))
    except OSError as exc:
        parser.error(f"{exc.filename}: {exc.strerror}")
    except ValueError as exc:
        parser.error(f"{asked.costs}, or {asked.scale}: {exc}")
    compared = compare() if asked.check else []
    found = study(given, scale, asked.rounds, asked.seed, compared)
    text = json.dumps(found, indent=1) + "\n"
    if asked.out is not None:
        asked.out.write_text(text, encoding="utf-8")
    if asked.json:
        sys.stdout.write(text)
    else:
        show(found)
    if not all(each.agrees for each in compared):
        sys.exit("paper and reality disagree")


def show(found: Mapping[str, Any]) -> None:
    """Print the tables that docs/sizing.md has, and the comparison."""
    console = Console()
    for table in page.tables(found):
        shown = Table(*table.heads, title=table.title)
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown)


if __name__ == "__main__":
    main()
