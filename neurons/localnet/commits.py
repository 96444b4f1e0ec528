"""The miners' commits, one after another: the copy comes after its original."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.types import Applied, RateLimited, Refused
from neurons.localnet.network import HOTKEY, Miner
from neurons.miner.model_check import commitment_of
from scoring.errors import Code, PlatformError, SubmissionFault
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.types import ContentHash


async def commit_all(chain: Chain, miners: Sequence[Miner], wallet_path: Path) -> None:
    """Commit each model that its hotkey has not committed yet (a network continued with --keep has them on its chain)."""
    metagraph = await chain.metagraph(await chain.head())
    for miner in miners:
        if metagraph.commitment(miner.hotkey) is None:
            await _commit(chain, miner, wallet_path)


async def _commit(chain: Chain, miner: Miner, wallet_path: Path) -> None:
    wallet = wallets.load(miner.role, HOTKEY, wallet_path)
    result = await chain.commit(wallet, commitment_of(_content(miner.folder), miner.repo, miner.revision, wallet))
    match result:
        case Applied():
            return
        case RateLimited(_, message) | Refused(_, _, message):
            raise PlatformError(Code.CHAIN_REFUSED, f"the chain refused the commit of {miner.role}: {message}.")
        case unreachable:
            assert_never(unreachable)


def _content(folder: Path) -> ContentHash:
    """The model's content hash; of a folder without a readable model the hash of its files: it can be committed all the same."""
    try:
        return fingerprint(folder, NO_PROGRESS).content
    except SubmissionFault:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return ContentHash(hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest())
