"""A load generator: keep-alive connections that ask as fast as they are answered. It reads HTTP/1.1 answers with a declared length."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class Load:
    """Result of a load: seconds of each answer, and of the whole."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def add(self, other: Self) -> None:
        """Another turn's."""
        self.seconds += other.seconds
        self.latencies += other.latencies

    @property
    def rate(self) -> float:
        """Answers per second."""
        return len(self.latencies) / self.seconds

    @property
    def p99(self) -> float:
        """Seconds that one answer of a hundred takes longer than."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def get(path: str) -> bytes:
    """A request."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


async def fetch(port: int, request: bytes) -> tuple[int, bytes]:
    """Ask once: status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await _answer(reader)
    finally:
        writer.close()
        await writer.wait_closed()


async def load(port: int, request: Callable[[], bytes], connections: int, seconds: float) -> Load:
    """Ask over so many connections for so long; raises RuntimeError for an answer that is not a success."""
    started = time.perf_counter()
    latencies: list[float] = []
    await asyncio.gather(*(_ask(port, request, started + seconds, latencies) for _ in range(connections)))
    return Load(time.perf_counter() - started, latencies)


async def _ask(port: int, request: Callable[[], bytes], until: float, latencies: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        while (began := time.perf_counter()) < until:
            writer.write(request())
            status, body = await _answer(reader)
            if status >= 300:
                raise RuntimeError(f"answered {status}: {body[:300]!r}")
            latencies.append(time.perf_counter() - began)
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)
