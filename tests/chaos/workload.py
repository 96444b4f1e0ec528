"""What goes on while everything breaks: miners' commitments sent through the API, rounds opened over them, people who read."""

import asyncio
import hashlib
import shutil
import time
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx
import numpy as np
from safetensors.numpy import save_file

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from neurons.localnet.repositories import publish
from scoring.competition import Schedule
from scoring.errors import Code
from scoring.model.fingerprint import fingerprint, tag_of
from scoring.progress import NO_PROGRESS
from scoring.types import Block, BlockHash, Hotkey, PublicKey, RoundNumber, SubmissionId, Uid
from tests.builders import espeak_voices
from tests.builders.rules import two_devices
from tests.chaos.arena import Arena
from voice_api.db.database import Pool
from voice_api.db.registry import RegisteredNeuron, RegistrySnapshot
from voice_api.db.rounds import NewRound, RoundEntry, Rounds
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission
from voice_api.errors import DatabaseUnavailable

RULES_TEXT = two_devices("espeak", "csm", batch=4)
"""A track for CPUs and one for cards: a worker without one reads every newcomer."""
RULES = Schedule.model_validate(tomllib.loads(RULES_TEXT))
_INSIST_SECONDS = 60.0
_PAUSE = 0.2
_READ = ("/v1/leaderboard", "/v1/queue", "/v1/submissions", "/healthz", "/readyz")
_MOST_MINERS = 256

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Workload:
    """Each round brings `newcomers` submissions, and asks for the newest `entries` of all.

    `asked` are the pairs that must each get one verdict; `answers` counts what the API answered to readers; `unreached` what
    writers had to repeat.
    """

    rounds: int
    newcomers: int
    entries: int
    submissions: list[SubmissionId] = field(default_factory=list)
    asked: set[tuple[SubmissionId, int]] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)
    unreached: Counter[str] = field(default_factory=Counter)
    opened: int = 0

    async def open_next(self, arena: Arena, pool: Pool) -> None:
        """Publish and commit the newcomers, then open the next round."""
        number = self.opened + 1
        first = 1 + (number - 1) * self.newcomers
        fresh = [_commitment(arena.folder, first + each, number) for each in range(self.newcomers)]
        async with VoiceApi(arena.api_url, arena.wallet, arena.api_hotkey, timeout=5.0) as api:
            await self._insist(lambda: api.send_registry(_registry(number, arena.api_hotkey)))
            ids = await self._insist(lambda: api.send_submissions(fresh))
            again = await self._insist(lambda: api.send_submissions(fresh))
        assert ids == again, "the same commitments, sent again, are other submissions"
        self.submissions += ids
        last = list(enumerate(self.submissions, 1))[-self.entries :]
        entries = [RoundEntry(each, None, _queue(at) if at < first else QueueName.CPU, 0) for at, each in last]
        rules = RULES.at(RoundNumber(number))
        start = Block(number * RULES.round_blocks)
        new = NewRound(
            round=RoundNumber(number),
            start_block=start,
            block_hash=_hash(number),
            deadline_block=Block(start + 160),
            competition_hash=rules.hash,
        )
        await self._insist(lambda: Rounds(pool).open(new, entries))  # again after an answer that was lost: changes nothing
        self.asked |= {(entry.submission_id, number) for entry in entries}
        self.opened = number

    async def read(self, arena: Arena) -> None:
        """Read the API until cancelled, and count the answers."""
        async with httpx.AsyncClient(base_url=arena.api_url, timeout=5.0, trust_env=False) as client:
            while True:
                for path in _READ:
                    try:
                        status = str((await client.get(path)).status_code)
                    except httpx.HTTPError:
                        status = "no connection"
                    self.answers[status] += 1
                    await asyncio.sleep(_PAUSE / 2)

    async def _insist(self, do: Callable[[], Awaitable[Answer]]) -> Answer:
        """As a daemon does: again after an outage, which has an end."""
        deadline = time.monotonic() + _INSIST_SECONDS
        while True:
            try:
                return await do()
            except (ApiUnavailable, DatabaseUnavailable, ApiRefused) as outage:
                # A signature older than the store of nonces is refused: the next one is younger.
                if time.monotonic() > deadline or (isinstance(outage, ApiRefused) and outage.code is not Code.NOT_AUTHENTICATED):
                    raise
                self.unreached[outage.code.slug] += 1
                await asyncio.sleep(_PAUSE)


def _queue(number: int) -> QueueName:
    """Where a miner's model is judged, once it was read: every other one speaks on cards."""
    return QueueName.CPU if number % 2 else QueueName.GPU


def _commitment(folder: Path, number: int, round_number: int) -> NewSubmission:
    """A model of its own, published on the hub, as its miner commits it in the round before."""
    key = hashlib.sha256(f"miner {number}".encode()).digest()
    base, model = folder / "models" / "clear", folder / "models" / f"miner-{number}"
    if not base.is_dir():
        espeak_voices.build(folder / "models")
    shutil.copytree(base, model, dirs_exist_ok=True)
    own = np.random.default_rng(number).random((2, 4, 7), dtype=np.float32)
    save_file({"controls": own, "word_gap": np.zeros(1, dtype=np.float32)}, model / "model.safetensors")
    if _queue(number) is QueueName.GPU:  # nobody loads it
        (model / "config.json").write_text('{"model_type": "csm"}', encoding="utf-8")
        (model / "tokenizer.json").write_text("{}", encoding="utf-8")
    repo = f"lab/voice-{number}"
    return NewSubmission(
        hotkey=Hotkey(f"miner-{number}"),
        public_key=PublicKey(key.hex()),
        commit_block=Block((round_number - 1) * RULES.round_blocks + 1),
        tiebreak=hashlib.sha256(key).hexdigest(),
        commitment=f"v2:{repo}",
        repo=repo,
        revision=publish(folder / "hub", repo, model),
        tag=tag_of(fingerprint(model, NO_PROGRESS).content, PublicKey(key.hex())),
    )


def _registry(block: int, writer: str) -> RegistrySnapshot:
    names = [writer, *(f"miner-{number}" for number in range(1, _MOST_MINERS))]
    neurons = tuple(
        RegisteredNeuron(
            hotkey=Hotkey(name), uid=Uid(uid), coldkey="coldkey", registered_at_block=Block(0), immune_until_block=Block(0)
        )
        for uid, name in enumerate(names)
    )
    return RegistrySnapshot(netuid=1, block=Block(block * RULES.round_blocks), block_hash=_hash(block), neurons=neurons)


def _hash(number: int) -> BlockHash:
    return BlockHash("0x" + hashlib.sha256(f"block {number}".encode()).hexdigest())
