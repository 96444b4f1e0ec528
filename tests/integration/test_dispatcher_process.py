"""`voice dispatcher` as a process: it shows its numbers, logs JSON, and ends when asked to."""

import asyncio
import json
import os
import signal
import socket
import sys

import httpx

PATIENCE = 30.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


async def leading(port: int) -> bool:
    """Whether the process says that it leads."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        try:
            return "voice_dispatcher_leading 1.0" in (await browser.get(f"http://127.0.0.1:{port}/metrics")).text
        except httpx.HTTPError:
            return False


async def test_it_shows_its_numbers_and_ends_in_good_order(database_url: str, redis_url: str) -> None:
    """Numbers on the port that it is told, every line JSON and none with an address of a server, exit status 0 on SIGTERM."""
    port = free_port()
    environment = {
        "PATH": os.defpath,
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "VOICE_LOG_FORMAT": "json",
        "VOICE_METRICS_PORT": str(port),
    }
    command = (sys.executable, "-m", "neurons.cli", "dispatcher")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(PATIENCE):
            while not await leading(port):  # noqa: ASYNC110  # another process changes what is waited for
                await asyncio.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            _, printed = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = [json.loads(line) for line in printed.splitlines()]
    assert process.returncode == 0
    assert [line["event"] for line in lines] == ["leading"]
    assert database_url not in printed.decode()
