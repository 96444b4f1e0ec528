"""A guest's threads, one by one: the kernel asks its worker before it makes each, so that there are never many more than it may have."""

import errno
import fcntl
import os
import select
import socket
import struct
from contextlib import suppress

_RECEIVE, _SEND = 0xC0502100, 0xC0182101
"""Requests to a seccomp listener: the next question, and its answer."""
_QUESTION_BYTES = 80
_ANSWER = struct.Struct("=QqiI")
_GO_ON = 1


class ThreadGate:
    """The worker's end. The guest puts up a filter that asks, sends the filter's listener through `there`, and never sees it again."""

    def __init__(self) -> None:
        self._here, self._there = socket.socketpair()
        self.there = self._there.fileno()
        """The number of the guest's end, which it inherits."""
        self._listener = -1

    def started(self) -> None:
        """The guest has its end, or does not live."""
        self._there.close()

    def open(self) -> int | None:
        """The listener, which is readable while a question waits; None where the kernel gives none, as before Linux 5.7 and in a
        container whose own filter asks already. Called once, when the guest says that its walls stand."""
        with suppress(BlockingIOError):
            self._here.setblocking(False)
            _, listeners, _, _ = socket.recv_fds(self._here, 1, 1)
            self._listener = listeners[0] if listeners else -1
        return None if self._listener < 0 else self._listener

    @property
    def is_asked(self) -> bool:
        """Whether a question waits. A listener whose guest has ended is readable, too, and older kernels wait there for ever."""
        waiting = select.poll()
        waiting.register(self._listener, select.POLLIN)
        return any(events & select.POLLIN for _, events in waiting.poll(0))

    def answer(self, *, permit: bool) -> None:
        """Answer one question; who asked may have ended meanwhile. A refused call fails as where a system has no more threads."""
        question = bytearray(_QUESTION_BYTES)
        with suppress(FileNotFoundError):
            fcntl.ioctl(self._listener, _RECEIVE, question)
            (asked,) = struct.unpack_from("=Q", question)
            fcntl.ioctl(self._listener, _SEND, _ANSWER.pack(asked, 0, 0 if permit else -errno.EAGAIN, _GO_ON if permit else 0))

    def close(self) -> None:
        """Close both ends."""
        self._here.close()
        self._there.close()
        if self._listener >= 0:
            os.close(self._listener)
            self._listener = -1
