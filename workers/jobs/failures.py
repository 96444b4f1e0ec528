"""Failures and their consequences: a pause and another try, a wait for the database, or the submission's rejection."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import TypeVar

import structlog

from scoring.errors import Code, SubmissionFault, VoiceError
from voice_api.db.evaluations import Cause
from voice_api.db.queue import RETRY_BUDGET
from voice_api.errors import DatabaseUnavailable

log = structlog.get_logger()
T = TypeVar("T")

_NO_TIME = timedelta(0)
_FIRST_SECONDS, _LONGEST_SECONDS = 0.25, 5.0

_OURS = frozenset({"neurons", "prompts", "scoring", "voice_api", "workers"})
_OF_THE_HOST = (VoiceError, OSError, MemoryError)
"""An error with a code is foreseen; disks, sockets and memory are the host's, and hosts of one operator run short together."""
_OF_ITS_DEVICE = frozenset(
    {
        "torch.OutOfMemoryError",
        "torch.AcceleratorError",
        "onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException",
    }
)
"""Names of the errors of a full or broken accelerator: a worker that judges on none need not import its drivers."""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """Exponential backoff between two bounds, with jitter, for a bounded number of failures of one evaluation."""

    max_retries: int = RETRY_BUDGET.per_evaluation
    first: timedelta = timedelta(minutes=2)
    max_delay: timedelta = timedelta(minutes=30)
    jitter: float = 0.1


def next_retry(rule: RetryRule, failures: int, draw: random.Random, asked: timedelta = _NO_TIME) -> timedelta | None:
    """The pause before the next try after `failures` earlier failures (0 = this is the first), or None: park it.

    It is as long at least as the other side asked for, within the rule's bound.
    """
    if failures >= rule.max_retries:
        return None
    pause = min(max(rule.first * float(2**failures), asked), rule.max_delay)
    return pause * (1.0 + rule.jitter * draw.random())


async def retry_while_db_down(write: Callable[[], Awaitable[T]], patience: timedelta, in_haste: Callable[[], bool]) -> T:
    """Read or write again and again for as long as `patience` while PostgreSQL is away: minutes of work outlive a short restart.

    Raises DatabaseUnavailable after that time, or at once in haste. A write that was done though its answer got lost raises
    LeaseLost the second time: its token is used up.
    """
    deadline, pause = time.monotonic() + patience.total_seconds(), _FIRST_SECONDS
    while True:
        try:
            return await write()
        except DatabaseUnavailable as outage:
            if in_haste() or time.monotonic() + pause > deadline:
                raise
            log.warning("waiting for PostgreSQL", detail=outage.detail, again_in=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_SECONDS)


def trace_of(error: BaseException) -> str:
    """The kind of error and our innermost function that it went through, as 'ValueError@decode'."""
    return f"{type(error).__name__}@{_innermost(error.__traceback__)}"


def cause_of(error: BaseException) -> str | None:
    """A text that is equal for two failures that are the same (see `trace_of`); None for a failure of the host."""
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    is_of_the_host = isinstance(error, _OF_THE_HOST) or not kinds.isdisjoint(_OF_ITS_DEVICE)
    return None if is_of_the_host else trace_of(error)


def same_failure_elsewhere(causes: Iterable[Cause], host: str, cause: str) -> SubmissionFault | None:
    """The submission's fault, if another host met the same failure with it; on one host alone it stays ours."""
    if all(earlier.cause != cause or earlier.host == host for earlier in causes):
        return None
    return SubmissionFault(Code.FAILED_ALIKE, f"it failed in the same unforeseen way on two hosts ({cause})")


def _innermost(trace: TracebackType | None) -> str:
    found = "nowhere"
    while trace is not None:
        frame = trace.tb_frame
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] in _OURS:
            found = frame.f_code.co_name
        trace = trace.tb_next
    return found
