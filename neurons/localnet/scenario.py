"""The demo's story: the miners commit, everybody works, and it ends when the chain pays for what was judged."""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.live import Live

from neurons.api_client.client import ApiUnavailable, VoiceApi
from neurons.chain.adapter import Chain
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet import demo_output
from neurons.localnet.commits import commit_all
from neurons.localnet.network import COMPETITION, NETUID, Network
from neurons.localnet.observation import Observation
from neurons.localnet.watch import observe
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.types import Block, SubmissionId

_CHAIN_TIMEOUT = timedelta(seconds=30)
_READY_SECONDS = 60.0
_SETTLE_SECONDS = 600.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the network has settled at, and where the receipt of its king's last evaluation lies (None without a king)."""

    seen: Observation
    receipt: Path | None


async def run_scenario(network: Network, console: Console) -> DemoResult:
    """Commit every model and watch until the network has settled; raises PlatformError when it does not in time."""
    async with (
        Chain(DevSubstrate(network.layout.devchain), NETUID, _CHAIN_TIMEOUT) as chain,
        VoiceApi(network.api_url, None, network.api_hotkey) as api,
    ):
        await _ready(network, api)
        await commit_all(chain, network.miners, network.layout.wallets)
        seen = await _watch(network, api, chain, console)
        return DemoResult(seen, await _receipt(network, api, seen))


async def _receipt(network: Network, api: VoiceApi, seen: Observation) -> Path | None:
    kings = [miner.submission for miner in seen.miners if miner.king and miner.submission is not None]
    evaluations = (await api.submission(SubmissionId(kings[0]))).evaluations if kings else ()
    hashes = [evaluation.receipt_hash for evaluation in evaluations if evaluation.receipt_hash is not None]
    return network.layout.receipt(hashes[0]) if hashes else None


async def _ready(network: Network, api: VoiceApi) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        network.stack.check()
        try:
            await api.queue()
        except ApiUnavailable:
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            return
    raise PlatformError(Code.API_UNAVAILABLE, f"the API did not answer within {_READY_SECONDS:.0f} s; see {network.layout.logs}.")


async def _watch(network: Network, api: VoiceApi, chain: Chain, console: Console) -> Observation:
    """The first look at which every miner is judged, and paid by weights that were set after the last verdict."""
    round_blocks, started = load(COMPETITION).round_blocks, time.monotonic()
    judged_by: Block | None = None
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while (spent := time.monotonic() - started) < _SETTLE_SECONDS:
            network.stack.check()
            seen = await observe(api, chain, network.api_hotkey, network.miners, round_blocks)
            live.update(demo_output.live(seen, spent))
            if judged_by is None and seen.judged:
                judged_by = await chain.head()
            if judged_by is not None and seen.paid_after(judged_by):
                return seen
            await asyncio.sleep(_LOOK_SECONDS)
    raise PlatformError(Code.INTERNAL, f"the network did not settle within {_SETTLE_SECONDS:.0f} s; see {network.layout.logs}.")
