"""Builders of a worker's records: a claim, and a context to do jobs in."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from scoring import competition
from scoring.types import Block, BlockHash, EvaluationId, Hotkey, PublicKey, RoundNumber, SubmissionId, Tag
from voice_api.db.copies import NearCopies
from voice_api.db.database import Pool
from voice_api.db.evaluations import Claim
from voice_api.db.queue import EvaluationQueue
from voice_api.db.speeches import Speeches
from voice_api.db.states import QueueName
from voice_api.db.submissions import Submissions
from voice_api.db.validations import Validations
from workers.jobs.context import Database, Judging, Patience, WorkerContext
from workers.jobs.failures import RetryRule

AT_ONCE = RetryRule(max_retries=1, first=timedelta(0), jitter=0.0)
"""One more try, without a pause."""

_PARTS = {
    "database": frozenset({"loop", "queue", "submissions", "validations", "speeches"}),
    "judging": frozenset({"schedule", "tools", "receipt_signer"}),
    "patience": frozenset({"lease", "retry", "confirm", "limits"}),
}


def a_claim(**overrides: Any) -> Claim:
    """Evaluation 1: submission 1 of hotkey h, committed in block 10, in round 1."""
    claim = Claim(
        evaluation_id=EvaluationId(1),
        token=UUID(int=1),
        worker="w1",
        queue=QueueName.CPU,
        attempt=1,
        failures=0,
        submission_id=SubmissionId(1),
        hotkey=Hotkey("h"),
        public_key=PublicKey("00" * 32),
        commit_block=Block(10),
        tiebreak="00",
        repo="a/b",
        revision="0" * 40,
        tag=Tag("00" * 16),
        round=RoundNumber(1),
        start_block=Block(360),
        block_hash=BlockHash("0x" + "12" * 32),
        competition_hash="00" * 32,
    )
    return replace(claim, **overrides)


def a_worker(pool: Pool, **overrides: Any) -> WorkerContext:
    """A worker of the installed competition without tools and signer; `overrides` name fields of the context or of its parts.

    It asks for `loop` only where a test has no running one.
    """
    given = dict(overrides)
    context = WorkerContext(
        name="w1",
        database=Database(
            loop=given.pop("loop", None) or asyncio.get_running_loop(),
            queue=EvaluationQueue(pool),
            submissions=Submissions(pool),
            copies=NearCopies(pool),
            validations=Validations(pool),
            speeches=Speeches(pool),
        ),
        judging=Judging(competition.load(), cast(Any, None), lambda: cast(Any, None)),
        patience=Patience(timedelta(seconds=60), AT_ONCE),
        heartbeat=lambda: None,
    )
    return changed(context, **given)


def changed(context: WorkerContext, **overrides: Any) -> WorkerContext:
    """The context with other fields, also of its parts."""
    for part, names in _PARTS.items():
        inner = {name: overrides.pop(name) for name in names & set(overrides)}
        if inner:
            overrides[part] = replace(getattr(context, part), **inner)
    return replace(context, **overrides)
