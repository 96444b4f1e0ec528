"""Caddy in front of the API, as docker/Caddyfile has it: who asks is known, nothing is held back, and too much is refused early."""

import asyncio
import json
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import bittensor as bt
import httpx
import pytest

from neurons.localnet.services import pick_port
from scoring.errors import Code
from scoring.receipts.store import StoreLayout
from tests.integration.recordings import Miner, wav
from tests.integration.test_api_reads import keep
from voice_api.db.database import Pool
from voice_api.runtime.process_end import die_with_parent
from voice_api.schemas import Problem
from voice_api.settings import ApiSettings

CADDYFILE = Path(__file__).parents[2] / "docker" / "Caddyfile"
pytestmark = pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed (Debian: apt install caddy)")
SILENCE = 1.0
"""Seconds for which Caddy waits for a request's head or body, or keeps a silent connection."""
MOST = 256 * 1024
NOBODY = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Front:
    """A running Caddy."""

    port: int
    trust: ssl.SSLContext
    log: Path

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def transport(self, address: str = "127.3.0.1") -> httpx.AsyncHTTPTransport:
        """The way of somebody who has an address."""
        return httpx.AsyncHTTPTransport(verify=self.trust, local_address=address)

    def client(self, address: str = "127.3.0.1") -> httpx.AsyncClient:
        """Somebody who has an address."""
        return httpx.AsyncClient(base_url=self.url, transport=self.transport(address), timeout=20)

    def told(self) -> list[tuple[str, int, str]]:
        """Address, status and path of each request, by the log."""
        lines = (json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines())
        return [(line["request"]["remote_ip"], line["status"], line["request"]["uri"]) for line in lines]


@pytest.fixture
def caddy(tmp_path: Path) -> Iterator[Callable[[str], Front]]:
    """Start Caddy before an API; it makes its certificate itself, and ends with the test."""
    folder, running = tmp_path / "caddy", list[subprocess.Popen[bytes]]()
    folder.mkdir()

    def start(api: str) -> Front:
        ports = [pick_port(None) for _ in range(3)]
        named = dict(zip(("HTTPS_PORT", "HTTP_PORT", "HEALTH_PORT"), map(str, ports), strict=True))
        environment = {
            **named,
            "API": api.removeprefix("http://"),
            **dict.fromkeys(("HEAD_SECONDS", "BODY_SECONDS", "IDLE_SECONDS"), str(SILENCE)),
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "SITE": "127.0.0.1",
            "VOICE_UPLOAD_BYTES": str(MOST),
            "XDG_DATA_HOME": str(folder),
        }
        with (folder / "access").open("wb") as log, (folder / "said").open("wb") as said:
            command = ("caddy", "run", "--adapter", "caddyfile", "--config", str(CADDYFILE))
            running.append(subprocess.Popen(command, env=environment, stdout=log, stderr=said, preexec_fn=die_with_parent))
        trust = _trusted(running[-1], ports[0], folder)
        return Front(ports[0], trust, folder / "access")

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def _trusted(process: subprocess.Popen[bytes], port: int, folder: Path) -> ssl.SSLContext:
    """Whom to trust, as soon as Caddy has a certificate of its own making."""
    end = monotonic() + 20
    while monotonic() < end and process.poll() is None:
        with suppress(OSError):
            trust = ssl.create_default_context(cafile=folder / "caddy" / "pki" / "authorities" / "local" / "root.crt")
            with socket.create_connection(("127.0.0.1", port)) as plain, trust.wrap_socket(plain, server_hostname="127.0.0.1"):
                return trust
        sleep(0.02)
    raise TimeoutError((folder / "said").read_text(encoding="utf-8"))


async def test_a_forged_address_counts_for_nothing(
    caddy: Callable[[str], Front], listen: Callable[..., str], api_settings: Callable[..., ApiSettings]
) -> None:
    """Each person behind the proxy has a rate of their own, by the address that Caddy sees, and so does its log."""
    front = caddy(listen(api_settings(rate_address_per_minute=2, trusted_proxies="127.0.0.1")))
    async with front.client("127.3.0.1") as one, front.client("127.3.0.2") as other:
        forged = [await one.get("/v1/queue", headers={"X-Forwarded-For": f"198.51.100.{number}"}) for number in range(4)]
        honest = await other.get("/v1/queue")
    assert [answer.status_code for answer in (*forged, honest)] == [200, 200, 429, 429, 200]
    expected = [("127.3.0.1", 200), ("127.3.0.1", 200), ("127.3.0.1", 429), ("127.3.0.1", 429), ("127.3.0.2", 200)]
    assert front.told() == [(*each, "/v1/queue") for each in expected]
    assert "198.51.100" not in front.log.read_text(encoding="utf-8")


async def test_browsers_are_told_to_keep_to_tls(
    caddy: Callable[[str], Front], listen: Callable[..., str], api_settings: Callable[..., ApiSettings]
) -> None:
    """And the API's own headers arrive; nothing says which server it is, HTTP/2 is offered, and the numbers are not shown."""
    front = caddy(listen(api_settings()))
    async with front.client() as client:
        page, numbers = await client.get("/"), await client.get("/metrics")
    front.trust.set_alpn_protocols(["h2", "http/1.1"])
    _, writer = await asyncio.open_connection("127.0.0.1", front.port, ssl=front.trust)
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    assert (page.headers["x-frame-options"], page.headers.get("server")) == ("DENY", None)
    assert (page.status_code, numbers.status_code) == (200, 404)
    assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
    writer.close()


async def test_a_body_that_says_it_is_too_large_never_reaches_the_api(caddy: Callable[[str], Front]) -> None:
    """413 with the API's own problem, though no API is there; what is small enough is asked of it, and it does not answer."""
    async with caddy(NOBODY).client() as client:
        large = await client.post("/v1/validations", content=bytes(MOST + 1))
        small = await client.post("/v1/validations", content=bytes(MOST))
    named = Problem.of(Code.BODY_TOO_LARGE, 413, f"a body has at most {MOST} bytes", large.json()["request_id"])
    assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")
    assert Problem.model_validate_json(large.content) == named
    assert small.status_code == 502


async def test_a_body_that_does_not_say_its_size_is_cut_off(
    caddy: Callable[[str], Front], listen: Callable[..., str], api_settings: Callable[..., ApiSettings]
) -> None:
    """In chunks no more than the limit passes, whatever the API would take."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MOST // 1024 + 1):
            yield bytes(1024)

    async with caddy(listen(api_settings(upload_bytes=MOST * 4))).client() as client:
        assert (await client.post("/v1/validations", content=endless())).status_code == 413


async def test_news_arrive_at_once_and_after_a_long_silence(
    caddy: Callable[[str], Front],
    listen: Callable[..., str],
    api_settings: Callable[..., ApiSettings],
    pool: Pool,
    writer: bt.Wallet,
) -> None:
    """A stream is no idle connection, and no request that never ends."""
    settings = api_settings()
    front = caddy(listen(settings))
    miner = Miner(pool, settings, writer, front.transport(), front.url)
    async with asyncio.timeout(10), front.client() as client, client.stream("GET", "/v1/live") as stream:
        lines = (line async for line in stream.aiter_lines() if line.startswith(("event", "data")))
        began = monotonic()
        first = [await anext(lines), await anext(lines)]
        at_once = monotonic() - began
        await asyncio.sleep(1.5 * SILENCE)
        await miner.register(writer, 10)
        second = [await anext(lines), await anext(lines)]
    assert (first, second) == (["event: listening", "data: []"], ["event: change", 'data: ["registry"]'])
    assert at_once < SILENCE


async def test_sounds_go_in_and_come_out(
    caddy: Callable[[str], Front],
    listen: Callable[..., str],
    api_settings: Callable[..., ApiSettings],
    pool: Pool,
    writer: bt.Wallet,
    tmp_path: Path,
) -> None:
    """A signed upload is taken as it was signed; a sample is served whole and in parts."""
    settings = api_settings(store_place=tmp_path / "store")
    front, name = caddy(listen(settings)), keep(tmp_path / "store")
    flac, upload = StoreLayout(tmp_path / "store").audio(name).read_bytes(), wav(bytes(100_000))
    async with Miner(pool, settings, writer, front.transport(), front.url) as miner:
        taken = await miner.post(upload)
        whole = await miner.browser.get(f"/v1/samples/{name}")
        part = await miner.browser.get(f"/v1/samples/{name}", headers={"Range": "bytes=4-99"})
        assert (taken.status_code, await miner.uploads()) == (202, [upload])
    assert (whole.status_code, whole.content) == (200, flac)
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, flac[4:100], f"bytes 4-99/{len(flac)}")


async def test_who_never_ends_a_request_is_let_go(
    caddy: Callable[[str], Front], listen: Callable[..., str], api_settings: Callable[..., ApiSettings]
) -> None:
    """Neither a silent connection nor half a head or a body holds a place for long, and others are served meanwhile."""
    front = caddy(listen(api_settings()))
    begun = {
        b"\x16\x03\x01": None,
        b"GET /v1/leaderboard HTTP/1.1\r\nHost: 127": front.trust,
        b"POST /v1/speech HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{": front.trust,
    }
    async with AsyncExitStack() as slow, front.client("127.3.0.2") as client:
        ends = list[Awaitable[bytes]]()
        for sent, trust in [*begun.items()] * 15:
            reader, writer = await asyncio.open_connection("127.0.0.1", front.port, ssl=trust, local_addr=("127.3.0.1", 0))
            slow.callback(writer.close)
            writer.write(sent)
            ends.append(reader.read())
        served = await client.get("/v1/leaderboard")
        async with asyncio.timeout(8 * SILENCE):
            await asyncio.gather(*ends)
    assert served.status_code == 200
