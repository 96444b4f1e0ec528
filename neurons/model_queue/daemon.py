"""The model queue: reads the chain every few blocks, and sends the API the registry and what was newly committed."""

from datetime import timedelta

import structlog

from neurons.api_client.client import ApiUnavailable, VoiceApi
from neurons.chain.adapter import Chain
from neurons.chain.types import ChainUnavailable, CommitmentRecord
from neurons.model_queue import translate
from neurons.model_queue.translate import Known
from neurons.shutdown import Shutdown
from scoring.competition import Schedule
from scoring.types import Block, Hotkey, RoundNumber
from voice_api.db.submissions import NewSubmission
from voice_api.runtime.process_metrics import Ticks

log = structlog.get_logger()


async def tick(chain: Chain, api: VoiceApi, schedule: Schedule) -> int:
    """Send the registry as of the finalized head, and every commitment that the API does not hold; how many were new.

    What the API holds is asked of the API, so a restart repeats nothing.
    """
    metagraph = await chain.metagraph()
    await api.send_registry(translate.registry(metagraph))
    fresh = []
    for record, public_key in translate.readable(metagraph):
        known = await _known(api, record.hotkey)
        if record.block not in known.blocks:
            fresh.append(await _submission(chain, record, public_key, known, schedule))
    if fresh:
        await api.send_submissions(fresh)
        log.info("submissions sent", count=len(fresh), block=metagraph.block)
    return len(fresh)


async def _known(api: VoiceApi, hotkey: Hotkey) -> Known:
    held = await api.submissions(hotkey=hotkey)
    accepted = [Block(item.commit_block) for item in held if item.code not in translate.UNREAD]
    return Known(frozenset(Block(item.commit_block) for item in held), max(accepted, default=None))


async def _submission(chain: Chain, record: CommitmentRecord, public_key: str, known: Known, schedule: Schedule) -> NewSubmission:
    limits = schedule.at(RoundNumber(record.block // schedule.round_blocks)).limits
    block_hash = await chain.block_hash(record.block)
    return translate.submission(record, public_key, block_hash, known, limits.cooldown_blocks)


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
