"""Events of the development chain: nothing else is stored of its history."""

from dataclasses import dataclass
from typing import assert_never

from pydantic import TypeAdapter, ValidationError

from neurons.chain.types import ChainUnavailable
from neurons.devchain.genesis import RAO
from scoring.types import Block, Hotkey


@dataclass(frozen=True, slots=True)
class Origin:
    """The signer of a transaction, its nonce and its signature (hex)."""

    signer: str
    nonce: int
    signature: str


@dataclass(frozen=True, slots=True)
class Funded:
    """The faucet gave `amount` rao to a coldkey."""

    coldkey: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A hotkey took a slot."""

    uid: int
    hotkey: Hotkey
    coldkey: str
    stake: int
    """Rao, from the coldkey's balance."""
    cost: int
    """Rao, from the coldkey's balance."""
    origin: Origin | None = None
    """None: a developer registered it."""


@dataclass(frozen=True, slots=True)
class Staked:
    """A coldkey put `amount` rao on a hotkey; less than 0 takes it back into the coldkey's balance."""

    hotkey: Hotkey
    coldkey: str
    amount: int
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class Committed:
    """A hotkey committed bytes (hex)."""

    hotkey: Hotkey
    data: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Weighted:
    """A validator set weights: targets and u16 values in the same order, the largest 65,535."""

    uid: int
    targets: tuple[int, ...]
    values: tuple[int, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class Sealed:
    """A validator committed weights (hex) that open at a round of the public beacon."""

    hotkey: Hotkey
    commit: str
    reveal_round: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Revealed:
    """A developer opened what a hotkey had sealed in `sealed_in`: targets and u16 values as of `Weighted`."""

    hotkey: Hotkey
    sealed_in: int
    targets: tuple[int, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ruled:
    """A hyperparameter was set; a switch to 0 or 1."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class Owned:
    """The subnet's owner named another hotkey as its own."""

    hotkey: Hotkey


@dataclass(frozen=True, slots=True)
class Failed:
    """A transaction that a block holds and that changed nothing but its signer's nonce; `error` is the chain's name for why."""

    call: str
    error: str
    origin: Origin


Event = Funded | Registered | Staked | Committed | Weighted | Sealed | Revealed | Ruled | Owned | Failed
_KINDS: tuple[type[Event], ...] = (
    Funded,
    Registered,
    Staked,
    Committed,
    Weighted,
    Sealed,
    Revealed,
    Ruled,
    Owned,
    Failed,
)
_ADAPTERS: dict[str, TypeAdapter[Event]] = {kind.__name__.lower(): TypeAdapter(kind) for kind in _KINDS}


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in its place: the block, and the index within it."""

    block: Block
    index: int
    event: Event


def encode(event: Event) -> tuple[str, str]:
    """The event's kind and its body as JSON."""
    kind = type(event).__name__.lower()
    return kind, _ADAPTERS[kind].dump_json(event).decode()


def decode(kind: str, body: str) -> Event:
    """The inverse of `encode`; raises ChainUnavailable for a body that no version wrote."""
    try:
        return _ADAPTERS[kind].validate_json(body)
    except (KeyError, ValidationError) as exc:
        raise ChainUnavailable(f"the development chain holds a damaged event ({kind}); create a new chain") from exc


def describe(event: Event) -> str:
    """Describe an event to people, in one line."""
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
