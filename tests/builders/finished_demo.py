"""What `make demo` leaves: run once for a whole run of the tests, and its data served by an API of one's own."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from neurons.chain import wallets
from neurons.localnet.layout import Layout
from neurons.localnet.network import COMPETITION, HOTKEY
from neurons.localnet.services import pick_port, start_postgres, start_redis
from tests.builders.processes import Processes
from voice_api.db import migrate

_DEMO_SECONDS, _START_SECONDS = 580, 30


@dataclass(frozen=True, slots=True)
class FinishedDemo:
    """A demo that ended: its folder, and what it said."""

    folder: Path
    seen: Mapping[str, Any]
    """Its `--json`."""
    told: str = ""
    """What it printed beside that while it ran."""


@dataclass(frozen=True, slots=True)
class ServedDemo:
    """A copy of a finished demo's data behind an API."""

    url: str
    database_url: str
    layout: Layout
    hotkey: str
    """The validator's, as which the API answers."""


def finished_demo(shared: Path) -> FinishedDemo:
    """The one demo of this run: whoever asks first runs it, the others wait. `shared` is a folder of all the run's processes."""
    folder, said = shared / "demo", shared / "demo.json"
    with (shared / "demo.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not said.exists():
            shutil.rmtree(folder, ignore_errors=True)
            process = subprocess.run(
                [sys.executable, "-m", "neurons.cli", "demo", "--data", str(folder), "--once", "--json"],
                capture_output=True,
                text=True,
                timeout=_DEMO_SECONDS,
                start_new_session=True,
                env={name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
                check=False,
            )
            said.write_text(json.dumps({"status": process.returncode, "out": process.stdout, "errors": process.stderr}))
    answer = json.loads(said.read_text())
    assert answer["status"] == 0, answer["errors"]
    return FinishedDemo(folder, json.loads(answer["out"]), answer["errors"])


@contextmanager
def served_demo(folder: Path, **settings: str) -> Iterator[ServedDemo]:
    """Copy a finished demo's data and serve it, until left; `settings` are of the API's environment."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(TemporaryDirectory(prefix="voice-served-")))
        subprocess.run(["cp", "-a", *(str(folder / name) for name in ("postgres", "store", "wallets")), str(root)], check=True)
        layout = Layout(root)
        postgres, redis = start_postgres(layout.postgres, durable=False), start_redis(layout.redis)
        stack.callback(postgres.stop)
        stack.callback(redis.stop)
        asyncio.run(migrate.upgrade(postgres.url))  # the demo may be of an earlier day
        layout.logs.mkdir()
        processes = Processes(layout.logs)
        stack.callback(processes.stop)
        port, hotkey = pick_port(None), wallets.load("validator", HOTKEY, layout.wallets).hotkey.ss58_address
        environment = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "VOICE_API_HOTKEY": hotkey,
            "VOICE_STORE": str(layout.store),
            "VOICE_COMPETITION": str(COMPETITION),
            "VOICE_RATE_PER_MINUTE": "0",
            "VOICE_RATE_ADDRESS_PER_MINUTE": "0",
        }
        arguments = ["api", "--host", "127.0.0.1", "--port", str(port)]
        processes.start("api", "neurons.cli", arguments, environment | settings)
        served = ServedDemo(f"http://127.0.0.1:{port}", postgres.url, layout, hotkey)
        _await(served, processes)
        yield served


def _await(served: ServedDemo, processes: Processes) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and not processes.dead():
        try:
            if httpx.get(f"{served.url}/readyz", timeout=2.0).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise AssertionError((served.layout.logs / "api.log").read_text()[-2000:])
