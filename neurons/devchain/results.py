"""Events and refusals in the shapes that the SDK expects."""

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
    """The result of a transaction that is in a block."""
    result = failure(entry.event.error) if isinstance(entry.event, Failed) else ExtrinsicResult(success=True, message="Success")
    place = f"{entry.block}-{entry.index:04d}"
    return replace(result, block_hash=block_hash, extrinsic_id=place, fee=Balance.from_rao(0), events=[record(entry)])


def failure(name: str) -> ExtrinsicResult:
    """The result of a refused transaction, by the chain's name for the reason."""
    error = ChainError(DESCRIPTIONS.get(name, name), name)
    return ExtrinsicResult(success=False, message=error.message, error=error)
