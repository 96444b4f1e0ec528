"""The model queue: reads the chain every few blocks, and sends the API the registry and what was newly committed."""

from datetime import timedelta

import structlog

from neurons.api_client.client import ApiUnavailable, VoiceApi
from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable, CommitmentRecord
from neurons.model_queue import translate
from neurons.shutdown import Shutdown
from scoring.competition import Schedule
from scoring.types import Block, PublicKey, RoundNumber
from voice_api.db.submissions import NewSubmission
from voice_api.runtime.process_metrics import Ticks

log = structlog.get_logger()


async def tick(chain: Chain, api: VoiceApi, schedule: Schedule) -> int:
    """Send the registry as of the finalized head, and every commitment that the API does not hold; return how many were new.

    What the API holds is asked of the API, many commitments at once, so a restart repeats nothing.
    """
    metagraph = await chain.metagraph()
    await api.send_registry(translate.registry(metagraph))
    readable = translate.readable(metagraph)
    known = await api.known_commitments([(record.hotkey, record.block) for record, _ in readable])
    fresh = [
        await _submission(chain, record, public_key, held.cooldown_from, schedule)
        for (record, public_key), held in zip(readable, known, strict=True)
        if not held.recorded
    ]
    if fresh:
        await api.send_submissions(fresh)
        log.info("submissions sent", count=len(fresh), block=metagraph.block)
    return len(fresh)


async def _submission(
    chain: Chain, record: CommitmentRecord, public_key: PublicKey, cooldown_from: Block | None, schedule: Schedule
) -> NewSubmission:
    limits = schedule.at(RoundNumber(record.block // schedule.round_blocks)).limits
    block_hash = await chain.block_hash(record.block)
    return translate.submission(record, public_key, block_hash, cooldown_from, limits.cooldown_blocks)


async def run(
    chain: Chain, api: VoiceApi, schedule: Schedule, pause: timedelta, stop: Shutdown, ticks: Ticks | None = None
) -> None:
    """Tick until asked to stop; a named outage waits for the next tick. `ticks` counts them."""
    counted = ticks or Ticks()
    while not stop.requested:
        try:
            with counted.measured():
                await tick(chain, api, schedule)
        except (ChainUnavailable, ApiUnavailable) as outage:
            log.warning("tick skipped", code=outage.code, detail=outage.detail)
        await stop.wait(pause)
