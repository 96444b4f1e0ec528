"""The drill: a validator's database is lost, comes back from yesterday's backup, and catches up to the same ledger and the same weights."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import bittensor as bt
import pytest

from neurons.api_client.client import VoiceApi
from neurons.chain.adapter import Chain
from neurons.localnet.services import EmbeddedService
from neurons.validator.daemon import ValidatorIdentity
from neurons.validator.evidence import RemoteEvidence
from neurons.validator.follow.follower import Follower
from neurons.validator.follow.ledger_source import RemoteLedger
from scoring.receipts.certificate import Certificate
from scoring.receipts.receipt import Signed
from scoring.receipts.store import receipt_name
from scoring.store.folder import FolderFiles
from scoring.types import Hotkey, RoundNumber, Uid, Weight
from tests.builders.command_line import Ended, voice
from tests.integration.played import play
from voice_api.db.audits import Audits
from voice_api.db.database import connection_to, open_pool
from voice_api.db.ledger import Ledger, LedgerEntry
from voice_api.db.migrate import upgrade
from voice_api.db.states import WeightOutcome
from voice_api.settings import ApiSettings
from workers.evaluation.audio_store import EvidenceStore

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

pytestmark = pytest.mark.usefixtures("alone_on_the_server")
Listen = Callable[[ApiSettings], str]
YESTERDAY, TODAY = (500_000, 600_000), (700_000, 400_000)
"""Scores of both miners: what came after the backup is not what came before it."""


@dataclass(frozen=True, slots=True)
class Drill:
    """A validator with a store, another that follows it from a database of its own, and where both are."""

    stack: "ValidatorBed"
    folder: Path
    url: str
    other_url: str
    other: bt.Wallet
    listen: Listen
    settings: Callable[..., ApiSettings]

    @property
    def store(self) -> FolderFiles:
        """The validator's store."""
        return FolderFiles(self.folder / "store")

    async def play(self, rounds: int, scores: Sequence[int]) -> list[RoundNumber]:
        """Rounds whose receipts the workers put into the store; the other validator follows."""
        played = await play(self.stack, rounds, scores)
        for number in played:
            for result in await self.stack.store.rounds.results(number):
                assert result.receipt is not None and result.signature is not None
                signed = Signed(result.receipt, result.signature, Certificate.from_json(result.certificate))
                await asyncio.to_thread(EvidenceStore(self.store).keep_evidence, signed, self.stack.schedule.at(number))
        async with (
            open_pool(self.other_url, size=2) as pool,
            VoiceApi(self.listen(self.settings(hotkey=self.stack.hotkey))) as api,
        ):
            me, evidence = Hotkey(self.other.hotkey.ss58_address), RemoteEvidence(api)
            follower = Follower(
                chain=cast(Chain, self.stack.chain),
                evidence=evidence,
                theirs=RemoteLedger("theirs", api, evidence),
                own=Ledger(pool, me),
                audits=Audits(pool, me),
                signer=ValidatorIdentity(self.other, self.folder / "none.json", frozenset({self.stack.hotkey})),
                rate=0.0,
            )
            while await follower.tick(self.stack.schedule):
                pass
        return played

    async def voice(self, *arguments: str) -> Ended:
        """A command of the validator's operator."""
        environment = {"VOICE_TRUST": self.stack.hotkey, "VOICE_REVOCATIONS": "none.json", "VOICE_STORE": "store"}
        ended = await asyncio.to_thread(voice, self.folder, *arguments, DATABASE_URL=self.url, BT_WALLET="lost", **environment)
        assert ended.returncode == 0, ended.stderr
        return ended

    async def lose(self, server: str) -> None:
        """The disk with the database is gone; a new one is empty."""
        await self.stack.pool.close()
        name = urlsplit(self.url).path.removeprefix("/")
        async with connection_to(server) as connection:
            await connection.execute(f"drop database {name} with (force)")
            await connection.execute(f"create database {name}")


@pytest.fixture
async def drill(
    stack: "ValidatorBed",
    listen: Listen,
    api_settings: Callable[..., ApiSettings],
    stranger: bt.Wallet,
    database_url: str,
    empty_database_url: str,
    tmp_path: Path,
) -> Drill:
    """Before the first round."""
    await upgrade(empty_database_url)
    stack.wallet.create_new_coldkey(use_password=False, suppress=True, overwrite=True)
    (tmp_path / "wallets").mkdir()
    (tmp_path / "wallets" / "lost").symlink_to(Path(stack.wallet.path) / stack.wallet.name)
    return Drill(stack, tmp_path, database_url, empty_database_url, stranger, listen, api_settings)


async def next_round(stack: "ValidatorBed") -> RoundNumber:
    """The chain goes on as if nothing had been, and so does the validator: the round that it folds."""
    head = await stack.store.ledger.head()
    assert head is not None
    stack.chain.block = (head.round + 1) * 360 + 5
    while (latest := await stack.store.rounds.latest()) is None or latest.round <= head.round:
        assert await stack.tick()
    for score in YESTERDAY:
        await stack.judge(await stack.claim(), score)
    while await stack.store.ledger.waiting():
        assert await stack.tick()
    return latest.round


async def vector(stack: "ValidatorBed") -> dict[Uid, Weight]:
    """The weights that the validator sets now."""
    stack.chain.last_update = 0
    await stack.set_weights()
    attempt = await stack.store.weights.latest(WeightOutcome.SET)
    assert attempt is not None
    return dict(attempt.plan.vector)


async def test_a_lost_database_comes_back_to_the_same_ledger_and_weights(drill: Drill, postgres: EmbeddedService) -> None:
    """From yesterday's backup, the own store's receipts, and the entries of a validator that follows; then it goes on."""
    await drill.play(2, YESTERDAY)
    backup = str(json.loads((await drill.voice("backup", "create", "kept", "--json")).stdout)["file"])
    lost = await drill.play(3, TODAY)
    ledger, weights = await drill.stack.store.ledger.page(), await vector(drill.stack)
    await drill.lose(postgres.url)

    restored = json.loads((await drill.voice("backup", "restore", backup, "--json")).stdout)
    assert restored["store_files"]["missing"] == 0
    async with open_pool(drill.url, size=8) as pool:
        stack = replace(drill.stack, pool=pool)
        assert await stack.store.ledger.page() == ledger[:2]
        assert await vector(stack) != weights
        url = drill.listen(drill.settings(database_url=drill.other_url, hotkey=Hotkey(drill.other.hotkey.ss58_address)))
        joined = await drill.voice("validator", "ledger", "join", url, "--store", "store")
        assert joined.stdout == f"{len(lost)} rounds taken over\n"
        assert await stack.store.ledger.page() == ledger
        assert await vector(stack) == weights
        assert await next_round(stack) == ledger[-1].round + 1
        assert (await stack.store.ledger.page())[:-1] == ledger


async def test_what_the_store_lost_too_is_not_taken_over(drill: Drill) -> None:
    """The round and the receipt are named, and rounds before it are taken over; a receipt that was changed is as good as none."""
    first, second = await drill.play(2, YESTERDAY)
    entry = await drill.stack.store.ledger.get(second)
    [name, _] = entry.inputs.counted
    await change(drill.folder / "store" / receipt_name(name))
    url = drill.listen(drill.settings(database_url=drill.other_url, hotkey=Hotkey(drill.other.hotkey.ss58_address)))
    async with connection_to(drill.url) as connection:
        await connection.execute("delete from ledger")
    for words in ("signature does not hold", "There is no receipt"):
        ended = await asyncio.to_thread(
            voice,
            drill.folder,
            *("validator", "ledger", "join", url, "--store", "store", "--trust", drill.stack.hotkey),
            DATABASE_URL=drill.url,
            BT_WALLET="lost",
        )
        assert (ended.returncode, f"round {second}, receipt {name}" in ended.stderr, words in ended.stderr) == (1, True, True)
        assert await _rounds(drill.stack.store.ledger) == [first]
        await asyncio.to_thread((drill.folder / "store" / receipt_name(name)).unlink, missing_ok=True)


async def change(file: Path) -> None:
    """Another score than was signed."""
    signed = json.loads(await asyncio.to_thread(file.read_text))
    signed["receipt"]["score"] += 1
    await asyncio.to_thread(file.write_text, json.dumps(signed))


async def _rounds(ledger: Ledger) -> list[RoundNumber]:
    entries: tuple[LedgerEntry, ...] = await ledger.page()
    return [entry.round for entry in entries]
