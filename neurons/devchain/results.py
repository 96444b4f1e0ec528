"""What happened, in the shapes in which the SDK hears of it."""

from dataclasses import replace
from typing import Any

from bittensor import Balance, ChainError, ExtrinsicResult
from bittensor.error_descriptions import DESCRIPTIONS

from neurons.devchain.events import Failed, LoggedEvent


def record(entry: LoggedEvent) -> dict[str, Any]:
    """An event of a block."""
    event = entry.event
    body = {name: getattr(event, name) for name in event.__slots__ if name != "origin"}
    return {"extrinsic_idx": entry.index, "event": {"module_id": "Dev", "event_id": type(event).__name__, "attributes": body}}


def result_of(entry: LoggedEvent, block_hash: str) -> ExtrinsicResult:
    """What a transaction that is in a block is told."""
    result = failure(entry.event.error) if isinstance(entry.event, Failed) else ExtrinsicResult(success=True, message="Success")
    place = f"{entry.block}-{entry.index:04d}"
    return replace(result, block_hash=block_hash, extrinsic_id=place, fee=Balance.from_rao(0), events=[record(entry)])


def failure(name: str) -> ExtrinsicResult:
    """What a refused transaction is told, by the chain's name for why."""
    error = ChainError(DESCRIPTIONS.get(name, name), name)
    return ExtrinsicResult(success=False, message=error.message, error=error)
