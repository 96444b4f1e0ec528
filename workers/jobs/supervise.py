"""Evaluating work in a thread of its own, watched: it ends when it is done, when a stage stalls, or when the worker stops."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import structlog

from scoring.competition import Competition, Track
from scoring.errors import Code, InfrastructureFault
from workers.evaluation.deadlines import longest_answer
from workers.evaluation.progress import Stage
from workers.jobs.drain import Drain, Drained
from workers.jobs.lease import LeaseKeeper
from workers.sandbox.conversation import PATIENCE

log = structlog.get_logger()

T = TypeVar("T")
_LOOK_SECONDS = 0.25
_LONGEST_LOOK_SECONDS = 2.0
"""A look that came later than this: the whole worker stood still, which is no stage's fault."""
_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLimits:
    """The longest time that each stage may go without rising progress; the time-outs of a stage's own waits are shorter.

    `check` covers one answer of the hub, `prepare` a look at every file of an environment, `fingerprint` also the search for an earlier
    owner and making the judges ready, `speak` and `host` starting a guest, or asking the reference guest whether the host is slow,
    beyond the model's own deadlines (see `beyond`).
    """

    check: timedelta = timedelta(minutes=8)
    fetch: timedelta = timedelta(minutes=8)
    prepare: timedelta = timedelta(minutes=4)
    fingerprint: timedelta = timedelta(minutes=8)
    speak: timedelta = timedelta(minutes=4)
    judge: timedelta = timedelta(minutes=12)
    host: timedelta = timedelta(minutes=4)

    def of(self, stage: Stage) -> timedelta:
        """One stage's limit."""
        limit: timedelta = getattr(self, stage.value)
        return limit

    def beyond(self, competition: Competition) -> "StageLimits":
        """With the time that a competition gives a model to load and to speak a batch: its deadlines are the model's, this is ours."""
        theirs = timedelta(seconds=max(_patience(track) for track in competition.track))
        return replace(self, speak=self.speak + theirs, host=self.host + theirs)


def _patience(track: Track) -> float:
    """Seconds that a model of a track has to load and to speak a batch."""
    answer = max(longest_answer(family, track.limits) for family in track.families)
    return track.limits.load_seconds + track.synthesis.batch * PATIENCE * answer


def _always(_result: object) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervisor:
    """Runs work in a thread, and ends it before its time if it must."""

    keeper: LeaseKeeper
    limits: StageLimits
    drain: Drain
    stop_guest: Callable[[], None]  # ends the process in which a model speaks, if there is one
    clock: Callable[[], float] = time.monotonic

    async def run(self, work: Callable[[], T], stands: Callable[[T], bool] = _always) -> T:
        """Return or raise what `work` does.

        Raises InfrastructureFault(STAGE_STALLED) when a stage's progress does not rise within its limit, and Drained when the
        worker is asked to stop and the work takes too long, in both cases whether its thread ends or not; unless it ends soon, with
        a result that `stands` though its guest may have been ended.
        """
        task = asyncio.ensure_future(asyncio.to_thread(work))
        task.add_done_callback(_retrieve)
        watch = _Watch(self)
        while not task.done():
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
            reason = watch.look()
            if reason is not None and not task.done():
                await self._end(task, reason)
                is_returned = task.done() and not task.cancelled() and task.exception() is None
                if not is_returned or not stands(task.result()):
                    raise reason
                log.info("it ended just in time", stage=self.keeper.stage)
        return task.result()

    async def _end(self, task: "asyncio.Future[T]", reason: Exception) -> None:
        """Let the thread end, by its next report or because its guest is gone; after a moment it is left behind."""
        self.keeper.end(reason)
        deadline = self.clock() + _GRACE_SECONDS
        while not task.done() and self.clock() < deadline:
            self.stop_guest()  # again and again: the thread may be about to start one
            await asyncio.wait({task}, timeout=_LOOK_SECONDS)
        if not task.done():
            log.error("the evaluation's thread does not end: this process will", stage=self.keeper.stage)
            self.drain.leave_thread_behind()


class _Watch:
    """Measures the time without rising progress, and sees the wish to stop."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._looked, self._progress_count, self._quiet = supervisor.clock(), supervisor.keeper.progress_count, 0.0
        self._is_told = False

    def look(self) -> Exception | None:
        """The reason why the work must end now, if it must."""
        keeper, drain = self._supervisor.keeper, self._supervisor.drain
        now = self._supervisor.clock()
        self._quiet += min(now - self._looked, _LONGEST_LOOK_SECONDS)
        self._looked = now
        if keeper.progress_count != self._progress_count:
            self._progress_count, self._quiet = keeper.progress_count, 0.0
        if drain.requested and not self._is_told:
            log.info("asked to stop: this goes back unless it ends in time", seconds=drain.left.total_seconds())
            self._is_told = True
        limit = self._supervisor.limits.of(keeper.stage).total_seconds()
        if drain.overdue:
            return Drained("the worker was asked to stop")
        if self._quiet > limit:
            return InfrastructureFault(Code.STAGE_STALLED, f"the stage {keeper.stage} made no progress in {limit:g} s")
        return None


def _retrieve(task: "asyncio.Future[T]") -> None:
    """Take the error of a thread that was left behind: nobody else asks for it, and asyncio would complain."""
    if not task.cancelled():
        task.exception()
