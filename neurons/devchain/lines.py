"""What happened, in a line each."""

from typing import assert_never

from neurons.devchain.events import (
    Committed,
    Event,
    Failed,
    Funded,
    Owned,
    Registered,
    Revealed,
    Ruled,
    Sealed,
    Staked,
    Weighted,
)
from neurons.devchain.genesis import RAO


def line(event: Event) -> str:
    """An event, for people."""
    match event:
        case Funded(coldkey, amount):
            return f"faucet gave {amount / RAO:g} to {coldkey}"
        case Registered(uid=uid, hotkey=hotkey):
            return f"{hotkey} registered as uid {uid}"
        case Staked(hotkey, coldkey, amount):
            return f"{coldkey} {'staked' if amount > 0 else 'took back'} {abs(amount) / RAO:g} on {hotkey}"
        case Committed(hotkey, data):
            return f"{hotkey} committed {len(data) // 2} bytes"
        case Weighted() | Sealed() | Revealed():
            return _weights(event)
        case Ruled() | Owned():
            return f"{event.name} set to {event.value}" if isinstance(event, Ruled) else f"the owner's hotkey is {event.hotkey}"
        case Failed(call, error, origin):
            return f"{call} of {origin.signer} failed: {error}"
        case unreachable:
            assert_never(unreachable)


def _weights(event: Weighted | Sealed | Revealed) -> str:
    match event:
        case Weighted(uid, targets):
            return f"uid {uid} set weights for {len(targets)} uids"
        case Sealed(hotkey, _, reveal_round):
            return f"{hotkey} sealed weights until round {reveal_round} of the beacon"
        case Revealed(hotkey, sealed_in, targets):
            return f"{hotkey}'s weights of block {sealed_in} opened, for {len(targets)} uids"
        case unreachable:
            assert_never(unreachable)
