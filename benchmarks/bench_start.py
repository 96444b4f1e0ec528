"""`make bench-start`: how long a command of `voice` takes to start, beside an interpreter that does nothing and one that imports Typer.

Prints a table of the shortest of several runs; nothing here passes or fails.
"""

import argparse
import subprocess
import sys
import time

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_VOICE = "from neurons.cli.main import main; main()"
_BARE = ("python -c pass", "import typer")
_COMMANDS = (
    *("--version", "--help", "validator --help", "worker --help", "miner --help", "miner score --help", "wallet --help"),
    *("operator --help", "verify --help", "db --help"),
)


def _seconds(program: str, arguments: str, runs: int) -> float:
    """The shortest of several runs: whatever else the machine does only makes one longer."""
    command = [sys.executable, "-c", program, *arguments.split()]
    shortest = float("inf")
    for _ in range(runs):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
        shortest = min(shortest, time.perf_counter() - began)
    return shortest


def main() -> None:
    """Measure each, and print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="?", type=int, default=7, help="of each command")
    runs = parser.parse_args().runs
    nothing = _seconds("pass", "", runs)
    rows = [(_BARE[0], nothing), (_BARE[1], _seconds("import typer", "", runs))]
    rows += [(f"voice {arguments}", _seconds(_VOICE, arguments, runs)) for arguments in _COMMANDS]
    table = Table("what", "seconds", f"of {_BARE[0]}", box=SIMPLE_HEAD)
    for name, seconds in rows:
        table.add_row(name, f"{seconds:.3f}", f"{seconds / nothing:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
