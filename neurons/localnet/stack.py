"""The local network's processes: started with their own environment and log, watched, and ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import Code, PlatformError
from voice_api.runtime.process_end import die_with_parent

_GRACE_SECONDS = 8.0
_TAIL_LINES = 5
_KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SSL_CERT_FILE", "HOME")


class ProcessDied(PlatformError):
    """A process of the local network ended by itself."""

    def __init__(self, name: str, status: int, log: Path) -> None:
        tail = " | ".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-_TAIL_LINES:])
        super().__init__(Code.INTERNAL, f"process {name} ended with status {status}; the end of {log}: {tail}")


@dataclass(frozen=True, slots=True)
class Running:
    """A started process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Stack:
    """Processes in the order of their start; they are ended in the reverse order, and when this process dies."""

    def __init__(self, logs: Path) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._running: list[Running] = []

    @property
    def pids(self) -> Mapping[str, int]:
        """The process id of each."""
        return {item.name: item.process.pid for item in self._running}

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start `voice <arguments>` with a clean environment plus `environment`; its output goes to `<name>.log`."""
        log = self._logs / f"{name}.log"
        bare = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}  # noqa: TID251 - for a child alone
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "neurons.cli", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**bare, "VOICE_CONFIG": os.devnull, **environment},  # a node's own settings are not the demo's
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self._running.append(Running(name, process, log))

    def check(self) -> None:
        """Raise ProcessDied if one ended by itself."""
        for item in self._running:
            status = item.process.poll()
            if status is not None:
                raise ProcessDied(item.name, status, item.log)

    def stop(self) -> None:
        """End all: politely, then by force."""
        for item in reversed(self._running):
            if item.process.poll() is None:
                item.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS
        for item in self._running:
            try:
                item.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                item.process.kill()
                item.process.wait()
        self._running.clear()
