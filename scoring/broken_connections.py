"""Why a connection was not made or broke, in words: what Python and libraries call it says nothing to who looks after a host."""

import errno
import os
import re
import socket
from types import MappingProxyType

_MOST_CAUSES = 8
_NUMBER = re.compile(r"\[Errno (\d+)\]")
_WORDS = MappingProxyType(
    {
        errno.ECONNREFUSED: "nothing listens there",
        errno.ENOENT: "its socket is not there",
        errno.ECONNRESET: "the connection broke",
        errno.EPIPE: "the connection broke",
        errno.ETIMEDOUT: "it does not answer",
    }
)


def why_broken(error: BaseException) -> str:
    """What went wrong, from the error or what led to it; where no system's number says it, the words of the error's name.

    >>> why_broken(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"))
    'nothing listens there'
    """
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            break
        if words := _words(cause):
            return words
        cause = cause.__cause__ or cause.__context__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(error).__name__).lower()


def _words(error: BaseException) -> str | None:
    if isinstance(error, socket.gaierror):
        return "nobody knows its host's name"
    number = error.errno if isinstance(error, OSError) else None
    if number is None and isinstance(error, OSError) and (told := _NUMBER.search(str(error))):  # of several addresses
        number = int(told[1])
    if number is not None:
        return _WORDS.get(number) or os.strerror(number).lower()
    return "it does not answer" if isinstance(error, TimeoutError) else None
