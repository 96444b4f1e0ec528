"""The model queue: reads the chain every few blocks, and sends the API the registry and what was newly committed."""

from dataclasses import replace
from datetime import timedelta

import structlog

from neurons.api_client.client import ApiUnavailable, VoiceApi
from neurons.chain.adapter import Chain
from neurons.chain.commitment import in_cooldown, parse, tiebreak
from neurons.chain.types import ChainUnavailable, CommitmentRecord, CommitmentStatus, Metagraph
from neurons.shutdown import Shutdown
from scoring.competition import Schedule
from scoring.errors import Code, SubmissionFault
from scoring.types import Block, BlockHash, PublicKey, RoundNumber
from voice_api.db.registry import RegisteredNeuron, RegistrySnapshot
from voice_api.db.submissions import NewSubmission
from voice_api.runtime.chain_metrics import ChainMetrics
from voice_api.runtime.process_metrics import Ticks

log = structlog.get_logger()


async def tick(chain: Chain, api: VoiceApi, schedule: Schedule, seen: ChainMetrics | None = None) -> int:
    """Send the registry as of the finalized head, and every commitment that the API does not hold; return how many were new.

    What the API holds is asked of the API, many commitments at once, so a restart repeats nothing.
    """
    metagraph = await chain.metagraph()
    if seen is not None:
        seen.saw(metagraph.block, metagraph.made_at)
    await api.send_registry(registry(metagraph))
    readable = readable_commitments(metagraph)
    known = await api.known_commitments([(record.hotkey, record.block) for record, _ in readable])
    fresh = []
    for (record, public_key), held in zip(readable, known, strict=True):
        if not held.recorded:
            rules = schedule.at(RoundNumber(record.block // schedule.round_blocks))
            block_hash = await chain.block_hash(record.block)
            fresh.append(submission(record, public_key, block_hash, held.cooldown_from, rules.cooldown_blocks))
    if fresh:
        await api.send_submissions(fresh)
        log.info("submissions sent", count=len(fresh), block=metagraph.block)
    return len(fresh)


async def run(
    chain: Chain, api: VoiceApi, schedule: Schedule, pause: timedelta, stop: Shutdown, ticks: Ticks | None = None
) -> None:
    """Tick until asked to stop; a named outage waits for the next tick. `ticks` counts them."""
    counted = ticks or Ticks()
    seen = ChainMetrics(counted.registry)
    while not stop.requested:
        try:
            with counted.measured():
                await tick(chain, api, schedule, seen)
        except (ChainUnavailable, ApiUnavailable) as outage:
            log.warning("tick skipped", code=outage.code, detail=outage.detail)
        await stop.wait(pause)


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
    return RegistrySnapshot(
        netuid=metagraph.netuid,
        block=metagraph.block,
        block_hash=metagraph.block_hash,
        neurons=neurons,
        owner_hotkey=metagraph.owner_hotkey,
    )


def readable_commitments(metagraph: Metagraph) -> tuple[tuple[CommitmentRecord, PublicKey], ...]:
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
