"""Processes that are started before PostgreSQL: they wait for it, say so, and end when they are asked to."""

import asyncio
import json
import os
import resource
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from neurons.localnet.services import pick_port, start_postgres
from scoring.errors import Code
from tests.builders.addresses import ALICE
from voice_api.db.migrate import upgrade

PATIENCE = 30.0
HOLD = """
import os
from neurons.cli import logs
from voice_api.runtime import reachable
logs.configure()
reachable.hold(os.environ["DATABASE_URL"], os.environ["REDIS_URL"])
"""
API = ("-m", "neurons.cli", "api")
LIMITED = (
    "-c",
    "import os, resource, sys; files = resource.RLIMIT_NOFILE; resource.setrlimit(files, (300, resource.getrlimit(files)[1]));"
    f" os.execv(sys.executable, [sys.executable, *{API!r}])",
)
DISPATCHER = ("-m", "neurons.cli", "dispatcher")
WORKER = ("-c", HOLD)
"""How a worker's start begins; the rest of it takes seconds."""


@pytest.fixture(scope="module")
def later() -> Iterator[tuple[Path, str]]:
    """A migrated PostgreSQL that does not run, and whoever starts it stops it: its folder, and the address that it will have."""
    with TemporaryDirectory(prefix="voice-later-") as name:
        folder = Path(name) / "postgres"
        service = start_postgres(folder, durable=False)
        asyncio.run(upgrade(service.url))
        service.stop()
        yield folder, service.url


@asynccontextmanager
async def running(command: tuple[str, ...], environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """A process of ours, which is gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env={"PATH": os.defpath, **environment}, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def environment(database_url: str, redis_url: str) -> Mapping[str, str]:
    """Of any of them; the API listens on a port of its own."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "VOICE_API_HOTKEY": ALICE,
        "VOICE_API_PORT": str(pick_port(None)),
        "VOICE_DISPATCH_SECONDS": "0.2",
        "VOICE_LOG_FORMAT": "json",
    }


async def hear(process: Process, what: str) -> Any:
    """The next line of its log that holds something."""
    while True:
        line = await process.stderr.readline() if process.stderr else b""
        assert line, f"it ended with {process.returncode}"
        if what in line.decode():
            return json.loads(line)


@pytest.mark.parametrize(
    ("command", "then"),
    [
        pytest.param(API, "PostgreSQL and Redis answer", id="API"),
        pytest.param(DISPATCHER, "leading", id="dispatcher"),
        pytest.param(WORKER, "PostgreSQL and Redis answer", id="worker"),
    ],
)
async def test_it_waits_for_a_postgresql_that_starts_later(
    later: tuple[Path, str], redis_url: str, command: tuple[str, ...], then: str
) -> None:
    """It says what is away, under its code, and goes on by itself once that is there."""
    folder, url = later
    async with running(command, environment(url, redis_url)) as process:
        assert (await hear(process, '"code"'))["code"] == Code.DATABASE_UNAVAILABLE
        service = await asyncio.to_thread(start_postgres, folder, durable=False)
        try:
            assert (await hear(process, then))["level"] == "info"
            process.send_signal(signal.SIGTERM)
            await process.wait()
        finally:
            await asyncio.to_thread(service.stop)


async def test_the_api_answers_meanwhile(later: tuple[Path, str], redis_url: str) -> None:
    """Whoever asks is told what is away; and a host's low limit of open files is raised as far as it may be."""
    _, url = later
    given = environment(url, redis_url)
    async with running(LIMITED, given) as process, httpx.AsyncClient(trust_env=False) as browser:
        for _ in range(2):  # the first time it does not listen yet
            await hear(process, '"code"')
        answer = await browser.get(f"http://127.0.0.1:{given['VOICE_API_PORT']}/v1/queue")
        soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard
    assert (answer.status_code, answer.json()["code"]) == (503, Code.DATABASE_UNAVAILABLE)


@pytest.mark.parametrize(
    "command", [pytest.param(API, id="API"), pytest.param(DISPATCHER, id="dispatcher"), pytest.param(WORKER, id="worker")]
)
async def test_it_ends_at_once_while_it_waits(redis_url: str, command: tuple[str, ...]) -> None:
    """SIGTERM needs no PostgreSQL, and no patience."""
    async with running(command, environment("postgresql://127.0.0.1:1/voice", redis_url)) as process:
        await hear(process, '"code"')
        await asyncio.sleep(3.6)  # by now it waits for 4 s, longer than it takes to end, and has said so once
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        await process.wait()
    assert (process.returncode in {0, -signal.SIGTERM}, time.monotonic() - asked < 3.0) == (True, True)
