"""Translates a metagraph to what the model queue sends: a registry snapshot and new submissions. Pure decisions."""

from dataclasses import replace

from neurons.chain.commitment import parse, tiebreak
from neurons.chain.cooldown import in_cooldown
from neurons.chain.types import CommitmentRecord, CommitmentStatus, Metagraph
from scoring.errors import Code, SubmissionFault
from scoring.types import Block, BlockHash, PublicKey
from voice_api.db.registry import RegisteredNeuron, RegistrySnapshot
from voice_api.db.submissions import NewSubmission


def registry(metagraph: Metagraph) -> RegistrySnapshot:
    """The neurons as the API stores them."""
    neurons = tuple(
        RegisteredNeuron(
            hotkey=n.hotkey,
            uid=n.uid,
            coldkey=n.coldkey,
            registered_at_block=n.registered_at_block,
            immune_until_block=n.immune_until_block,
        )
        for n in sorted(metagraph.neurons, key=lambda neuron: neuron.uid)
    )
    return RegistrySnapshot(metagraph.netuid, metagraph.block, metagraph.block_hash, neurons)


def readable(metagraph: Metagraph) -> tuple[tuple[CommitmentRecord, PublicKey], ...]:
    """Commitments of registered hotkeys that can be read, each with its hotkey's public key (hex), oldest first."""
    keys = {neuron.hotkey: neuron.public_key for neuron in metagraph.neurons}
    open_ones = (CommitmentStatus.PLAIN, CommitmentStatus.REVEALED)
    found = [
        (record, keys[record.hotkey]) for record in metagraph.commitments if record.status in open_ones and record.hotkey in keys
    ]
    return tuple(sorted(found, key=lambda pair: (pair[0].block, pair[0].hotkey)))


def submission(
    record: CommitmentRecord, public_key: PublicKey, block_hash: BlockHash, cooldown_from: Block | None, cooldown_blocks: int
) -> NewSubmission:
    """Translate a commitment to a submission, or to the refusal that the first checks (parse, cooldown) make of it.

    The hotkey's cooldown counts from `cooldown_from`, its newest commitment that started one.
    """
    unread = NewSubmission(
        hotkey=record.hotkey,
        public_key=public_key,
        commit_block=record.block,
        tiebreak=tiebreak(block_hash, public_key),
        commitment=record.value,
    )
    try:
        if record.status is CommitmentStatus.REVEALED:
            raise SubmissionFault(Code.TIMELOCKED)
        commitment = parse(record.value)
        if in_cooldown(cooldown_from, record.block, cooldown_blocks):
            raise SubmissionFault(
                Code.TOO_EARLY,
                f"committed {record.block - (cooldown_from or 0)} blocks after the last one, not {cooldown_blocks}",
            )
    except SubmissionFault as fault:
        return replace(unread, code=fault.code, reason=fault.detail)
    return replace(unread, repo=commitment.repo, revision=commitment.revision, tag=commitment.tag)
