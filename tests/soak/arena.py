"""Everything that runs in a soak: PostgreSQL, Redis, API, model queue, a judge, and validators, each a real process on one chain."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import bittensor as bt

from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.commitment import Commitment, encode
from neurons.chain.types import CommitResult
from neurons.devchain import operations
from neurons.devchain.genesis import RAO
from neurons.devchain.subnet import Rules
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet.network import COMPETITION, HOTKEY, worker_identity
from neurons.localnet.services import EmbeddedService, pick_port, start_postgres, start_redis
from scoring.model.fingerprint import tag_of
from scoring.types import Hotkey, PublicKey
from tests.builders.processes import Processes
from tests.soak import field
from voice_api.db import migrate

NETUID = 1
ROUND_BLOCKS = 4
_RULES = Rules(tempo=20, weights_rate_limit=12, immunity_period=20)
_CHANGES = {
    "blocks": ROUND_BLOCKS,
    "single": 7,
    "voice": 1,
    "evaluations": 12,
    "deadline_blocks": 6 * ROUND_BLOCKS,
    "margin_decay_blocks": 400,
    "cooldown_blocks": 2 * ROUND_BLOCKS,
}
"""What is quicker than in the demo's competition."""
_TRACK = "[[version.track]]"
_SMALL = {"share": 0.6, "families": ["vits"]}
_DESCRIBED = {
    "name": "described",
    "share": 0.4,
    "families": ["espeak"],
    "asks": ["rate", "pitch"],
    "counterfactual": 1,
    "single": 6,
    "intelligibility": 0.3,
    "delivery": 0.1,
}
"""How the two tracks differ from the demo's one: the second asks its voices to follow descriptions."""
_CHAIN_SECONDS = 1.5
_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Size:
    """How many of each, and how fast."""

    validators: int
    miners: int
    block_seconds: float


@dataclass(frozen=True, slots=True)
class Arena:
    """What runs, and how to touch it."""

    folder: Path
    size: Size
    database: str
    processes: Processes

    @property
    def devchain(self) -> Path:
        """The chain's file."""
        return self.folder / "devchain.sqlite"

    @property
    def competition(self) -> Path:
        """The competition's file."""
        return self.folder / "competition.toml"

    @property
    def validators(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(f"validator-{number}" for number in range(1, self.size.validators + 1))

    def wallet(self, name: str) -> bt.Wallet:
        """By name, made when it is not there."""
        return wallets.create(name, HOTKEY, self.folder / "wallets")

    def hotkey(self, name: str) -> Hotkey:
        """Of a wallet."""
        return Hotkey(self.wallet(name).hotkey.ss58_address)

    def chain(self) -> Chain:
        """The chain as everybody sees it, faults and all."""
        return Chain(DevSubstrate(self.devchain), NETUID, timedelta(seconds=_CHAIN_SECONDS))

    def register(self, name: str, stake: int = 0) -> None:
        """Register a wallet; a full subnet loses who earns least."""
        coldkey = self.wallet(name).coldkeypub.ss58_address
        if stake:
            operations.faucet(self.devchain, coldkey, stake)
        operations.register(self.devchain, self.hotkey(name), coldkey, stake)

    async def commit(self, chain: Chain, miner: int, version: int) -> CommitResult:
        """Commit a miner's next model."""
        wallet, repo = self.wallet(f"miner-{miner}"), field.repository(miner, version)
        tag = tag_of(field.content(repo), PublicKey(bytes(wallet.hotkey.public_key).hex()))
        return await chain.commit(wallet, encode(Commitment(repo, field.revision(repo), tag)))


@contextmanager
def running(folder: Path, size: Size) -> Iterator[Arena]:
    """Start everything, and leave no process behind, whatever happens. The folder's path is short and plain."""
    postgres, redis = start_postgres(folder / "postgres", durable=False), start_redis(folder / "redis")
    (folder / "logs").mkdir()
    arena = Arena(folder, size, postgres.url, Processes(folder / "logs"))
    try:
        asyncio.run(migrate.upgrade(postgres.url))
        _settle(arena)
        _start(arena, postgres, redis)
        yield arena
    finally:
        arena.processes.stop()
        redis.stop()
        postgres.stop()


def _changed(text: str, changes: Mapping[str, object]) -> str:
    """A competition's file, or a track of it, with other values in lines that it has."""
    for name, value in changes.items():
        text, found = re.subn(rf"(?m)^{name} = .*$", f"{name} = {json.dumps(value)}", text)
        assert found == 1, f"the demo's competition has no {name}"
    return text


def _settle(arena: Arena) -> None:
    """The chain, full, with different stakes; the competition."""
    shared, _, track = _changed(COMPETITION.read_text(encoding="utf-8"), _CHANGES).partition(_TRACK)
    tracks = [_TRACK + _changed(track, own) for own in (_SMALL, _DESCRIBED)]
    arena.competition.write_text("\n".join([shared, *tracks]), encoding="utf-8")
    owner = arena.wallet("owner")
    operations.create(
        arena.devchain,
        netuid=NETUID,
        block_seconds=arena.size.block_seconds,
        owner_coldkey=owner.coldkeypub.ss58_address,
        owner_hotkey=arena.hotkey("owner"),
        rules=_RULES,
    )
    for number, name in enumerate(arena.validators, 1):
        arena.register(name, 1_000 * number * RAO)
    for number in range(1, arena.size.miners + 1):
        arena.register(f"miner-{number}")
    operations.change(arena.devchain, "max_uids", 1 + arena.size.validators + arena.size.miners)


def _start(arena: Arena, postgres: EmbeddedService, redis: EmbeddedService) -> None:
    first, port = arena.hotkey(arena.validators[0]), pick_port(None)
    arena.wallet("queue")
    chain = {
        "BT_NETWORK": "dev",
        "VOICE_NETUID": str(NETUID),
        "VOICE_DEVCHAIN": str(arena.devchain),
        "BT_WALLET_PATH": str(arena.folder / "wallets"),
        "BT_WALLET_HOTKEY": HOTKEY,
        "VOICE_CHAIN_TIMEOUT_SECONDS": str(_CHAIN_SECONDS),
        "VOICE_COMPETITION": str(arena.competition),
        "VOICE_LOG_FORMAT": "json",
        "PYTHONFAULTHANDLER": "1",
        "VOICE_WEIGHTS_SECONDS": "10",
    }
    database = {"DATABASE_URL": postgres.url}
    serving = {
        **database,
        "REDIS_URL": redis.url,
        "VOICE_API_HOTKEY": first,
        "VOICE_API_WRITERS": arena.hotkey("queue"),
        "VOICE_RATE_PER_MINUTE": "0",
        "VOICE_RATE_ADDRESS_PER_MINUTE": "0",
    }
    judge = {
        **database,
        **worker_identity(arena.folder / "judge", "judge", arena.wallet(arena.validators[0])),
        "VOICE_COMPETITION": str(arena.competition),
    }
    queue = {"VOICE_API_URL": f"http://127.0.0.1:{port}", "VOICE_API_HOTKEY": first, "VOICE_PAUSE_SECONDS": "1"}
    _run(arena, "api", ["api", "--host", "127.0.0.1", "--port", str(port)], serving)
    arena.processes.start("judge", "tests.soak.judge", [], judge)
    _run(arena, "queue", ["queue", "run", "--wallet", "queue"], {**chain, **queue})
    for name in arena.validators:
        own = {"VOICE_REVOCATIONS": str(arena.folder / f"{name}.json"), "VOICE_PAUSE_SECONDS": str(_PAUSE_SECONDS)}
        _run(arena, name, ["validator", "run", "--wallet", name], {**chain, **database, **own, "VOICE_TRUST": first})


def _run(arena: Arena, name: str, arguments: list[str], environment: Mapping[str, str]) -> None:
    arena.processes.start(name, "neurons.cli", arguments, environment)
