"""Evaluations as work: claimed with a lease, fenced by a token, ended by exactly one verdict, which is read here. Time is PostgreSQL's."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from scoring.errors import EXPLANATIONS, Code, PlatformError
from scoring.report import EvaluationReport, Flag, FlagKind
from scoring.types import EvaluationId, RoundNumber, SubmissionId
from voice_api.db import copies
from voice_api.db.database import Connection, JsonObject, Pool, read, sql
from voice_api.db.evaluations import Cause, Claim, Depth, Evaluation, QueueRow, Receipt, SampleRow, Verdict
from voice_api.db.states import EvaluationState, QueueName, VerdictState
from voice_api.errors import LeaseLost


@dataclass(frozen=True, slots=True)
class RetryBudget:
    """The number of retries for failures that are not the submission's, before work is parked for the operator."""

    per_evaluation: int = 3  # retries of one evaluation, or of one recording
    per_day: int = 8  # failures of one submission within 24 hours


RETRY_BUDGET = RetryBudget()
"""No setting: workers and dispatchers park by it, and must hold the same."""


class EvaluationQueue:
    """The rows of evaluations: claimed, renewed, finished, handed back; and listed, with their samples and receipts."""

    def __init__(self, pool: Pool, budget: RetryBudget = RETRY_BUDGET) -> None:
        """`budget.per_day` infrastructure failures of one submission within 24 hours park its evaluation."""
        self._pool, self._daily = pool, budget.per_day

    async def claim(self, queue: QueueName, worker: str, lease: timedelta, host: str = "") -> Claim | None:
        """Take the best due evaluation, or None; a drained host gets nothing. Concurrent claimants never get the same one."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("queue.claim"), queue, worker, lease, host)
            return read(Claim, row, causes=await _causes_of(connection, row["submission_id"])) if row else None

    async def causes(self, claim: Claim) -> tuple[Cause, ...]:
        """The unforeseen failures of a claim's submission as they are now: others may have failed alike since it was claimed."""
        async with self._pool.connection() as connection:
            return await _causes_of(connection, claim.submission_id)

    async def renew(self, claim: Claim, lease: timedelta, stage: str, done: int, total: int) -> None:
        """Report progress and extend the lease from now on; raises LeaseLost."""
        arguments = (claim.evaluation_id, claim.token, lease, stage, done, total)
        async with self._pool.connection() as connection:
            renewed = await connection.fetchrow(sql("queue.renew"), *arguments)
        if renewed is None:
            raise LeaseLost(f"evaluation {claim.evaluation_id}")

    async def finish(self, claim: Claim, verdict: Verdict) -> None:
        """Write the verdict, its samples and the submission's new state, all or nothing; raises LeaseLost.

        Raises ValueError when the verdict contradicts itself or holds a number that is not finite.
        """
        _check(verdict)
        async with self._pool.transaction() as connection:
            await _finish_evaluation(connection, claim, verdict)
            if verdict.report is not None:
                await _add_report(connection, claim.evaluation_id, verdict.report)
            await _settle_submission(connection, claim, verdict)
            if verdict.sketch is not None:
                await copies.keep_sketch(connection, claim.submission_id, verdict.sketch)
            await copies.set_aside(connection, claim.worker, claim.evaluation_id, verdict.near)

    async def hand_back(
        self,
        claim: Claim,
        code: Code | None,
        reason: str,
        retry_in: timedelta | None,
        *,
        drained: bool = False,
        cause: str | None = None,
    ) -> EvaluationState:
        """Return it without a verdict: due again after `retry_in`, or parked when None; raises LeaseLost. Returns its new state.

        What was set aside meanwhile is parked in any case. Any code but a submission's, and none, counts as a failure, and past the daily
        budget parks it whatever `retry_in` says, unless `drained`: the worker was asked to stop. `cause` tells equal unforeseen failures
        from others (see Claim.causes).
        """
        arguments = (claim.evaluation_id, claim.token, code, reason, retry_in, drained, claim.worker, cause, self._daily)
        async with self._pool.connection() as connection:
            returned = await connection.fetchrow(sql("queue.hand_back"), *arguments)
        if returned is None:
            raise LeaseLost(f"evaluation {claim.evaluation_id}")
        return EvaluationState(returned["state"])

    async def move(self, claim: Claim, family: str, track: str, queue: QueueName) -> EvaluationState:
        """Return it without a verdict, due in another queue at once; raises LeaseLost. Returns its new state.

        No failure is counted. An evaluation is moved once: of a claim that `moved` says was, this raises LeaseLost as well. What was
        set aside meanwhile is parked.
        """
        arguments = (claim.evaluation_id, claim.token, queue, track, family, claim.worker)
        async with self._pool.connection() as connection:
            moved = await connection.fetchrow(sql("queue.move"), *arguments)
        if moved is None:
            raise LeaseLost(f"evaluation {claim.evaluation_id}")
        return EvaluationState(moved["state"])

    async def expire_leases(self, budget: int) -> int:
        """Return every evaluation whose lease ran out; park those with more than `budget` failures. Returns how many came back.

        It also parks evaluations that wait though their submission was set aside, as when a round asked for one in that moment.
        """
        arguments = (budget, Code.LEASE_EXPIRED, EXPLANATIONS[Code.LEASE_EXPIRED].meaning, self._daily)
        async with self._pool.connection() as connection:
            await connection.execute(sql("queue.park_set_aside"), None, "dispatcher", "Its submission was set aside.")
            return len(await connection.fetch(sql("queue.expire_leases"), *arguments))

    async def due_counts(self) -> dict[QueueName, int]:
        """The number of evaluations of each queue that could start now; every queue is named."""
        async with self._pool.connection() as connection:
            counts = {row["queue"]: row["count"] for row in await connection.fetch(sql("queue.due_counts"))}
        return {queue: counts.get(queue, 0) for queue in QueueName}

    async def depths(self) -> tuple[Depth, ...]:
        """The number of evaluations of each queue in each state, parked ones of open rounds alone; empty combinations are left out."""
        async with self._pool.connection() as connection:
            return tuple(read(Depth, row) for row in await connection.fetch(sql("queue.depths")))

    async def pending_page(self, after: int = 0, limit: int = 50) -> tuple[QueueRow, ...]:
        """Running and waiting evaluations in the order in which they are served, after a position."""
        async with self._pool.connection() as connection:
            return tuple(read(QueueRow, row) for row in await connection.fetch(sql("queue.pending"), after, limit))

    async def durations(self, queue: QueueName, limit: int = 50) -> tuple[timedelta, ...]:
        """The times from claim to verdict of the last `limit` scored evaluations, newest first."""
        return tuple(row["duration"] for row in await self._fetch("queue.durations", queue, limit))

    async def get(self, evaluation_id: EvaluationId) -> Evaluation:
        """One evaluation; raises PlatformError(NOT_FOUND)."""
        rows = await self._fetch("queue.get", evaluation_id)
        if not rows:
            raise PlatformError(Code.NOT_FOUND, f"there is no evaluation {evaluation_id}")
        return read(Evaluation, rows[0])

    async def page(
        self,
        after: int = 0,
        limit: int = 50,
        round: RoundNumber | None = None,  # noqa: A002 - a round is called so everywhere here
        submission: SubmissionId | None = None,
    ) -> tuple[Evaluation, ...]:
        """Evaluations with ids above `after`, oldest first, of one round or submission if asked."""
        if submission is not None:
            rows = await self._fetch("queue.page_of_submission", after, limit, submission, round)
        elif round is not None:
            rows = await self._fetch("queue.page_of_round", after, limit, round)
        else:
            rows = await self._fetch("queue.page", after, limit)
        return tuple(read(Evaluation, row) for row in rows)

    async def samples(self, evaluation_id: EvaluationId, after: int | None = None, limit: int = 50) -> tuple[SampleRow, ...]:
        """A scored evaluation's samples at positions above `after`; the last one's position is the next page's `after`."""
        rows = await self._fetch("queue.samples", evaluation_id, -1 if after is None else after, limit)
        return tuple(read(SampleRow, row, flags=tuple(_known_flags(row["prompt_id"], row["flags"]))) for row in rows)

    async def receipt(self, receipt_hash: str) -> Receipt:
        """The receipt with this hash, byte for byte as it was signed; raises PlatformError(NOT_FOUND)."""
        rows = await self._fetch("queue.receipt", receipt_hash)
        if not rows:
            raise PlatformError(Code.NOT_FOUND, "there is no receipt with this hash")
        return read(Receipt, rows[0])

    async def _fetch(self, name: str, *arguments: object) -> Sequence[Any]:
        async with self._pool.connection() as connection:
            rows: Sequence[Any] = await connection.fetch(sql(name), *arguments)
        return rows


async def _causes_of(connection: Connection, submission: SubmissionId) -> tuple[Cause, ...]:
    """A submission's unforeseen failures that met no other one, in any round; each once, in order."""
    rows = await connection.fetch(sql("queue.causes"), submission)
    found = [Cause(row["host"] or "", Code(row["code"] or Code.WORKER_ERROR), row["cause"]) for row in rows]
    return tuple(sorted(found, key=lambda cause: (cause.host, cause.code, cause.cause)))


def _check(verdict: Verdict) -> None:
    scored = verdict.state is VerdictState.SCORED
    if scored != (verdict.report is not None) or scored != (verdict.code is None):
        raise ValueError("a scored verdict has a report and no code, any other a code and no report")
    if (verdict.state is VerdictState.COPY) != (verdict.copy_of is not None):
        raise ValueError("a copy, and nothing else, names what it copies")
    metrics = [dict(sample.metrics) for sample in verdict.report.samples] if verdict.report else []
    json.dumps([verdict.receipt, metrics], allow_nan=False)


async def _finish_evaluation(connection: Connection, claim: Claim, verdict: Verdict) -> None:
    report = verdict.report
    columns = (
        claim.evaluation_id,
        claim.token,
        EvaluationState.SCORED if verdict.state is VerdictState.SCORED else EvaluationState.REJECTED,
        verdict.code,
        verdict.reason,
        report.score if report else 0,
        report.stderr if report else 0,
        report.profile if report else None,
        report.profile_hash if report else None,
        verdict.receipt,
        verdict.receipt_hash,
        verdict.signature,
        verdict.certificate,
        verdict.track,
    )
    finished = await connection.fetchrow(sql("queue.finish"), *columns)
    if finished is None:
        raise LeaseLost(f"evaluation {claim.evaluation_id}")


async def _settle_submission(connection: Connection, claim: Claim, verdict: Verdict) -> None:
    columns = (
        claim.submission_id,
        verdict.state,
        verdict.code,
        verdict.reason,
        verdict.content_hash,
        verdict.tensors_hash,
        verdict.copy_of,
        claim.worker,
        claim.evaluation_id,
        verdict.family,
    )
    await connection.execute(sql("queue.settle_submission"), *columns)


async def _add_report(connection: Connection, evaluation_id: EvaluationId, report: EvaluationReport) -> None:
    samples, groups = report.samples, report.groups
    sample_columns = (
        list(range(len(samples))),
        [sample.prompt_id for sample in samples],
        [sample.group_id for sample in samples],
        [sample.score for sample in samples],
        [sample.gate for sample in samples],
        [dict(sample.metrics) for sample in samples],
        [dict(sample.utilities) for sample in samples],
        [sample.pcm_sha256 for sample in samples],
        [sample.rate for sample in samples],
        [sample.seconds for sample in samples],
        [sample.reason for sample in samples],
        [sample.heard for sample in samples],
    )
    group_columns = (
        list(range(len(groups))),
        [group.id for group in groups],
        [group.kind for group in groups],
        [group.score for group in groups],
    )
    await connection.execute(sql("queue.add_samples"), evaluation_id, *sample_columns)
    await connection.execute(sql("queue.add_groups"), evaluation_id, *group_columns)


def _known_flags(prompt_id: str, flags: Sequence[JsonObject]) -> Iterator[Flag]:
    """A worker of another release, or one that lies, may name a kind that nobody here has words for, or one of them often."""
    kinds = set(FlagKind)
    for flag in flags:
        if flag["kind"] in kinds:
            kinds.remove(FlagKind(flag["kind"]))
            yield Flag(prompt_id, FlagKind(flag["kind"]), flag["value"], flag["other"])
