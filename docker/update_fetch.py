"""How the record of a release is had from an address that may be anybody's: by TLS alone, in bounded time and size. Needs Python only."""

import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO

_MAX_BYTES = 256 << 10
_HTTPS = "https://"
_SILENT_SECONDS = 30.0
"""Without a byte."""
_ALL_SECONDS = 120.0
"""From the first byte to the last: who sends one a minute keeps nobody."""


class NoRecord(Exception):
    """There is no record to be had; the message says why, in words of ours alone."""


def fetch(place: str) -> bytes:
    """The bytes at an https:// address, or in a file; raises NoRecord."""
    read = _in_time(lambda: _answer(place), _ALL_SECONDS) if "://" in place else _content(Path(place))
    if len(read) > _MAX_BYTES:
        raise NoRecord("it is larger than the record of a release")
    return read


def shown(place: str) -> str:
    """A place as a line of a log may have it: no user, no password and no question of an address."""
    if "://" not in place:
        return place
    rest = place.partition("://")[2].partition("?")[0].partition("#")[0]
    return f"{place.partition('://')[0]}://{rest.rpartition('@')[2]}"


class _OnlyTls(urllib.request.HTTPRedirectHandler):
    """Follows to where the next address is https://, too: an answer in the clear is anybody's."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        """The next request; raises NoRecord."""
        if not newurl.startswith(_HTTPS):
            fp.close()
            raise NoRecord("it leads to an address that is no https:// one")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES + 1)
    except (OSError, ValueError) as exc:
        raise NoRecord(_why(exc)) from exc


def _answer(place: str) -> bytes:
    if not place.startswith(_HTTPS):
        raise NoRecord("it is no https:// address")
    try:
        with urllib.request.build_opener(_OnlyTls).open(place, timeout=_SILENT_SECONDS) as answer:
            read: bytes = answer.read(_MAX_BYTES + 1)
            return read
    except urllib.error.HTTPError as exc:
        exc.close()
        raise NoRecord(f"it answers {exc.code}") from exc
    except (OSError, ValueError, HTTPException) as exc:
        raise NoRecord(_why(exc)) from exc


def _in_time(work: Callable[[], bytes], seconds: float) -> bytes:
    """What the work comes to, unless it takes longer; raises NoRecord, and leaves it alone then: this process ends soon."""
    made: list[bytes | NoRecord] = []

    def run() -> None:
        try:
            made.append(work())
        except NoRecord as exc:
            made.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not made:
        raise NoRecord(f"it was not all there within {seconds:.0f} s")
    if isinstance(made[0], NoRecord):
        raise made[0]
    return made[0]


def _why(exc: OSError | ValueError | HTTPException) -> str:
    """What went wrong; of what a stranger sent nothing is repeated."""
    cause = exc.reason if isinstance(exc, urllib.error.URLError) else exc
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate does not hold: {cause.verify_message}"
    if isinstance(cause, TimeoutError):
        return "it does not answer"
    if isinstance(cause, OSError):
        return cause.strerror or "the connection broke"
    return "it is no address, or what answers there is no web server"
