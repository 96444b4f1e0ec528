"""`make bench-sandbox`: what the walls cost, against the same program without them, by turns in one run.

Prints a table, or JSON; nothing here passes or fails. Usage: python -m benchmarks.bench_sandbox [--turns 7] [--json]
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scoring.competition import SubmissionLimits, SynthesisRules
from scoring.synthesis.synthesiser import Request
from tests.builders import espeak_voices
from tests.builders.limits import limits
from workers.sandbox.guest.frames import HEADER, FrameKind, parse_header
from workers.sandbox.guest.orders import ModelTask, encode
from workers.sandbox.sandbox import Sandbox

_CHILD = str(Path(__file__).with_name("sandbox_child.py"))
_RULES = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
_LIMITS: SubmissionLimits = limits()
_WORDS = "Good evening, my friend. The kettle is on, and the door is open."
_PATIENCE_SECONDS = 60.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """One thing that costs time; seconds, medians of all turns."""

    what: str
    bare: float
    walled: float

    @property
    def ratio(self) -> float:
        """How many times as long it takes inside the walls."""
        return self.walled / self.bare if self.bare else math.nan


@contextmanager
def _bare(family: str, model: Path) -> Iterator[Say]:
    """The child without walls and without a watch, spoken with through pipes that block."""
    orders_read, orders = os.pipe()
    answers, answers_write = os.pipe()
    command = [sys.executable, "-I", "-B", _CHILD, "bare", str(orders_read), str(answers_write)]
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(command, pass_fds=(orders_read, answers_write), env=environment) as process:
        os.close(orders_read)
        os.close(answers_write)
        with os.fdopen(orders, "wb", buffering=0) as sink, os.fdopen(answers, "rb") as source:

            def hear(kind: FrameKind) -> None:
                announced = parse_header(source.read(HEADER.size))
                source.read(announced.size)
                if announced.kind is not kind:
                    raise ValueError(f"the child answers {announced.kind.name} where {kind.name} is due")

            def say(text: str) -> None:
                sink.write(encode([Request("p", text, "", 0)]))
                hear(FrameKind.SAMPLE)

            sink.write(encode(_task(family, model)))
            hear(FrameKind.PREPARED)
            hear(FrameKind.LOADED)
            yield say
        process.kill()


def _task(family: str, model: Path) -> ModelTask:
    return ModelTask(
        family=family,
        model_dir=str(model),
        parts=None,
        environment=None,
        device="cpu",
        card_bytes=None,
        threads=1,
        dtype="float32",
        max_seconds=_LIMITS.max_audio_seconds,
    )


@contextmanager
def _walled(root: Path, family: str, model: Path) -> Iterator[Say]:
    sandbox = Sandbox(root / "scratch", [_CHILD])
    with sandbox.guest(model, family, _LIMITS, _RULES, parts=None, environment=None, seconds=_PATIENCE_SECONDS) as talk:

        def say(text: str) -> None:
            (spoken,) = talk.say([Request("p", text, "", 0)], _PATIENCE_SECONDS)
            if spoken.failure:
                raise ValueError(f"the guest did not speak: {spoken.reason}")

        yield say


def _timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    work()
    return clock() - began


def _turn(root: Path, folder: Path, *, walled: bool) -> dict[str, float]:
    """Seconds of each thing, once."""

    def start(family: str, model: Path) -> tuple[float, dict[str, float]]:
        found: dict[str, float] = {}
        began = time.perf_counter()
        with _walled(root, family, model) if walled else _bare(family, model) as say:
            started = time.perf_counter() - began
            if family == "idle":
                found["a sample that costs nothing"] = _timed(lambda: [say("now") for _ in range(50)]) / 50
                found["one thread more"] = _timed(lambda: say("threads")) / 100
                found["processor of the worker for 2 s of waiting"] = _timed(lambda: say("sleep"), time.process_time)
            else:
                found["a sentence of espeak-ng"] = _timed(lambda: [say(_WORDS) for _ in range(20)]) / 20
        return started, found

    begun, idle = start("idle", folder)
    spoken, espeak = start("espeak", folder)
    return {"a start, nothing to load": begun, "a start with espeak-ng": spoken} | espeak | idle


def rows(turns: int) -> list[Row]:
    """Medians over turns; in each, the child without walls goes first."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folder = espeak_voices.build(root / "models")["clear"]
        found: tuple[list[dict[str, float]], list[dict[str, float]]] = ([], [])
        for _ in range(turns):
            for walled in (False, True):
                found[walled].append(_turn(root, folder, walled=walled))
    bare, within = ({what: statistics.median(turn[what] for turn in side) for what in side[0]} for side in found)
    return [Row(what, bare[what], within[what]) for what in bare]


def _table(found: Sequence[Row], turns: int) -> Table:
    table = Table(title=f"The walls of a guest, medians of {turns} turns", title_justify="left")
    for heading in ("what", "bare, ms", "inside, ms", "ratio", "adds, ms"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for row in found:
        bare, walled = 1e3 * row.bare, 1e3 * row.walled
        table.add_row(row.what, f"{bare:.2f}", f"{walled:.2f}", f"{row.ratio:.2f}", f"{walled - bare:.2f}")
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = rows(asked.turns)
    console = Console(width=120)
    if asked.json:
        console.print_json(json.dumps([asdict(row) | {"ratio": row.ratio} for row in found]))
    else:
        console.print(_table(found, asked.turns))


if __name__ == "__main__":
    main()
