"""What the model queue makes of commitments: submissions, or refusals with their code."""

from dataclasses import replace

import pytest

from neurons.chain.commitment import Commitment, encode, tiebreak
from neurons.chain.types import CommitmentRecord, CommitmentStatus, Metagraph, Neuron
from neurons.model_queue import daemon
from scoring.errors import Code
from scoring.types import Block, BlockHash, Hotkey, PublicKey, Tag, Uid
from tests.builders import chain
from voice_api.db import registry
from voice_api.db.submissions import NewSubmission

KEY = PublicKey("ab" * 32)
HASH = BlockHash("0x" + "12" * 32)
VALUE = encode(Commitment("lab/voice", "0" * 40, Tag(b"t".hex() * 16))).decode()


def a_neuron(uid: int, **overrides: object) -> Neuron:
    """Hotkey h<uid>, registered at block <uid>, immune until 100 later."""
    neuron = chain.a_neuron(
        uid=Uid(uid),
        hotkey=Hotkey(f"h{uid}"),
        coldkey=f"c{uid}",
        public_key=KEY,
        validator_permit=False,
        last_update=Block(uid),
        registered_at_block=Block(uid),
        immune_until_block=Block(uid + 100),
    )
    return replace(neuron, **overrides)  # type: ignore[arg-type]


def a_commitment(uid: int, block: int = 50, **overrides: object) -> CommitmentRecord:
    """A well-formed plain commitment of h<uid>."""
    record = CommitmentRecord(Hotkey(f"h{uid}"), Block(block), VALUE, CommitmentStatus.PLAIN)
    return replace(record, **overrides)  # type: ignore[arg-type]


def a_metagraph(*commitments: CommitmentRecord) -> Metagraph:
    """Neurons 2 and 1 at block 60, in this order."""
    return chain.a_metagraph(
        block=Block(60),
        block_hash=HASH,
        owner_hotkey=Hotkey("h0"),
        neurons=(a_neuron(2), a_neuron(1)),
        commitments=commitments,
        tempo=20,
        immunity_period=100,
        weights_rate_limit=10,
    )


def test_the_registry_is_the_metagraph_in_the_order_of_uids() -> None:
    """Only what the API stores is kept."""
    assert daemon.registry(a_metagraph()) == registry.RegistrySnapshot(
        netuid=7,
        block=Block(60),
        block_hash=HASH,
        neurons=(
            registry.RegisteredNeuron(
                hotkey=Hotkey("h1"), uid=Uid(1), coldkey="c1", registered_at_block=Block(1), immune_until_block=Block(101)
            ),
            registry.RegisteredNeuron(
                hotkey=Hotkey("h2"), uid=Uid(2), coldkey="c2", registered_at_block=Block(2), immune_until_block=Block(102)
            ),
        ),
        owner_hotkey=Hotkey("h0"),
    )


def test_only_open_commitments_of_registered_hotkeys_are_read_oldest_first() -> None:
    """Sealed and failed ones wait; who left the subnet is not read."""
    found = daemon.readable_commitments(
        a_metagraph(
            a_commitment(1, 55),
            a_commitment(2, 54),
            a_commitment(9, 53),
            a_commitment(1, 52, status=CommitmentStatus.SEALED),
            a_commitment(2, 51, status=CommitmentStatus.FAILED),
        )
    )
    assert [(record.block, key) for record, key in found] == [(54, KEY), (55, KEY)]


def test_a_well_formed_commitment_becomes_a_submission() -> None:
    """Its parts stand apart, its place inside the block is fixed."""
    assert daemon.submission(a_commitment(1), KEY, HASH, None, 100) == NewSubmission(
        hotkey=Hotkey("h1"),
        public_key=KEY,
        commit_block=Block(50),
        tiebreak=tiebreak(HASH, KEY),
        commitment=VALUE,
        repo="lab/voice",
        revision="0" * 40,
        tag=Tag(b"t".hex() * 16),
    )


@pytest.mark.parametrize(
    ("record", "cooldown_from", "code"),
    [
        pytest.param(a_commitment(1, value="hello"), None, Code.COMMITMENT_MALFORMED, id="not a commitment"),
        pytest.param(a_commitment(1, value="hello"), Block(1), Code.COMMITMENT_MALFORMED, id="parse comes first"),
        pytest.param(a_commitment(1, 149), Block(50), Code.TOO_EARLY, id="99 blocks after the last"),
        pytest.param(a_commitment(1, status=CommitmentStatus.REVEALED), None, Code.TIMELOCKED, id="revealed"),
    ],
)
def test_a_refusal_is_recorded_with_its_code(record: CommitmentRecord, cooldown_from: Block | None, code: Code) -> None:
    """Nothing is dropped in silence, and nothing refused has a repository to fetch."""
    refused = daemon.submission(record, KEY, HASH, cooldown_from, 100)
    assert (refused.code, refused.repo, refused.tag) == (code, None, None)
    assert refused.reason


def test_after_the_cooldown_a_new_commitment_counts() -> None:
    """Exactly 100 blocks later is late enough."""
    assert daemon.submission(a_commitment(1, 150), KEY, HASH, Block(50), 100).code is None
