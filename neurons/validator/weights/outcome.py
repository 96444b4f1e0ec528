"""The end of an attempt to set weights: from the chain's answer, or from what the chain holds later."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, assert_never

import structlog

from neurons.chain.types import Applied, RateLimited, Refused, SealedWeights, WeightsResult
from neurons.validator.weights.decision import TAKEN, WeightHistory
from neurons.validator.weights.refusals import refusal_of
from scoring.types import Block
from voice_api.db.states import Mechanism, WeightOutcome
from voice_api.db.weights import StoredAttempt, WeightAttempt

log = structlog.get_logger()
_COUNT = frozenset({WeightOutcome.SET, WeightOutcome.APPLIED})
_LOST = "the chain did not open them in their time"
_REPLACED = "never seen to count: a later vector counts already"
_UNSEEN = "nobody was seen to open them in their time; the same weights counted before"


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
            refusal = refusal_of(result)
            error = f"{name or code}: {message.rstrip('.')}. {refusal.advice}"
            return replace(attempt, outcome=WeightOutcome.FAILED, error=error, refusal=refusal.kind)
        case unreachable:
            assert_never(unreachable)


def settled(history: WeightHistory, view: SealedWeights, last_update: Block, lasts: int) -> tuple[WeightAttempt, ...]:
    """The waiting attempts of which the chain shows something new now, each with what is known: mostly its end.

    `last_update` is the block in which the chain last took weights of this validator. An attempt can be in no block any more once
    `lasts` blocks have passed.
    """
    arrived, taken = [], {attempt.block for attempt in history.attempts if attempt.outcome in TAKEN | {WeightOutcome.EXPIRED}}
    for attempt in reversed(history.waiting):  # of several without an answer the last one has the last block
        if attempt.outcome is not WeightOutcome.PENDING:
            blocks = {last_update, *(commit.block for commit in view.waiting)} - taken
            until = min(view.block, attempt.block + lasts)
            last = max((block for block in blocks if attempt.block < block <= until), default=None)
            end = _arrived(attempt, history, view, last, lasts)
            taken |= {end.block} if end is not None and end.outcome is not WeightOutcome.FAILED else set()
            arrived += [] if end is None else [end]
    counted = _counted(history.attempts)
    for attempt in history.waiting:
        if attempt.outcome is WeightOutcome.PENDING:
            end = _opened(attempt, history, view, counted)
            counted |= {} if end is None or end.outcome not in _COUNT else {end.id: end}
            arrived += [] if end is None else [end]
    return tuple(sorted(arrived, key=lambda end: end.id))


def _counted(attempts: Iterable[StoredAttempt]) -> dict[int, WeightAttempt]:
    """The attempts that are known to have counted on the chain, by id."""
    return {each.id: each for each in attempts if isinstance(each, WeightAttempt) and each.outcome in _COUNT}


def _counted_before(attempt: WeightAttempt, counted: Mapping[int, WeightAttempt]) -> bool:
    """Whether the last weights that counted before this attempt are the same: then that they count now says nothing of it."""
    before = max((number for number in counted if number < attempt.id), default=None)
    return before is not None and counted[before].row == attempt.row


def _opened(
    attempt: WeightAttempt, history: WeightHistory, view: SealedWeights, counted: Mapping[int, WeightAttempt]
) -> WeightAttempt | None:
    """What is new of sealed weights: the epoch in which they are opened or never, and then their end.

    They were opened where they wait no longer before that epoch is over, and count; or where they count, and others did before them.
    That the chain opens them, finds them wrong, and the same weights counted before cannot be told apart: they count all the same.
    """
    if view.block < attempt.block:
        return None
    commit = view.commit(attempt.block)
    if commit is not None:
        opens_in = commit.epoch + view.reveal_period
        return None if attempt.opens_in == opens_in else replace(attempt, opens_in=opens_in)
    if dict(view.row) != attempt.row:
        later = any(other.id > attempt.id and other.row == view.row for other in history.waiting)
        return replace(attempt, outcome=WeightOutcome.EXPIRED, error=_REPLACED if later else _LOST)
    in_time = attempt.opens_in is not None and view.epoch <= attempt.opens_in
    if in_time or not _counted_before(attempt, counted):
        return replace(attempt, outcome=WeightOutcome.APPLIED, applied_block=view.block)
    return replace(attempt, outcome=WeightOutcome.EXPIRED, error=_UNSEEN)


def _arrived(
    attempt: WeightAttempt, history: WeightHistory, view: SealedWeights, last: Block | None, lasts: int
) -> WeightAttempt | None:
    """The end of an attempt without an answer: the chain took something of this validator in time, in the block `last`, or nothing.

    Sealed weights that nobody looked for while they waited were taken all the same.
    """
    if last is not None:
        sealed = view.commit(last)
        if sealed is not None:
            return _sealed(attempt, last, sealed.reveal_round)
        proven = not (view.sealing and _counted_before(attempt, _counted(history.attempts)))
        if proven and dict(view.row) == attempt.row:
            return replace(attempt, outcome=WeightOutcome.SET, block=last, error=None)
        if view.sealing:  # said at once: the next ones that the chain takes hide the block of these
            error = _UNSEEN if dict(view.row) == attempt.row else _LOST
            return replace(_sealed(attempt, last, None), outcome=WeightOutcome.EXPIRED, error=error)
    if view.block > attempt.block + lasts:
        return replace(
            attempt, outcome=WeightOutcome.FAILED, error=f"no block took it ({attempt.error or 'its sender was stopped'})"
        )
    return None


def _sealed(attempt: WeightAttempt, block: Block, reveal_round: int | None) -> WeightAttempt:
    return replace(
        attempt, outcome=WeightOutcome.PENDING, block=block, error=None, mechanism=Mechanism.SEALED, reveal_round=reveal_round
    )


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
            log.error("weights failed", why=end.error, refusal=end.refusal, **facts)
        case WeightOutcome.SENDING:
            log.warning("whether the weights arrived is not known yet", why=end.error, **facts)
        case unreachable:
            assert_never(unreachable)
