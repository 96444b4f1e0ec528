"""`make bench-demo`: how long the install and the demo take, what they need, and what judging costs per second of speech.

Prints a table; nothing here passes or fails.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from neurons.localnet import models
from neurons.localnet.network import COMPETITION
from scoring.competition import load
from scoring.progress import NO_PROGRESS
from scoring.types import BlockHash, RoundNumber
from workers.evaluation.batches import batches_of
from workers.evaluation.obtain import LocalModel
from workers.evaluation.speaking import speak
from workers.evaluation.tools import open_tools

_SAMPLE_SECONDS = 0.5
_ROOT = Path(__file__).parents[1]


class PeakMemory(threading.Thread):
    """Peak of the proportional memory of a process and all its descendants, in bytes, sampled twice a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._root = psutil.Process(pid)
        self.bytes = 0

    def run(self) -> None:
        """Sample until the process is gone."""
        while self._root.is_running() and self._root.status() != psutil.STATUS_ZOMBIE:
            try:
                family = [self._root, *self._root.children(recursive=True)]
            except psutil.Error:
                return
            self.bytes = max(self.bytes, sum(_memory(process) for process in family))
            time.sleep(_SAMPLE_SECONDS)


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def install_seconds() -> float:
    """A fresh environment from the package cache, as the Makefile makes it."""
    with tempfile.TemporaryDirectory(prefix="voice-bench-") as folder:
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        for what in (
            ("--require-hashes", "--requirement", str(_ROOT / "locks" / "build.txt")),
            ("--require-hashes", "--requirement", str(_ROOT / "locks" / "dev.txt")),
            (str(_ROOT),),
        ):
            command = (f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *what)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.monotonic() - began


def demo(folder: Path) -> tuple[float, int, int]:
    """Seconds, peak bytes and exit status of `voice demo --once`."""
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "neurons.cli", "demo", "--once", "--json", "--data", str(folder)], stdout=subprocess.DEVNULL
    )
    peak = PeakMemory(process.pid)
    peak.start()
    status = process.wait()
    return time.monotonic() - began, peak.bytes, status


def stages(folder: Path) -> dict[str, float]:
    """Seconds of one evaluation of the clear voice by stage, per second of speech."""
    rules = load(COMPETITION).at(RoundNumber(0)).track[0]
    block_hash = BlockHash("0x" + "5a" * 32)
    model = LocalModel(models.write_espeak(folder / "clear", "clear"), "espeak", rules)
    tools = open_tools("http://127.0.0.1", folder)
    groups = rules.groups(block_hash)
    marks = [time.monotonic()]
    spoken = list(speak(model, batches_of("espeak", rules, block_hash), tools, NO_PROGRESS))
    marks.append(time.monotonic())
    panel = tools.panel(rules.profile)
    marks.append(time.monotonic())
    panel.judge(groups, {item.prompt_id: item for item in spoken}, rules, NO_PROGRESS)
    marks.append(time.monotonic())
    speech = sum(item.duration for item in spoken)
    names = ("speaking in the sandbox", "building the judges, once a round", "judging")
    return {name: (after - before) / speech for name, before, after in zip(names, marks, marks[1:], strict=False)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-install", action="store_true", help="the demo alone, without a fresh environment")
    asked = parser.parse_args()
    table = Table("what", "measured", title="make bench-demo")
    if not asked.no_install:
        table.add_row("install from the package cache", f"{install_seconds():.0f} s")
    with tempfile.TemporaryDirectory(prefix="voice-bench-") as parent:
        folder = Path(parent) / "network"
        spent, peak, status = demo(folder)
        table.add_row(f"voice demo --once (exit {status})", f"{spent:.0f} s")
        table.add_row("peak memory of all its processes", f"{peak / 2**30:.2f} GiB")
        for stage, cost in stages(Path(parent) / "one").items():
            table.add_row(f"{stage}, per second of speech", f"{cost:.3f} s")
    Console().print(table)


if __name__ == "__main__":
    main()
