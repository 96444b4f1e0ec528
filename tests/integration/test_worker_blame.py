"""Whose an unforeseen failure is, on a real PostgreSQL: one host's is ours, and parked in the end; two hosts' the submission's."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import bittensor as bt
import pytest

from neurons.validator import certification
from scoring.competition import load
from scoring.errors import Code, SubmissionFault
from scoring.store.folder import FolderFiles
from scoring.types import RoundNumber, SubmissionId
from tests.builders.tools import build_tools
from tests.builders.workers import a_worker, changed
from voice_api.db.database import Pool
from voice_api.db.operations import Operations
from voice_api.db.processes import Workers
from voice_api.db.queue import EvaluationQueue, RetryBudget
from voice_api.db.rounds import NewRound, Rounds
from voice_api.db.states import EvaluationState, QueueName, SubmissionState
from voice_api.db.submissions import Submissions
from voice_api.errors import DatabaseUnavailable
from voice_api.keys import CertifiedKey, ServiceKey
from workers.evaluation.audio_store import EvidenceStore
from workers.evaluation.receipt_signer import ReceiptSigner
from workers.hub.client import Hub, HubRefusal
from workers.jobs.context import WorkerContext
from workers.jobs.failures import RetryRule
from workers.jobs.presence import Presence
from workers.jobs.wakeup import work_one

SCHEDULE = load()
ROUND = RoundNumber(3)
OpenRound = Callable[..., Awaitable[list[SubmissionId]]]


class BrokenHub:
    """A client with a bug, or on a host with a fault."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def pin_in_cache(self, *_names: str) -> AbstractContextManager[None]:
        """There is nothing to hold."""
        return nullcontext()

    def describe(self, *_names: str) -> None:
        """It does not get this far."""
        raise self.error

    def works(self) -> bool:
        """It gives what it lists."""
        return True


@pytest.fixture
def context(pool: Pool, tmp_path: Path, writer: bt.Wallet) -> Callable[..., WorkerContext]:
    """Build a worker's context on a host, with a hub's client that raises an error."""
    key = ServiceKey.at(tmp_path / "service.key")
    certificate = certification.certify(writer, key.address, "bench", timedelta(days=1), datetime.now(UTC))
    receipt_signer = ReceiptSigner(CertifiedKey(key, certificate), EvidenceStore(FolderFiles(tmp_path / "store")))

    def build(host: str, error: Exception, most: int = 5, daily: int = 100) -> WorkerContext:
        hub = cast(Hub, BrokenHub(error))
        return a_worker(
            pool,
            name=f"worker of {host}",
            host=host,
            queue=EvaluationQueue(pool, RetryBudget(per_day=daily)),
            schedule=SCHEDULE,
            tools=build_tools(tmp_path, hub=hub),
            receipt_signer=lambda: receipt_signer,
            retry=RetryRule(max_retries=most, first=timedelta(0), jitter=0.0),
        )

    return build


@pytest.fixture
def new_round() -> Callable[..., NewRound]:
    """Rounds under the installed competition's rules."""

    def build(number: int) -> NewRound:
        rules = SCHEDULE.at(RoundNumber(number))
        start = number * SCHEDULE.round_blocks
        return NewRound(
            round=RoundNumber(number),
            start_block=cast(Any, start),
            block_hash=cast(Any, "0x" + "5a" * 32),
            deadline_block=cast(Any, start + 160),
            competition_hash=rules.hash,
        )

    return build


async def stands(pool: Pool, submission: SubmissionId) -> tuple[EvaluationState, Code | None, SubmissionState]:
    """Evaluation and submission."""
    store = Submissions(pool)
    (evaluation,) = await store.evaluations(submission)
    return evaluation.state, evaluation.code, (await store.get(submission)).state


async def fails(context: WorkerContext, error: type[Exception]) -> None:
    """One job that fails loudly."""
    with pytest.raises(error):
        await work_one(context, QueueName.CPU)


async def test_the_same_failure_on_two_hosts_is_the_submissions(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]
) -> None:
    """The second host's verdict is signed as any other, and says that nobody foresaw it."""
    (submission,) = await open_round(ROUND)
    await fails(context("one", ValueError("a")), ValueError)
    assert await stands(pool, submission) == (EvaluationState.QUEUED, Code.WORKER_ERROR, SubmissionState.QUEUED)
    await fails(context("two", ValueError("b")), ValueError)
    assert await stands(pool, submission) == (EvaluationState.REJECTED, Code.FAILED_ALIKE, SubmissionState.REJECTED)
    (result,) = await Rounds(pool).results(ROUND)
    assert (result.code, len(result.signature or "")) == (Code.FAILED_ALIKE, 128)


async def test_what_another_submission_meets_meanwhile_is_not_the_firsts(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]
) -> None:
    """Seen when it is decided, not when it was claimed: a bug of ours that breaks out on all hosts at once blames nobody."""
    first, _ = await open_round(ROUND, submissions=2)
    await fails(context("one", ValueError("a")), ValueError)
    here, other = context("two", ValueError("a")), context("three", ValueError("a"))

    class Meanwhile(BrokenHub):
        def describe(self, *_names: str) -> None:
            asyncio.run_coroutine_threadsafe(fails(other, ValueError), here.database.loop).result(timeout=10)
            raise self.error

    meanwhile = cast(Hub, Meanwhile(ValueError("a")))
    await fails(changed(here, tools=replace(here.judging.tools, hub=meanwhile)), ValueError)
    assert await stands(pool, first) == (EvaluationState.QUEUED, Code.WORKER_ERROR, SubmissionState.QUEUED)


async def test_one_host_parks_it(pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]) -> None:
    """The same failure again and again, where there is no other host to ask: the operator's, never the miner's."""
    (submission,) = await open_round(ROUND)
    for _ in range(3):
        await fails(context("one", ValueError("a"), most=2), ValueError)
    assert await stands(pool, submission) == (EvaluationState.PARKED, Code.WORKER_ERROR, SubmissionState.QUEUED)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(ValueError("a"), KeyError("a"), id="two kinds of failure"),
        pytest.param(OSError(28, "full"), OSError(28, "full"), id="full disks"),
        pytest.param(MemoryError(), MemoryError(), id="too little memory"),
    ],
)
async def test_what_two_hosts_do_not_share_stays_ours(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext], first: Exception, second: Exception
) -> None:
    """Two bugs, or two hosts that both ran short."""
    (submission,) = await open_round(ROUND)
    await fails(context("one", first), type(first))
    await fails(context("two", second), type(second))
    assert await stands(pool, submission) == (EvaluationState.QUEUED, Code.WORKER_ERROR, SubmissionState.QUEUED)


async def test_a_host_that_ran_short_says_how(pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]) -> None:
    """No cause that could blame anybody, but what it was and where, for the operator."""
    await open_round(ROUND)
    await fails(context("one", OSError(28, "full")), OSError)
    async with pool.connection() as connection:
        row = await connection.fetchrow("select detail, cause from events where code = 2202")
    assert tuple(row) == ("nobody foresaw OSError@fetch", None)


async def test_an_outage_of_the_database_is_called_one(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]
) -> None:
    """Foreseen, so no job fails of it; the code says what was away."""
    (submission,) = await open_round(ROUND)
    for host in ("one", "two"):
        assert await work_one(context(host, DatabaseUnavailable()), QueueName.CPU) == "handed back"
    assert await stands(pool, submission) == (EvaluationState.QUEUED, Code.DATABASE_UNAVAILABLE, SubmissionState.QUEUED)


async def test_a_days_budget_parks(pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]) -> None:
    """Whatever a single evaluation's budget would still allow."""
    (submission,) = await open_round(ROUND)
    for _ in range(2):
        await fails(context("one", ValueError("a"), most=100, daily=2), ValueError)
    assert (await stands(pool, submission))[0] is EvaluationState.PARKED


async def test_a_drained_host_claims_nothing_and_shows_it(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext], capsys: pytest.CaptureFixture[str]
) -> None:
    """Until the operator takes it back; each is said once, however often it is looked at."""
    (submission,) = await open_round(ROUND)
    operations, workers, here = Operations(pool), Workers(pool), context("one", ValueError("a"))
    presence = Presence(workers, here, QueueName.CPU)
    await operations.drain("one", actor="op", reason="new disk")
    for _ in range(3):
        await presence.heartbeat()
    assert await work_one(here, QueueName.CPU) == "nothing due"
    assert [(row.name, row.host, row.draining) for row in await workers.live(timedelta(minutes=1))] == [
        ("worker of one", "one", True)
    ]
    await operations.undrain("one", actor="op", reason="done")
    for _ in range(2):
        await presence.heartbeat()
    await fails(here, ValueError)
    await presence.leave()
    assert await workers.live(timedelta(minutes=1)) == ()
    told = capsys.readouterr().out
    assert (told.count("an operator drains this host"), told.count("drained no longer")) == (1, 1)
    assert (await stands(pool, submission))[0] is EvaluationState.QUEUED


async def test_a_worker_shows_what_it_works_on(pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]) -> None:
    """While it does, and not before or after."""
    await open_round(ROUND)
    workers, seen = Workers(pool), []

    class Looking(BrokenHub):
        def describe(self, *_names: str) -> None:
            asyncio.run_coroutine_threadsafe(look(), here.database.loop).result(timeout=10)
            raise self.error

    here = context("one", ValueError("a"))
    here = changed(here, tools=replace(here.judging.tools, hub=cast(Hub, Looking(ValueError("a")))))
    presence = Presence(workers, here, QueueName.CPU)

    async def look() -> None:
        await presence.heartbeat()
        seen.extend([row.evaluation_id for row in await workers.live(timedelta(minutes=1))])

    await look()
    await fails(here, ValueError)
    await look()
    assert seen[0] is None
    assert seen[1] is not None
    assert seen[2] is None


async def test_asked_to_stop_a_worker_claims_nothing(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]
) -> None:
    """The row stays for others."""
    (submission,) = await open_round(ROUND)
    here = context("one", ValueError("a"))
    here.drain.request()
    assert await work_one(here, QueueName.CPU) == "stopping"
    assert (await stands(pool, submission))[:2] == (EvaluationState.QUEUED, None)


async def test_what_is_drained_is_nobodys_failure(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]
) -> None:
    """Handed back at the second signal: due at once, and not counted."""
    (submission,) = await open_round(ROUND)
    here = context("one", ValueError("a"))

    class Slow(BrokenHub):
        def describe(self, *_names: str) -> None:
            for _ in range(2):
                here.drain.request()
            while here.drain.exit_status is None:
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), here.database.loop).result(timeout=10)

    slow = changed(here, tools=replace(here.judging.tools, hub=cast(Hub, Slow(ValueError("a")))))
    assert await work_one(slow, QueueName.CPU) == "handed back"
    (evaluation,) = await Submissions(pool).evaluations(submission)
    assert (evaluation.state, evaluation.failures, evaluation.code) == (EvaluationState.QUEUED, 0, None)


async def test_a_second_refusal_waits_for_its_time(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]
) -> None:
    """Between the two lies as long as is set: an outage of a moment answers once."""
    (submission,) = await open_round(ROUND)
    here = changed(context("one", HubRefusal(Code.REPO_NOT_PUBLIC)), confirm=timedelta(hours=1))
    assert [await work_one(here, QueueName.CPU) for _ in range(2)] == ["handed back", "nothing due"]
    assert await stands(pool, submission) == (EvaluationState.QUEUED, Code.REPO_NOT_PUBLIC, SubmissionState.QUEUED)


async def test_a_first_refusal_alone_decides_nothing(
    pool: Pool, open_round: OpenRound, context: Callable[..., WorkerContext]
) -> None:
    """What the hub answers the next time does."""
    (submission,) = await open_round(ROUND)
    refused = changed(context("one", HubRefusal(Code.REPO_NOT_PUBLIC)), confirm=timedelta(0))
    assert await work_one(refused, QueueName.CPU) == "handed back"
    assert await work_one(context("one", SubmissionFault(Code.WEIGHTS_MISSING)), QueueName.CPU) == "rejected"
    assert (await stands(pool, submission))[1] is Code.WEIGHTS_MISSING
