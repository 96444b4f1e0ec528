"""Workers for a chaos run: real `voice worker` processes, but for a card, a sandbox and judges that need milliseconds.

Importing takes seconds and a run kills many, so one process imports everything and forks a worker for each order (a line of JSON on
standard input: the worker's environment, and its log); it answers with the process id. When it ends, its workers are killed.
"""

import atexit
import ctypes
import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from neurons.cli import logs
from tests.chaos import clock
from tests.chaos.chaos_dispatcher import PATIENT
from tests.chaos.stand_ins import QuickPanels, QuickSandbox
from voice_api.settings import MetricsSettings
from workers import main
from workers.evaluation.bases import BaseStore
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.parts import PartStore
from workers.evaluation.tools import Tools
from workers.hub.client import Hub, Timeouts
from workers.sandbox.card import Card
from workers.sandbox.reference_guest import ReferenceGuest
from workers.settings import WorkerSettings

_PR_SET_PDEATHSIG = 1
_ANSWER = timedelta(seconds=2)
_DOWNLOAD = timedelta(seconds=20)


def next_order() -> Mapping[str, str] | None:
    """In a fresh process: what it is to be. In the first one, once there are no more orders: None."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel buries the dead
    for line in sys.stdin:
        order: dict[str, str] = json.loads(line)
        child = os.fork()
        if child == 0:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return order
        print(child, flush=True)  # noqa: T201  # the answer
    return None


def become(environment: Mapping[str, str]) -> None:
    """Take an environment on, and write to the log that it names.

    This process ends before libraries' own ends: those join threads that were started in the first process, which a fork has not.
    """
    atexit.register(_leave)
    with Path(environment["CHAOS_LOG"]).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.close(0)
    os.environ.clear()
    os.environ.update(environment)
    logs.configure()


def work(environment: Mapping[str, str]) -> None:
    """Be `voice worker` in this environment."""
    become(environment)
    settings = WorkerSettings()
    sandbox = QuickSandbox(settings.data / "scratch", float(environment["CHAOS_SAMPLE_SECONDS"]))
    tools = Tools(
        hub=Hub(settings.hub, settings.data / "models", Timeouts(answer=_ANSWER, download=_DOWNLOAD)),
        sandbox=sandbox,
        reference=ReferenceGuest(sandbox, {"cpu": timedelta(seconds=1), "cuda": timedelta(seconds=1)}),
        panel=QuickPanels(),
        parts=PartStore(settings.hub, settings.data / "parts"),
        bases=BaseStore(settings.hub, settings.data / "bases"),
        environments=EnvironmentStore(settings.environments, installs=False),
    )
    vars(main)["open_tools"] = _given(tools)
    clock.move(Path(environment["CHAOS_CLOCK"]))
    shown = MetricsSettings()
    main.run(settings, shown=shown, budget=PATIENT, cards_here=lambda: [Card(0, "0000:17:00.0")], try_walls=lambda _scratch: None)


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _given(tools: Tools) -> Any:
    """In place of the function that calibrates a sandbox and loads judges."""
    return lambda *_settings, **_more: tools


if __name__ == "__main__":
    order = next_order()
    if order is not None:
        work(order)
