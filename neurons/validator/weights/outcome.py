"""The end of an attempt to set weights: by the chain's answer, or, where none came, by what the chain holds afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

import structlog

from neurons.chain.types import Applied, RateLimited, Refused, SealedOutcome, SealedWeights, WeightsResult
from scoring.types import Block, Uid
from scoring.weights.plan import to_u16
from voice_api.db.states import Mechanism, WeightOutcome
from voice_api.db.weights import WeightAttempt

log = structlog.get_logger()
_UNSEEN = "never seen to count: a later vector counts already"


def answered(attempt: WeightAttempt, result: WeightsResult) -> WeightAttempt:
    """The attempt after the chain's answer; sealed weights wait for their end; one that came too soon is neither set nor failed."""
    match result:
        case Applied(block, None):
            return replace(attempt, outcome=WeightOutcome.SET, block=block, error=None)
        case Applied(block, reveal_round):
            return _sealed(attempt, block, reveal_round)
        case RateLimited(blocks_left, message):
            again = None if blocks_left is None else Block(attempt.block + blocks_left)
            return replace(attempt, outcome=WeightOutcome.RATE_LIMITED, error=message, next_block=again)
        case Refused(code, name, message):
            return replace(attempt, outcome=WeightOutcome.FAILED, error=f"{name or code}: {message}")
        case unreachable:
            assert_never(unreachable)


def settled(
    waiting: Sequence[WeightAttempt], view: SealedWeights, last_update: Block, taken: frozenset[Block], lasts: int
) -> tuple[WeightAttempt, ...]:
    """The attempts among `waiting` (oldest first) whose end the chain shows now, each with its end.

    `last_update` is the block in which the chain last took weights of this validator, `taken` are blocks of attempts that are known to
    have been taken. An attempt can be in no block any more once `lasts` blocks have passed.
    """
    found = []
    for attempt in reversed(waiting):  # of several that were sent without an answer the chain took the last one, if any
        if attempt.outcome is WeightOutcome.PENDING:
            end = _opened(attempt, view, waiting)
        else:
            end = _arrived(attempt, view, last_update if last_update not in taken else Block(0), lasts)
            taken |= {end.block} if end is not None and end.outcome is not WeightOutcome.FAILED else set()
        if end is not None:
            found.append(end)
    return tuple(reversed(found))


def log_outcome(end: WeightAttempt) -> None:
    """Say in the log how an attempt stands."""
    facts: Mapping[str, Any] = {"block": end.block, "snapshot": end.snapshot_hash}
    match end.outcome:
        case WeightOutcome.SET:
            log.info("weights set", targets=len(end.plan.vector), burn=end.plan.burn, **facts)
        case WeightOutcome.PENDING:
            log.info("weights sealed", reveal_round=end.reveal_round, targets=len(end.plan.vector), **facts)
        case WeightOutcome.APPLIED:
            log.info("sealed weights count", seen=end.applied_block, **facts)
        case WeightOutcome.RATE_LIMITED:
            log.info("weights come too soon", next_block=end.next_block, **facts)
        case WeightOutcome.EXPIRED:
            log.error("sealed weights expired", why=end.error, **facts)
        case WeightOutcome.FAILED:
            log.error("weights refused", why=end.error, **facts)
        case WeightOutcome.SENDING:
            log.warning("whether the weights arrived is not known yet", why=end.error, **facts)
        case unreachable:
            assert_never(unreachable)


def _opened(attempt: WeightAttempt, view: SealedWeights, waiting: Sequence[WeightAttempt]) -> WeightAttempt | None:
    vector = _vector(attempt)
    match view.outcome(attempt.block, vector):
        case SealedOutcome.PENDING:
            return None
        case SealedOutcome.APPLIED:
            return replace(attempt, outcome=WeightOutcome.APPLIED, applied_block=view.block)
        case SealedOutcome.EXPIRED:
            later = any(other.id > attempt.id and _vector(other) == view.row for other in waiting)
            return replace(
                attempt, outcome=WeightOutcome.EXPIRED, error=_UNSEEN if later else "the chain did not open them in their time"
            )
        case unreachable:
            assert_never(unreachable)


def _arrived(attempt: WeightAttempt, view: SealedWeights, last_update: Block, lasts: int) -> WeightAttempt | None:
    """The end of an attempt without an answer: the chain took something of this validator after it was sent, or nothing in time."""
    if attempt.block < last_update <= view.block:
        sealed = next((commit for commit in view.waiting if commit.block == last_update), None)
        if sealed is not None:
            return _sealed(attempt, last_update, sealed.reveal_round)
        if view.row == _vector(attempt):
            return replace(attempt, outcome=WeightOutcome.SET, block=last_update, error=None)
    if view.block > attempt.block + lasts:
        return replace(
            attempt, outcome=WeightOutcome.FAILED, error=f"no block took it ({attempt.error or 'its sender was stopped'})"
        )
    return None


def _sealed(attempt: WeightAttempt, block: Block, reveal_round: int | None) -> WeightAttempt:
    return replace(
        attempt, outcome=WeightOutcome.PENDING, block=block, error=None, mechanism=Mechanism.SEALED, reveal_round=reveal_round
    )


def _vector(attempt: WeightAttempt) -> dict[Uid, int]:
    return dict(to_u16(attempt.plan.vector))
