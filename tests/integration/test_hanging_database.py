"""A PostgreSQL that takes requests and answers none: whoever asks the API is told within seconds, not after minutes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit, urlunsplit

import httpx
import pytest
from pydantic import SecretStr

from scoring.errors import Code
from voice_api.settings import ApiSettings

SOCKET = ".s.PGSQL.5432"
PATIENCE = timedelta(seconds=0.4)
ENOUGH = 4 * PATIENCE.total_seconds()
"""Seconds: a connection, an answer and the connection's way back, each waited for once; and some for a busy machine."""


class Relay:
    """Stands between the API and PostgreSQL, and passes nothing on once it hangs."""

    def __init__(self, folder: Path, server: Path) -> None:
        self._here, self._there = folder / SOCKET, server / SOCKET
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: list[asyncio.Task[None]] = []

    def hang(self) -> None:
        """Pass nothing on any more."""
        self._flows.clear()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Take connections, as long as the context lasts."""
        async with await asyncio.start_unix_server(self._join, self._here):
            yield
            self._flows.set()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_unix_connection(self._there)
        self._tasks += [asyncio.create_task(self._pass(*ends)) for ends in ((reader, to_there), (there, writer))]

    async def _pass(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._flows.wait()
                target.write(data)
        finally:
            target.close()
            with suppress(OSError):
                await target.wait_closed()


@pytest.fixture
async def relay(database_url: str) -> AsyncIterator[tuple[Relay, str]]:
    """A relay to this test's database, and the URL through it."""
    parts = urlsplit(database_url)
    with TemporaryDirectory(prefix="voice-relay-") as folder:
        made = Relay(Path(folder), Path(parse_qs(parts.query)["host"][0]))
        async with made.serving():
            yield made, urlunsplit(parts._replace(query=f"host={folder}"))


@pytest.mark.parametrize("asked_before", [True, False], ids=["connected", "not yet connected"])
async def test_pages_say_so_within_seconds(
    relay: tuple[Relay, str],
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]],
    api_settings: Callable[..., ApiSettings],
    asked_before: bool,
) -> None:
    """The first page ends with the code of an outage, and the page of the parts is shown, whether or not there was a connection."""
    between, url = relay
    transport = await serve(api_settings(database_url=SecretStr(url), database_patience=PATIENCE))
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport) as client:
        if asked_before:
            assert (await client.get("/")).status_code == 200
        between.hang()
        begun = time.monotonic()
        first = await client.get("/")
        after_first = time.monotonic()
        status = await client.get("/status")
        after_status = time.monotonic()
    assert (first.status_code, first.json()["code"]) == (503, Code.DATABASE_UNAVAILABLE)
    assert (status.status_code, "Not known while PostgreSQL is away" in status.text) == (200, True)
    assert after_first - begun < ENOUGH and after_status - after_first < ENOUGH
