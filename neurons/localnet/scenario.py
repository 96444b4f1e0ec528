"""The demo's scenario: the miners commit, everybody works, and it ends when the chain pays by the verdicts."""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.live import Live

from neurons.api_client.client import ApiUnavailable, VoiceApi
from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.types import included_in
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet import demo_output
from neurons.localnet.network import BLOCK_SECONDS, COMPETITION, HOTKEY, NETUID, Miner, Network
from neurons.localnet.observation import Observation, check, observe
from neurons.miner.model_check import commitment_of
from scoring.competition import load
from scoring.errors import Code, PlatformError, SubmissionFault
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.types import Block, ContentHash, SubmissionId

_CHAIN_TIMEOUT = timedelta(seconds=30)
_READY_SECONDS = 60.0
_SETTLE_SECONDS = 600.0
_LOOK_SECONDS = 0.5
_DUEL_ROUNDS = 16
"""Rounds that the duels have after the last verdict: if the better voice is judged in a later round than the worse one, it finds a
king, and needs the evidence of about five."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The settled network, and the file of the receipt of its king's last evaluation (None without a king)."""

    seen: Observation
    receipt: Path | None


async def run_scenario(network: Network, console: Console) -> DemoResult:
    """Commit every model and watch until the network has settled; raises PlatformError when it does not in time."""
    async with (
        Chain(DevSubstrate(network.layout.devchain), NETUID, _CHAIN_TIMEOUT) as chain,
        VoiceApi(network.api_url, None, network.api_hotkey) as api,
    ):
        await _ready(network, api)
        await _round_begins(chain)
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


async def _round_begins(chain: Chain) -> None:
    """Wait for the first quarter of a round: what is committed in one round is judged in the next, side by side."""
    blocks = load(COMPETITION).round_blocks
    if (gone := await chain.head() % blocks) >= blocks // 4:
        await asyncio.sleep((blocks - gone) * BLOCK_SECONDS)


async def _watch(network: Network, api: VoiceApi, chain: Chain, console: Console) -> Observation:
    """The first look at which every miner is judged and paid by weights set after the last verdict, and no duel is left to wait for."""
    round_blocks, started = load(COMPETITION).round_blocks, time.monotonic()
    judged_by: Block | None = None
    with _shown(console) as show:
        while (spent := time.monotonic() - started) < _SETTLE_SECONDS:
            network.stack.check()
            seen = await observe(api, chain, network.api_hotkey, network.miners, round_blocks)
            show(seen, spent)
            if judged_by is None and seen.judged:
                judged_by = await chain.head()
            if judged_by is not None and seen.paid_after(judged_by):
                patient = seen.block < judged_by + _DUEL_ROUNDS * round_blocks
                if not patient or all(expectation.held for expectation in check(seen)):
                    return seen
            await asyncio.sleep(_LOOK_SECONDS)
    raise PlatformError(Code.INTERNAL, f"the network did not settle within {_SETTLE_SECONDS:.0f} s; see {network.layout.logs}.")


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[Observation, float], None]]:
    """Show each look: on a terminal as a picture that is drawn again, elsewhere as a line for each change."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as live:
            yield lambda seen, spent: live.update(demo_output.live(seen, spent))
        return
    before: Observation | None = None

    def print_news(seen: Observation, spent: float) -> None:
        nonlocal before
        for line in demo_output.news(before, seen, spent):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        before = seen

    yield print_news


async def commit_all(chain: Chain, miners: Sequence[Miner], wallet_path: Path) -> None:
    """Commit each model that its hotkey has not committed yet (a network continued with --keep has them on its chain)."""
    metagraph = await chain.metagraph(await chain.head())
    for miner in miners:
        if metagraph.commitment(miner.hotkey) is None:
            wallet = wallets.load(miner.role, HOTKEY, wallet_path)
            text = commitment_of(_content(miner.folder), miner.repo, miner.revision, wallet)
            included_in(await chain.commit(wallet, text))


def _content(folder: Path) -> ContentHash:
    """The model's content hash; of a folder without a readable model the hash of its files: it can be committed all the same."""
    try:
        return fingerprint(folder, NO_PROGRESS).content
    except SubmissionFault:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return ContentHash(hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest())
