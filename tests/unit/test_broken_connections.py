"""Why a connection broke is told in words, whatever library says it."""

import errno
import socket

import httpx
import pytest
import redis

from scoring.broken_connections import why_broken


def caused(error: BaseException, cause: BaseException) -> BaseException:
    """An error that another one led to."""
    error.__cause__ = cause
    return error


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 5432)")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(REFUSED, "nothing listens there", id="refused"),
        pytest.param(caused(httpx.ConnectError("x"), caused(RuntimeError(), REFUSED)), "nothing listens there", id="deep inside"),
        pytest.param(OSError("Multiple exceptions: [Errno 111] x, [Errno 111] y"), "nothing listens there", id="several"),
        pytest.param(FileNotFoundError(errno.ENOENT, "x"), "its socket is not there", id="no socket"),
        pytest.param(socket.gaierror(-2, "x"), "nobody knows its host's name", id="no name"),
        pytest.param(PermissionError(errno.EACCES, "x"), "permission denied", id="as the system says"),
        pytest.param(TimeoutError(), "it does not answer", id="late"),
        pytest.param(redis.BusyLoadingError("secret"), "busy loading error", id="no system's error"),
    ],
)
def test_why_a_connection_broke_is_words(error: BaseException, words: str) -> None:
    """No name of Python's, and nothing of what a library says, which may be an address."""
    assert why_broken(error) == words
