"""Processes of a run under test: started, hurt, started again, and ended for certain."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from voice_api.runtime.process_end import die_with_parent

ROOT = Path(__file__).parents[2]
_END_SECONDS = 5.0


@dataclass(slots=True)
class Processes:
    """By name, each with a log. Their environment is clean but for the path, and names the run's folder."""

    logs: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str], **pipes: int) -> None:
        """Run a module of this repository under a name whose last process has ended."""
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=pipes.get("stdin", subprocess.DEVNULL),
                stdout=pipes.get("stdout", log),
                stderr=log,
                env={"PATH": os.environ.get("PATH", os.defpath), **environment},
                cwd=ROOT,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        process = self.running[name]
        process.kill()
        process.wait()

    def dead(self) -> list[str]:
        """Who has ended."""
        return [name for name, process in self.running.items() if process.poll() is not None]

    def stop(self) -> None:
        """End all: politely, then by force."""
        for process in self.running.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + _END_SECONDS
        for process in self.running.values():
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Workers:
    """Forked workers by name; see chaos_worker.py, or what another module makes of them."""

    def __init__(
        self, processes: Processes, environments: Mapping[str, Mapping[str, str]], module: str = "tests.chaos.chaos_worker"
    ) -> None:
        self._environments = environments
        processes.start("nest", module, [], {}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        nest = processes.running["nest"]
        assert nest.stdin is not None
        assert nest.stdout is not None
        self._orders: IO[bytes] = nest.stdin
        self._answers: IO[bytes] = nest.stdout
        self._running: dict[str, psutil.Process] = {}

    @property
    def names(self) -> Sequence[str]:
        """Of all, alive or not."""
        return tuple(self._environments)

    def start(self, name: str) -> None:
        """Fork it; the first takes as long as the imports do."""
        self._orders.write(json.dumps(self._environments[name]).encode() + b"\n")
        self._orders.flush()
        pid = int(self._answers.readline())
        self._running.pop(name, None)
        with suppress(psutil.NoSuchProcess):
            self._running[name] = psutil.Process(pid)

    def process(self, name: str) -> psutil.Process:
        """A worker that was started."""
        return self._running[name]

    def alive(self, name: str) -> bool:
        """Whether its process is there, and not another one with its number."""
        return name in self._running and self._running[name].is_running()

    def signal(self, name: str, signum: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        with suppress(psutil.NoSuchProcess, KeyError):
            self._running[name].send_signal(signum)

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(name, signal.SIGKILL)
        deadline = time.monotonic() + _END_SECONDS
        while self.alive(name) and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop(self) -> None:
        """Kill all, the stopped ones too; nobody can be started any more."""
        for name in self.names:
            self.kill(name)
        self._orders.close()
        self._answers.close()


def left_behind(folder: Path) -> list[str]:
    """Processes of this machine that name the folder, or whose environment or working place does."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = " ".join([*process.cmdline(), *process.environ().values()])
            if str(folder) in words and process.pid != os.getpid():
                found.append(words[:200])
    return found
