"""Commands of `voice`, each in a process of its own that is forked from one which has imported everything: importing takes seconds.

Each order is a line of JSON on standard input; the answer is the command's exit status.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.builders.processes import Processes

_NAME = "commands"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed, and the status it ended with."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs one command after the other."""

    folder: Path
    processes: Processes

    def open(self) -> None:
        """Start the process that imports."""
        self.folder.mkdir()
        self.processes.start(_NAME, "tests.gameday.commands", [], {}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, environment: Mapping[str, str], *arguments: str) -> Ended:
        """Run `voice` with these arguments, in this environment and no other."""
        first = self.processes.running[_NAME]
        assert first.stdin is not None
        assert first.stdout is not None
        order = {"environment": dict(environment), "arguments": arguments, "folder": str(self.folder)}
        first.stdin.write(json.dumps(order).encode() + b"\n")
        first.stdin.flush()
        status = int(first.stdout.readline())
        out, err = ((self.folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Ended(status, out, err)


def _serve() -> None:
    """In the first process: fork for each order, and say how it ended."""
    from neurons.cli.doctor import commands, roles  # noqa: F401  # imported once for all
    from tests.gameday import shifted  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _be(json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201  # the answer


def _be(order: Mapping[str, Any]) -> None:
    """Be the command that was ordered, to its end: nothing of the first process's own end is done."""
    from neurons.cli.main import main
    from tests.gameday.shifted import shift

    for name, number in (("out", 1), ("err", 2)):
        with (Path(order["folder"]) / name).open("wb") as file:
            os.dup2(file.fileno(), number)
    os.environ.clear()
    os.environ.update(order["environment"])
    shift(Path(os.environ["GAMEDAY_CLOCK"]))
    sys.argv = ["voice", *order["arguments"]]
    status = 0
    try:
        main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve()
