"""Supervised work ends when its work does, when a stage stalls, and when the worker has to stop; in time, thread or no thread."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from scoring.competition import load
from scoring.errors import Code, InfrastructureFault
from voice_api.errors import LeaseLost
from workers.evaluation.deadlines import longest_answer
from workers.evaluation.progress import Stage
from workers.jobs import supervise as module
from workers.jobs.drain import Drain, Drained
from workers.jobs.lease import LeaseKeeper, Renewals
from workers.jobs.supervise import StageLimits, Supervisor
from workers.sandbox.conversation import PATIENCE
from workers.settings import WorkerSettings

SOON = timedelta(seconds=0.8)
LATER = timedelta(minutes=1)


class Renewer:
    """Takes renewals, or has lost the lease."""

    def __init__(self, lost: bool = False) -> None:
        self.lost = lost

    async def renew(self, *_arguments: object) -> None:
        """As the queue does."""
        if self.lost:
            raise LeaseLost("evaluation 1")


@dataclass
class Attempt:
    """Supervised work, and the means to end it."""

    limits: StageLimits = field(default_factory=StageLimits)
    drain: Drain = field(default_factory=Drain)
    lost: bool = False
    guest_stopped: threading.Event = field(default_factory=threading.Event)

    async def run(self, work: Callable[[LeaseKeeper], str], stands: Callable[[str], bool] = bool) -> str:
        """Do the work, supervised."""
        renewals = Renewals(cast(Any, Renewer(self.lost)), lambda: None)
        keeper = LeaseKeeper(renewals, cast(Any, None), timedelta(minutes=1), asyncio.get_running_loop())
        supervisor = Supervisor(keeper=keeper, limits=self.limits, drain=self.drain, stop_guest=self.guest_stopped.set)
        return await supervisor.run(lambda: work(keeper), stands)


async def test_work_that_ends_by_itself() -> None:
    """Its result is the try's."""
    assert await Attempt().run(lambda _keeper: "done") == "done"


async def test_work_that_fails_by_itself() -> None:
    """Its error is the try's, as it is."""

    def fail(_keeper: LeaseKeeper) -> str:
        raise ArithmeticError("mine")

    with pytest.raises(ArithmeticError, match="mine"):
        await Attempt().run(fail)


@pytest.mark.parametrize("stage", list(Stage))
async def test_each_stage_has_its_own_limit(stage: Stage) -> None:
    """It repeats itself, and does not rise: that ends this stage, though all others had more time, and the thread lives."""

    def stand(keeper: LeaseKeeper) -> str:
        while True:
            keeper(stage, 1, 2)
            time.sleep(0.01)

    limits = StageLimits(**{other.value: SOON if other is stage else LATER for other in Stage})
    with pytest.raises(InfrastructureFault) as caught:
        await Attempt(limits).run(stand)
    assert (caught.value.code, stage.value in caught.value.detail) == (Code.STAGE_STALLED, True)


async def test_slow_progress_is_progress() -> None:
    """Longer than a limit in all, but never without news for that long."""

    def crawl(keeper: LeaseKeeper) -> str:
        for done in range(12):
            keeper(Stage.JUDGE, done, 12)
            time.sleep(0.1)
        return "done"

    assert await Attempt(StageLimits(judge=timedelta(seconds=1))).run(crawl) == "done"


async def test_a_stalled_guest_is_ended() -> None:
    """The thread waits for it, and reports nothing; then it ends as the guest does, and the process goes on."""
    attempt = Attempt(StageLimits(speak=SOON))

    def speak(keeper: LeaseKeeper) -> str:
        keeper(Stage.SPEAK, 0, 1)
        attempt.guest_stopped.wait()
        raise InfrastructureFault(Code.WORKER_ERROR, "the guest was killed")

    with pytest.raises(InfrastructureFault) as caught:
        await attempt.run(speak)
    assert (caught.value.code, attempt.drain.exit_status) == (Code.STAGE_STALLED, None)


async def test_a_thread_that_does_not_end_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The evaluation is handed back all the same; the process is told to end."""
    monkeypatch.setattr(module, "_GRACE_SECONDS", 0.5)
    attempt, release = Attempt(StageLimits(check=SOON)), threading.Event()

    def hang(_keeper: LeaseKeeper) -> str:
        release.wait()
        return "too late"

    with pytest.raises(InfrastructureFault) as caught:
        await attempt.run(hang)
    release.set()  # the test's own loop would wait for it
    assert (caught.value.code, attempt.drain.exit_status) == (Code.STAGE_STALLED, 1)


async def test_a_worker_that_stood_still_blames_no_stage() -> None:
    """SIGSTOP, or a host that slept for an hour: that time is not the stage's."""
    times = iter([0.0, 0.3, 3600.3, 3600.6, *[3600.9] * 100])
    keeper = LeaseKeeper(cast(Any, None), cast(Any, None), timedelta(minutes=1), asyncio.get_running_loop())
    limits = StageLimits(check=timedelta(seconds=3))
    supervisor = Supervisor(keeper=keeper, limits=limits, drain=Drain(), stop_guest=lambda: None, clock=lambda: next(times))

    def short() -> str:
        time.sleep(0.9)
        return "done"

    assert await supervisor.run(short) == "done"


async def test_asked_to_stop_work_may_end() -> None:
    """It takes less than the patience: its result counts."""
    attempt = Attempt(drain=Drain(timedelta(seconds=30)))

    def work(_keeper: LeaseKeeper) -> str:
        attempt.drain.request()
        time.sleep(0.6)
        return "done"

    assert await attempt.run(work) == "done"


@pytest.mark.parametrize("signals", [1, 2])
async def test_asked_to_stop_work_does_not_take_for_ever(signals: int) -> None:
    """It is handed back once the patience is over, or at the second signal, however much patience there was."""
    attempt = Attempt(drain=Drain(timedelta(seconds=0.5 if signals == 1 else 600)))

    def work(keeper: LeaseKeeper) -> str:
        for _ in range(signals):
            attempt.drain.request()
        for done in range(100_000):
            keeper(Stage.SPEAK, done, 100_000)
            time.sleep(0.01)
        return "too late"

    began = time.monotonic()
    with pytest.raises(Drained):
        await attempt.run(work)
    assert (attempt.drain.exit_status, time.monotonic() - began < 30) == (None, True)


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        pytest.param(Attempt(drain=Drain(timedelta(0))), Drained, id="asked to stop"),
        pytest.param(Attempt(StageLimits(judge=SOON)), InfrastructureFault, id="a stalled stage"),
    ],
)
async def test_what_ends_just_after_the_order_counts(attempt: Attempt, reason: type[Exception]) -> None:
    """If its result stands though its guest was ended, as a score does and a refusal does not."""

    def finish(keeper: LeaseKeeper) -> str:
        keeper(Stage.JUDGE, 1, 1)
        attempt.drain.request() if reason is Drained else None
        assert attempt.guest_stopped.wait(5)
        return "scored"

    assert await attempt.run(finish, lambda result: result == "scored") == "scored"
    attempt.guest_stopped.clear()
    with pytest.raises(reason):
        await attempt.run(finish, lambda result: result != "scored")


async def test_a_lost_lease_ends_it() -> None:
    """As the report raised it."""

    def work(keeper: LeaseKeeper) -> str:
        keeper(Stage.SPEAK, 1, 3)
        return "too late"

    with pytest.raises(LeaseLost):
        await Attempt(lost=True).run(work)


def test_a_models_own_deadlines_come_first() -> None:
    """In every version of the competition a model may load, and each batch be spoken, before the stage stalls."""
    for rules, track in [(version, track) for version in load().version for track in version.track]:
        limits = StageLimits().beyond(rules)
        answer = max(longest_answer(family, track.limits) for family in track.families)
        for stage in (Stage.SPEAK, Stage.HOST):
            assert limits.of(stage) >= timedelta(
                seconds=track.limits.load_seconds + PATIENCE * answer * track.synthesis.batch, minutes=4
            )
            assert limits.of(stage) < WorkerSettings.model_fields["lease_seconds"].default * timedelta(seconds=1)
        assert limits.of(Stage.JUDGE) == StageLimits().judge
