"""A development chain, a local hub, and a miner's daemon on them whose scores are scripted and who can be killed at any point."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import bittensor as bt
import httpx
import numpy as np
from safetensors.numpy import load_file, save_file

from neurons.api_client.client import VoiceApi
from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.chain.types import CommitmentRecord
from neurons.devchain import operations
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet.network import COMPETITION
from neurons.localnet.repositories import is_private
from neurons.miner.client import MinerClient, ModelToPublish, PublishingCost
from neurons.miner.daemon import DaemonOptions, assemble
from neurons.miner.hub import ModelHub
from neurons.miner.journal import CheckpointJudged, Journal, PublishingEnded, Record, ScoreRecord, StepBegun, StepTaken
from neurons.miner.messages import Message, MessageKind, Notify
from neurons.shutdown import Shutdown
from scoring.competition import Schedule, load
from scoring.errors import Code, SubmissionFault
from scoring.types import BlockHash, Hotkey, Micro
from tests.builders import espeak_voices

NETUID = 1
BLOCK_SECONDS = 0.05
COOLDOWN_BLOCKS = 60
TOKEN = "hf_of_the_miner"
_FINAL_BLOCKS = 6
"""After so many a registration is final, with room."""
_OWNER = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"


@dataclass(frozen=True)
class Bed:
    """Where everything lies. `api` is where the voice API listens; by default nobody does."""

    folder: Path
    hub: str
    api: str = "http://127.0.0.1:9"

    @property
    def chain(self) -> Path:
        """The chain's file."""
        return self.folder / "chain.sqlite"

    def wallet(self, name: str, registered: bool = True) -> bt.Wallet:
        """A miner's wallet, made and registered when missing."""
        if registered:
            self.register(name)
        return wallets.create(name, "default", self.folder / "wallets")

    def register(self, *names: str) -> None:
        """Make and register those of these miners that are missing, and wait once: a daemon believes what is final."""
        missing = [name for name in names if not (self.folder / "wallets" / name).exists()]
        for name in missing:
            wallet = wallets.create(name, "default", self.folder / "wallets")
            operations.register(self.chain, Hotkey(wallet.hotkey.ss58_address), wallet.coldkeypub.ss58_address)
        if missing:
            time.sleep(BLOCK_SECONDS * _FINAL_BLOCKS)

    def commits(self, name: str) -> int:
        """How many commitments of a miner the chain holds, in all its blocks."""
        start = f"{self.wallet(name).hotkey.ss58_address} committed"
        return sum(event.startswith(start) for block in operations.blocks(self.chain, 100_000) for event in block.events)

    def is_private(self, repo: str) -> bool:
        """Whether the hub hides a repository; raises for one that is not there."""
        assert (self.folder / "hub" / repo).is_dir(), repo
        return is_private(self.folder / "hub", repo)

    def repositories(self, namespace: str) -> list[str]:
        """What a miner has on the hub."""
        return sorted(f"{namespace}/{path.name}" for path in (self.folder / "hub" / namespace).glob("*"))

    def committed(self, name: str) -> CommitmentRecord | None:
        """A miner's newest commitment."""

        async def read() -> CommitmentRecord | None:
            async with self.open_chain() as chain:
                found = await chain.metagraph(await chain.head())
                return found.commitment(Hotkey(self.wallet(name).hotkey.ss58_address))

        return asyncio.run(read())

    def open_chain(self, kill: "Kill | None" = None) -> Chain:
        """The chain as one process sees it."""
        return Chain(KilledSubstrate(self.chain, kill or Kill("")), NETUID, timedelta(seconds=20))


def make(folder: Path, hub: str) -> Bed:
    """A chain with fast blocks, and an empty hub's folder."""
    bed = Bed(folder, hub)
    operations.create(bed.chain, netuid=NETUID, block_seconds=BLOCK_SECONDS, owner_coldkey=_OWNER, owner_hotkey=Hotkey(_OWNER))
    return bed


def add_checkpoint(folder: Path, name: str, seed: int = 0) -> Path:
    """A small model folder; another `seed` is another model."""
    made = folder / name
    built = espeak_voices.build(folder.parent / f"{folder.name}-built")["clear"]
    folder.mkdir(exist_ok=True)
    built.rename(made)
    weights = load_file(made / "model.safetensors")
    save_file({**weights, "word_gap": np.full(1, seed, dtype=np.float32)}, made / "model.safetensors")
    return made


def schedule() -> Schedule:
    """The demo's rules with a short cooldown."""
    rules = load(COMPETITION)
    [version] = rules.version
    return rules.model_copy(update={"version": (version.model_copy(update={"cooldown_blocks": COOLDOWN_BLOCKS}),)})


@dataclass(frozen=True)
class Kill:
    """The point at which a process ends itself as a power cut would."""

    point: str

    def __call__(self, here: str) -> None:
        """Die if this is the point."""
        if here == self.point:
            os.kill(os.getpid(), signal.SIGKILL)


class KilledSubstrate(DevSubstrate):
    """The chain's client, which may die when the transaction is out and nothing is known of it yet."""

    def __init__(self, path: Path, kill: Kill) -> None:
        super().__init__(path)
        self._kill = kill

    async def submit(self, call: Any, keypair: Any, **options: Any) -> Any:
        """Submit, and perhaps die before it is in a block."""
        if self._kill.point == "sent commit":
            await super().submit(call, keypair, **options | {"wait_for_inclusion": False, "wait_for_finalization": False})
            self._kill("sent commit")
        return await super().submit(call, keypair, **options)


class KilledHub(ModelHub):
    """The hub's client, which may die when the hub has everything and has not been asked for it again."""

    kill = Kill("")

    def upload(self, folder: Path, repo: str) -> str:
        """Upload, and perhaps die before the answer is read."""
        revision = super().upload(folder, repo)
        self.kill("sent upload")
        return revision


class KilledJournal(Journal):
    """The journal, which may die right before or after a record."""

    kill = Kill("")

    def write(self, record: Record) -> None:
        """Write, and perhaps die around it."""
        self.kill(f"before {name_of(record)}")
        super().write(record)
        self.kill(f"after {name_of(record)}")


def name_of(record: Record) -> str:
    """A record's kind and what it is about."""
    match record:
        case StepBegun() | StepTaken():
            return f"{record.kind} {record.step.value}"
        case CheckpointJudged():
            return f"judged {record.verdict.value}"
        case PublishingEnded():
            return f"ended {record.end.value}"
        case _:
            return record.kind


@dataclass
class ScriptedScorer:
    """Scores by folder name, or of any repository as of `last`: every group the same, with a little noise that is not shared."""

    scores: Mapping[str, float]
    groups: int = 16
    asked: list[str] = field(default_factory=list)

    async def score(self, target: str, name: str, block_hash: BlockHash) -> ScoreRecord:
        """As scripted; a score below 0 is a model that cannot be loaded."""
        self.asked.append(target)
        mean = self.scores["last" if "@" in target else Path(target).name]
        if mean < 0:
            raise SubmissionFault(Code.LOAD_FAILED, "it does not load")
        noise = np.random.default_rng(list(f"{name}{block_hash}".encode())).normal(0.0, 0.02, self.groups)
        groups = tuple(Micro(int(1e6 * value)) for value in np.clip(mean + noise, 0.0, 1.0))
        return ScoreRecord(
            model=name,
            block_hash=block_hash,
            rules=schedule().version[-1].hash,
            track=schedule().version[-1].track[0].name,
            groups=groups,
            score=Micro(int(1e6 * mean)),
            stderr=Micro(5_000),
        )


@dataclass
class Mine:
    """How a miner is run: whose wallet, on which folder, with which wishes."""

    bed: Bed
    name: str
    folder: Path
    scores: Mapping[str, float]
    kill: str = ""
    once: bool = True
    dry_run: bool = False
    agrees: bool = True
    registered: bool = True
    margin: float | None = None
    lines: list[Message] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        """Its journal."""
        return self.bed.folder / "journals" / f"{self.name}.jsonl"

    def run(self) -> None:
        """Run it to its end."""
        asyncio.run(self.serve(Shutdown()))

    async def serve(self, stop: Shutdown, listen: Notify | None = None) -> None:
        """Put the daemon together as the command does, and run it until the end."""
        kill = Kill(self.kill)
        wallet, rules = self.bed.wallet(self.name, self.registered), schedule()
        hub = KilledHub(self.bed.hub, TOKEN)
        hub.kill = kill
        plain = httpx.AsyncHTTPTransport(verify=False)  # else each reads all root certificates, for a third of its time
        async with self.bed.open_chain(kill) as chain, VoiceApi(self.bed.api, transport=plain) as api:
            client = MinerClient(chain, hub, api, wallet, rules)
            with KilledJournal(self.journal) as journal:
                journal.kill = kill
                options = DaemonOptions(
                    folder=self.folder,
                    repo=f"{self.name}/voice",
                    margin=self.margin,
                    settle=timedelta(0),
                    once=self.once,
                    dry_run=self.dry_run,
                )
                daemon = assemble(
                    options,
                    client=client,
                    journal=journal,
                    scorer=ScriptedScorer(self.scores),
                    consent=self._consent,
                    notify=listen or self.lines.append,
                )
                await daemon.run(timedelta(seconds=BLOCK_SECONDS), stop)
        assert not client.abandon()

    async def _consent(self, _cost: PublishingCost, _model: ModelToPublish) -> bool:
        return self.agrees

    def said(self, kind: MessageKind) -> list[str]:
        """The sentences of a kind."""
        return [line.text for line in self.lines if line.kind is kind]
