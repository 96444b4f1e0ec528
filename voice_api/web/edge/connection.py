"""A connection of the API: uvicorn's, with a place among all, deadlines, and an end that lets its last answer arrive."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import h11
from starlette.types import Scope
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from scoring.errors import Code
from voice_api.schemas import Problem
from voice_api.web.edge.places import NoPlace, Places
from voice_api.web.edge.proxies import TrustedProxies
from voice_api.web.middleware import BODY_SECONDS, HEADERS, network_of


@dataclass(frozen=True, slots=True)
class ConnectionDeadlines:
    """The seconds that a caller may take."""

    head: float = 10.0
    """For a request's head, from the connection's begin or the end of the last answer."""
    body: float = BODY_SECONDS
    """For the rest of a body that was answered before it had come."""
    unread: float = 20.0
    """In which nothing of an answer is read."""


DEADLINES = ConnectionDeadlines()
_LISTENS = "listens"


def is_listening(scope: Scope) -> None:
    """Say of a request that its connection is counted by `LiveNews` from now on, and by nobody else."""
    scope.setdefault("state", {})[_LISTENS] = True


class StrictParser(h11.Connection):
    """It refuses what two readers may take for different requests: a length and chunks, of which a proxy may believe either."""

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """The next part of the request; raises RemoteProtocolError."""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = {name for name, _ in event.headers}
            if {b"content-length", b"transfer-encoding"} <= names:
                raise h11.RemoteProtocolError(
                    "a content-length and a transfer-encoding", error_status_hint=HTTPStatus.BAD_REQUEST
                )
        return event


class LingeringTransport(asyncio.Transport):
    """A transport that closes only its own direction while the caller still sends: a caller that is cut off never reads the answer."""

    def __init__(self, raw: asyncio.Transport, parser: h11.Connection) -> None:
        super().__init__()
        self._raw, self._parser = raw, parser
        self.lingers = False
        """Whether all is answered, and what still comes is thrown away."""

    def close(self) -> None:
        if self.is_closing():
            return
        if self._parser.their_state in (h11.SEND_BODY, h11.ERROR) and self._raw.can_write_eof():
            self.lingers = True
            self._raw.write_eof()
            self._raw.resume_reading()
        else:
            self._raw.close()

    def is_closing(self) -> bool:
        return self.lingers or self._raw.is_closing()

    def abort(self) -> None:
        self._raw.abort()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._raw.write(data)

    def pause_reading(self) -> None:
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        self._raw.resume_reading()

    def get_write_buffer_size(self) -> int:
        return self._raw.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._raw.get_extra_info(name, default)


class Connection(H11Protocol):
    """One connection."""

    transport: LingeringTransport

    def __init__(
        self,
        places: "Places[Connection]",
        proxies: TrustedProxies,
        deadlines: ConnectionDeadlines,
        *,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = StrictParser(h11.SERVER, self.conn._max_incomplete_event_size)
        self._places, self._proxies, self._deadlines = places, proxies, deadlines
        self._since = self.loop.time()
        self._unread = 0
        self._unread_since = self._since

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a place, or refuse."""
        super().connection_made(LingeringTransport(transport, self.conn))
        host = self.client[0] if self.client else "local"
        try:
            displaced = self._places.enter(self, None if host in self._proxies else network_of(host))
        except NoPlace:
            self._refuse(HTTPStatus.TOO_MANY_REQUESTS, Code.RATE_LIMITED, "too many connections at once", {"Retry-After": "5"})
            return
        if displaced is not None:
            displaced.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._places.leave(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless all is answered."""
        if not self.transport.lingers:
            super().data_received(data)
            self._stand()

    def on_response_complete(self) -> None:
        """Wait for the next request, or answer the one that has come already."""
        super().on_response_complete()
        self._since = self.loop.time()
        self._stand()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request."""
        self._refuse(HTTPStatus.BAD_REQUEST, Code.REQUEST_INVALID, f"{msg} A request has one length, or comes in chunks.")

    def check(self, now: float) -> None:
        """End what takes too long: a head, an unwanted body, an answer that is not read."""
        self._stand()
        unread = self.transport.get_write_buffer_size()
        if unread != self._unread or not unread:
            self._unread, self._unread_since = unread, now
        if unread:
            if now - self._unread_since > self._deadlines.unread:
                self.transport.abort()
        elif self._is_served() and not self.transport.lingers:
            return  # the application has deadlines of its own
        elif now - self._since > self._allowed():
            self._end()

    def _allowed(self) -> float:
        return self._deadlines.body if self.conn.their_state in (h11.SEND_BODY, h11.ERROR) else self._deadlines.head

    def _is_served(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete and not self.cycle.disconnected

    def _stand(self) -> None:
        """Tell the places whether a request waits to be whole, its body too, is served, or listens."""
        if not self._is_served() or self.conn.their_state is h11.SEND_BODY:
            self._places.wait(self)
        elif self.scope["state"].get(_LISTENS, False):
            self._places.step_aside(self)
        else:
            self._places.serve(self)

    def _end(self) -> None:
        if self.transport.is_closing() or not self.conn.trailing_data[0]:
            self.transport.abort()
        else:
            self._refuse(
                HTTPStatus.REQUEST_TIMEOUT, Code.REQUEST_INVALID, f"a request's head arrives within {self._deadlines.head:g} s"
            )

    def _refuse(self, status: HTTPStatus, code: Code, detail: str, more: Mapping[str, str] = {}) -> None:
        """Answer outside of the application, where an answer is still possible, and close."""
        if self._is_served():
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = Problem.of(code, status, detail).model_dump_json().encode()
            headers = {**HEADERS, "Content-Type": "application/problem+json", "Content-Length": str(len(body)), **more}
            answer = h11.Response(status_code=status, headers=[*headers.items(), ("Connection", "close")], reason=status.phrase)
            for event in (answer, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self._since = self.loop.time()
        self.transport.close()
