"""A guest as a child process: start it, talk to it with deadlines, watch its memory, end it for certain."""

import os
import select
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from workers.sandbox.clean_environment import clean_environment
from workers.sandbox.confinement import Scratch
from workers.sandbox.guest.frames import HEADER, Frame, FrameKind, Malformed, parse_header, payload_limit
from workers.sandbox.limits import THREADS
from workers.sandbox.own_group import OwnGroup
from workers.sandbox.thread_gate import ThreadGate
from workers.sandbox.watch import look

_POLL_SECONDS = 0.1
_LAST_BREATH_SECONDS = 2.0
_DISMISSAL_SECONDS = 1.0
_PATIENCE_SECONDS = 1.0
"""One look at the guest takes a tenth of this; longer ones mean that the worker itself did not run."""
_CHUNK = 1 << 16
_LOG_BYTES = 1 << 16


class DeadlinePassed(Exception):
    """The guest did not answer in time."""


class TooMuchMemory(Exception):
    """The guest holds more memory, or more in its scratch folder, than it may."""


class TooManyThreads(Exception):
    """The guest runs more threads than any model needs: the host's own supply is at stake."""


_STEPS = frozenset({FrameKind.CONFINED, FrameKind.PREPARED})
"""The steps before a guest opens a stranger's file, each said once."""


class GuestDied(Exception):
    """The guest ended before it answered. `signal` is 0 where it exited by itself; `cpu_seconds` is the processor time that it had used,
    `held_bytes` the most memory that it was seen with."""

    def __init__(self, status: int, cpu_seconds: float, held_bytes: int) -> None:
        super().__init__(f"the guest ended with status {status}")
        self.signal = max(0, -status)
        self.cpu_seconds, self.held_bytes = cpu_seconds, held_bytes


class GuestProcess:
    """One guest; a context manager that leaves no process behind. Only `kill` may be called by another thread."""

    def __init__(
        self,
        program: Sequence[str],
        scratch: Scratch,
        threads: int,
        ram_bytes: int,
        scratch_bytes: int,
        *,
        on_card: bool = False,
        group: OwnGroup | None = None,
    ) -> None:
        self._group = group
        self._scratch, self._ram_bytes, self._scratch_bytes = scratch, ram_bytes, scratch_bytes
        self._received, self._log, self._held_bytes = bytearray(), bytearray(), 0
        self._ending = threading.Lock()  # a process id may be another's as soon as its death was noted
        self._gate, self._listener = ThreadGate(), -1
        orders_read, self._orders = os.pipe()
        self._answers, answers_write = os.pipe()
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", *program, str(orders_read), str(answers_write)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(orders_read, answers_write, self.gate),
                start_new_session=True,
                cwd=scratch.room,
                env=clean_environment(scratch.room, threads, on_card=on_card),
            )
        except OSError:
            os.close(self._orders)
            os.close(self._answers)
            self._gate.close()
            raise
        finally:
            self._gate.started()
            os.close(orders_read)
            os.close(answers_write)
        self._prepare_pipes()
        if group is not None:
            group.take(self._process.pid)

    def _prepare_pipes(self) -> None:
        if self._process.stdout is None:
            raise ValueError("the guest's output is always a pipe")
        self._output = self._process.stdout
        self._selector = selectors.DefaultSelector()
        for fd in (self._answers, self._output.fileno()):
            os.set_blocking(fd, False)
            self._selector.register(fd, selectors.EVENT_READ)
        os.set_blocking(self._orders, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()
        self._selector.close()
        self._output.close()
        self._gate.close()
        self._close_orders()
        os.close(self._answers)

    @property
    def log(self) -> str:
        """The last bytes that the guest printed."""
        return self._log.decode("utf-8", "replace")

    @property
    def gate(self) -> int:
        """The guest's own number of the socket through which it lets this worker be asked for each thread."""
        return self._gate.there

    def open_gate(self) -> None:
        """Answer from now on, while an answer of the guest is waited for, whether it may have one more thread."""
        if (listener := self._gate.open()) is not None:
            self._listener = listener
            self._selector.register(listener, selectors.EVENT_READ)

    def send(self, order: bytes) -> None:
        """Give an order; raises Malformed where the guest does not read its orders, GuestDied and TooMuchMemory."""
        try:
            written = os.write(self._orders, order)
        except BlockingIOError:
            written = 0
        except BrokenPipeError as exc:
            raise self._ended() from exc
        if written != len(order):
            raise Malformed("the guest does not read its orders")

    @property
    def spoke_unasked(self) -> bool:
        """Whether it has said something that nobody took yet. Between an order's answers and the next order it is silent."""
        if not self._received:
            try:
                self._received += os.read(self._answers, _CHUNK)
            except BlockingIOError:
                return False
        return bool(self._received)

    def dismiss(self, patience: float = _DISMISSAL_SECONDS) -> None:
        """Order no more, and wait until it closes its answers, which it does at once; raises Malformed where it says more instead.

        One that only lingers is ended by whoever holds it: it has answered all that it was asked.
        """
        self._close_orders()
        end = time.monotonic() + patience
        while (left := end - time.monotonic()) > 0 and not self._received:
            if not select.select([self._answers], [], [], left)[0]:
                return
            if not (more := os.read(self._answers, _CHUNK)):
                return
            self._received += more
        if self._received:
            raise Malformed("it says more than it was asked for")

    def _close_orders(self) -> None:
        if self._orders >= 0:
            os.close(self._orders)
            self._orders = -1

    def receive(self, deadline: float, sample_bytes: int) -> Frame:
        """The next frame, by `time.monotonic()` = `deadline`; raises DeadlinePassed, GuestDied, TooMuchMemory, TooManyThreads or Malformed.

        `sample_bytes` bounds the PCM of one sample. A header that announces more ends there: no byte of its payload is kept.
        """
        while (frame := self._take(sample_bytes)) is None:
            before = time.monotonic()
            self._wait(deadline)
            if not self._steps_on():
                self._watch()
            # A worker that was stopped, or its whole host, could not take the answer: that time is not the guest's.
            deadline += max(0.0, time.monotonic() - before - _PATIENCE_SECONDS)
        return frame

    def _steps_on(self) -> bool:
        """Whether it has just said that a step before a stranger's file is done: what it takes since then is for the next answer."""
        if len(self._received) < HEADER.size:
            return False
        said = parse_header(bytes(self._received[: HEADER.size]))
        return said.kind in _STEPS and len(self._received) >= HEADER.size + said.size

    def _take(self, sample_bytes: int) -> Frame | None:
        if len(self._received) < HEADER.size:
            return None
        announced = parse_header(bytes(self._received[: HEADER.size]))
        if announced.size > payload_limit(announced.kind, sample_bytes):
            if announced.kind is FrameKind.SAMPLE:
                return Frame(FrameKind.SAMPLE_TOO_LARGE)
            raise Malformed("the guest announces more than it may send")
        end = HEADER.size + announced.size
        if len(self._received) < end:
            return None
        payload = bytes(self._received[HEADER.size : end])
        del self._received[:end]
        return Frame(announced.kind, announced.rate, payload)

    def _wait(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise DeadlinePassed
        for key, _ in self._selector.select(min(left, _POLL_SECONDS)):
            if key.fd == self._listener:
                self._answer_gate()
                continue
            chunk = os.read(key.fd, _CHUNK)
            if key.fd == self._answers:
                if not chunk:
                    raise self._ended()
                self._received += chunk
            elif chunk:
                self._log = (self._log + chunk)[-_LOG_BYTES:]
            else:
                self._selector.unregister(key.fd)

    def _answer_gate(self) -> None:
        if not self._gate.is_asked:
            self._selector.unregister(self._listener)
            return
        permitted = look(self._process.pid).threads < THREADS
        self._gate.answer(permit=permitted)
        if not permitted:
            raise TooManyThreads

    def _watch(self) -> None:
        """Bound the memory held, mapped files included (the kernel bounds the memory asked for), the scratch folder, and threads."""
        seen = look(self._process.pid)
        self._held_bytes = max(self._held_bytes, seen.held_bytes)
        if seen.held_bytes > self._ram_bytes:
            raise TooMuchMemory
        if seen.threads > THREADS:
            raise TooManyThreads
        if self._scratch.bytes_used() > self._scratch_bytes:
            raise TooMuchMemory

    def cpu_seconds(self) -> float:
        """Processor time of all its threads so far; it may have ended, and must not have been waited for."""
        return look(self._process.pid).cpu_seconds

    def kill(self) -> None:
        """End the guest now, from any thread."""
        with self._ending:
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)

    def _ended(self) -> GuestDied | TooMuchMemory:
        """Why it closed its answers, or no longer reads: whom the kernel ends in a group of its own, that one took too much."""
        died = self._end(patience=_LAST_BREATH_SECONDS)
        return TooMuchMemory() if self._group is not None and self._group.ran_out_of_memory() else died

    def _end(self, patience: float = 0.0) -> GuestDied:
        """Wait `patience` for the guest to end by itself, else kill it and its group; say how it ended. Idempotent."""
        if self._process.returncode is None:
            by_itself = self._ends_within(patience)
            with self._ending:
                os.killpg(self._process.pid, signal.SIGKILL)
                _, status, usage = os.wait4(self._process.pid, 0)
                self._process.returncode = os.waitstatus_to_exitcode(status) if by_itself else 1
            self._cpu_seconds = usage.ru_utime + usage.ru_stime
        return GuestDied(self._process.returncode, self._cpu_seconds, self._held_bytes)

    def _ends_within(self, patience: float) -> bool:
        end = time.monotonic() + patience
        while os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() >= end:
                return False
            time.sleep(0.01)
        return True
