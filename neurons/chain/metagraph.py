"""The SDK's metagraph, translated into our own types."""

from collections.abc import Mapping
from typing import Any

import bittensor as bt
from bittensor.sp_core import ss58_decode

from neurons.chain.types import COMMITMENT_BYTES, ChainUnavailable, CommitmentRecord, CommitmentStatus, Metagraph, Neuron
from scoring.types import Block, BlockHash, Hotkey, PublicKey, Uid

_U16_MAX = 65_535
_KEPT_BYTES = COMMITMENT_BYTES + 1
"""A revealed commitment may be ten times as long as a plain one; what is kept of it stays within what the API stores."""


def metagraph_of(found: bt.Metagraph, block: Block, block_hash: BlockHash) -> Metagraph:
    """Translate the SDK's metagraph at `block`; raises ChainUnavailable if the node left out a field that we need."""
    rules = found.raw
    immunity = _number(rules, "immunity_period")
    commitments = [*found.commitments.values(), *found.unregistered_commitments.values()]
    return Metagraph(
        netuid=found.netuid,
        block=block,
        block_hash=block_hash,
        owner_hotkey=Hotkey(found.owner_hotkey),
        owner_coldkey=found.owner_coldkey,
        neurons=tuple(_neuron(neuron, immunity) for neuron in found.neurons),
        commitments=tuple(sorted((record_of(commitment) for commitment in commitments), key=lambda r: (r.block, r.hotkey))),
        tempo=found.tempo,
        activity_cutoff=_number(rules, "activity_cutoff"),
        immunity_period=immunity,
        weights_rate_limit=_number(rules, "weights_rate_limit"),
        weights_version=_number(rules, "weights_version"),
        min_allowed_weights=_number(rules, "min_allowed_weights"),
        max_weight_limit=_number(rules, "max_weights_limit") / _U16_MAX,
    )


def _number(rules: Mapping[str, Any], name: str) -> int:
    try:
        return int(rules[name])
    except (KeyError, TypeError, ValueError) as exc:
        raise ChainUnavailable(f"the node's metagraph has no number {name!r}: its runtime is unknown here") from exc


def _neuron(neuron: bt.MetagraphNeuron, immunity: int) -> Neuron:
    return Neuron(
        uid=Uid(neuron.uid),
        hotkey=Hotkey(neuron.hotkey),
        coldkey=neuron.coldkey,
        public_key=PublicKey(bytes(ss58_decode(neuron.hotkey)).hex()),
        stake=neuron.total_stake.rao,
        incentive=neuron.incentive,
        dividends=neuron.dividends,
        emission=neuron.emission.rao,
        validator_permit=neuron.validator_permit,
        active=neuron.active,
        last_update=Block(neuron.last_update),
        registered_at_block=Block(neuron.block_at_registration),
        immune_until_block=Block(neuron.block_at_registration + immunity),
    )


def record_of(commitment: bt.NeuronCommitment) -> CommitmentRecord:
    """Translate one commitment, whatever it holds; one that is too long is cut, and still too long to be read as a shorter one."""
    status = CommitmentStatus(commitment.status)
    match status:
        case CommitmentStatus.PLAIN:
            data = _raw_bytes(commitment.fields)
        case CommitmentStatus.REVEALED:
            data = (commitment.value or "").encode("utf-8", "surrogatepass")
        case CommitmentStatus.SEALED | CommitmentStatus.FAILED:
            data = b""
    return CommitmentRecord(Hotkey(commitment.hotkey), Block(commitment.block), printable(data[:_KEPT_BYTES]), status)


def _raw_bytes(fields: list[Any]) -> bytes:
    """The bytes of the `Raw<n>` fields, in order. The SDK's own text would turn other than UTF-8 into hex."""
    variants = [item for field in fields if isinstance(field, dict) for item in field.items()]
    return b"".join(bytes.fromhex(value.removeprefix("0x")) for name, value in variants if name.startswith("Raw"))


def printable(data: bytes) -> str:
    r"""Printable ASCII of any bytes: all other bytes, and the backslash, as `\xNN`."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}" for byte in data)
