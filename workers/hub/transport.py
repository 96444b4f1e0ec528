"""GET requests to a hub: bounded in time as a whole, whatever trickles, and to addresses of the public network only."""

import email.utils
import ipaddress
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from http import HTTPStatus
from urllib.parse import SplitResult, urljoin, urlsplit

import httpcore

from scoring.broken_connections import why_broken
from scoring.errors import Code, InfrastructureFault

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_MAX_WAITS = 3
_LONGEST_WAIT = timedelta(seconds=30)
"""A longer one is left to whoever tries again: this process has other things to do meanwhile."""
_LONGEST_ASKED = timedelta(days=1)
_PORTS = {"http": 80, "https": 443}
_TRANSLATING = (ipaddress.ip_network("64:ff9b::/32"), ipaddress.ip_network("2002::/16"))
"""IPv6 addresses that stand for any IPv4 address, private ones as well."""
_HEADERS = {"User-Agent": "voice-subnet", "Accept-Encoding": "identity"}
_LATE = (httpcore.TimeoutException, TimeoutError)
_BROKEN = (*_LATE, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError, ValueError)
"""Errors of a connection, or of an address that is none."""


class HubBusy(InfrastructureFault):
    """The hub asks to be left alone for `retry_after`."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(Code.HUB_UNAVAILABLE, f"the hub asks to wait {retry_after.total_seconds():.0f} seconds")
        self.retry_after = retry_after


class HubBroken(InfrastructureFault):
    """The hub cannot be reached, breaks off or takes too long."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.HUB_UNAVAILABLE, detail)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, but for its body. `is_own`: the hub's own, not that of a server it sends its readers to. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    is_own: bool
    body: Iterator[bytes]

    @property
    def length(self) -> int | None:
        """Bytes of the body, as announced."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() else None


class Deadline:
    """The end of everything that is done for one question, or for one download."""

    def __init__(self, total: timedelta) -> None:
        self._end = time.monotonic() + total.total_seconds()

    def allows(self, pause: timedelta) -> bool:
        """Whether it is further away than a pause."""
        return time.monotonic() + pause.total_seconds() < self._end

    def left(self) -> float:
        """Seconds, more than 0; raises TimeoutError once there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("the hub takes too long to answer")
        return left


class Session:
    """GETs to one hub, which all end before the deadline; each wait for bytes ends after `answer`. Close it by its context.

    The endpoint is the operator's own choice, wherever it lies; whatever it sends its readers to has to lie in the public network.
    """

    def __init__(self, endpoint: str, answer: timedelta, deadline: Deadline) -> None:
        self._hub, self._answer, self._deadline = _origin(urlsplit(endpoint)), answer, deadline
        backend = _Backend(self._hub[1:], deadline)
        self._pool = httpcore.ConnectionPool(ssl_context=_ssl_context(), network_backend=backend)

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_error: object) -> None:
        self._pool.close()

    @contextmanager
    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        """The answer to a GET, after redirects and after short waits that a busy hub asks for; its body is read as it comes.

        Raises HubBroken, also while the body is read, HubBusy for a longer wait, and InfrastructureFault for a redirect to nowhere.
        """
        waits = 0
        while True:
            with self._followed(url, headers or {}) as answer:
                pause = _retry_after(answer, datetime.now(UTC))
                if pause is None:
                    yield answer
                    return
            if pause > _LONGEST_WAIT or waits == _MAX_WAITS or not self._deadline.allows(pause):
                raise HubBusy(pause)
            waits += 1
            time.sleep(pause.total_seconds())

    @contextmanager
    def _followed(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        for _ in range(_MAX_REDIRECTS + 1):
            with self._asked(url, headers) as answer:
                if answer.status not in _REDIRECTS:
                    yield answer
                    return
                location = answer.headers.get("location", "")
            with _translated():
                url = _target(url, location)
        raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub redirects without end")

    @contextmanager
    def _asked(self, url: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        seconds = self._answer.total_seconds()
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), seconds)
        with ExitStack() as stack:
            with _translated():
                is_own = _origin(urlsplit(url)) == self._hub
                request = self._pool.stream(
                    "GET", url, headers=[*_HEADERS.items(), *headers.items()], extensions={"timeout": timeouts}
                )
                response = stack.enter_context(request)
            named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if named.get("content-encoding", "identity") != "identity":
                raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub packs what it was asked to give as it is")
            yield Answer(response.status, named, is_own, _body(response))


def _body(response: httpcore.Response) -> Iterator[bytes]:
    with _translated():
        yield from response.iter_stream()


@contextmanager
def _translated() -> Iterator[None]:
    """Turn a connection's errors into ours."""
    try:
        yield
    except _LATE as exc:
        raise HubBroken("the hub takes too long to answer") from exc
    except _BROKEN as exc:
        raise HubBroken(f"the hub cannot be reached or broke off ({why_broken(exc)})") from exc


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for all: to read the certificates of all authorities takes a while."""
    return httpcore.default_ssl_context()


def _origin(url: SplitResult) -> tuple[str, str, int]:
    """Scheme, host and port; raises ValueError for what is no web address."""
    if url.scheme not in _PORTS or not url.hostname:
        raise ValueError(f"{url.geturl()[:80]!r} is no web address")
    return url.scheme, url.hostname, url.port or _PORTS[url.scheme]


def _target(url: str, location: str) -> str:
    """The address that a redirect names; raises ValueError for none, and InfrastructureFault for one without encryption."""
    target = urljoin(url, location)
    scheme = _origin(urlsplit(target))[0]
    if url.startswith("https:") and scheme != "https":
        raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub redirects to a connection that is not encrypted")
    return target


def _retry_after(answer: Answer, now: datetime) -> timedelta | None:
    """The time that a busy hub asks to wait, in seconds or until a date; None where it does not ask."""
    text = answer.headers.get("retry-after", "").strip()
    if answer.status not in _BUSY or not text:
        return None
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_ASKED)
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta(0)), _LONGEST_ASKED)


class _Backend(httpcore.NetworkBackend):
    """Connects to addresses that were looked at after the names were resolved; `trusted` is the operator's own host and port."""

    def __init__(self, trusted: tuple[str, int], deadline: Deadline) -> None:
        self._trusted, self._deadline = trusted, deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of a host that takes the connection; raises InfrastructureFault where none is public."""
        addresses = _resolved(host, port, _least(timeout, self._deadline))
        if (host.lower(), port) != self._trusted:
            addresses = [address for address in addresses if is_public(address)]
        if not addresses:
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub redirects to an address that is not of the public network")
        for address in addresses[:-1]:
            try:
                stream = self._plain.connect_tcp(
                    address, port, _least(timeout, self._deadline), local_address, socket_options=socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
            return _Stream(stream, self._deadline)
        last = _least(timeout, self._deadline)
        return _Stream(
            self._plain.connect_tcp(addresses[-1], port, last, local_address, socket_options=socket_options), self._deadline
        )


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends with the deadline: bytes that come one by one do not put it off."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some bytes."""
        return self._stream.read(max_bytes, _least(timeout, self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of the bytes."""
        self._stream.write(buffer, _least(timeout, self._deadline))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted."""
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _least(timeout, self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> object:
        """What the pool asks about a connection that it keeps."""
        return self._stream.get_extra_info(info)


def _least(timeout: float | None, deadline: Deadline) -> float:
    left = deadline.left()
    return left if timeout is None else min(timeout, left)


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """A host's addresses, in the system's order; raises OSError, TimeoutError too: the system's own resolver knows no deadline."""
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put([str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except (OSError, UnicodeError) as exc:
            answers.put(exc if isinstance(exc, OSError) else OSError(f"{host[:80]!r} is no host"))

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"{host[:80]} cannot be resolved in time") from None
    if isinstance(found, OSError):
        raise found
    return found


def is_public(address: str) -> bool:
    """Whether an IP address is one of the public network: no loopback, no link, nothing private, nothing that stands for those."""
    ip = ipaddress.ip_address(address)
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    found = mapped or ip
    return found.is_global and not found.is_multicast and not any(ip in network for network in _TRANSLATING)
