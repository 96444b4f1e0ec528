"""`voice validator run --tracks small --follow URL`: a process that judges one track, follows a real API in the other, and pays both."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bittensor as bt
import pytest

from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.devchain.genesis import RAO
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet.network import COMPETITION
from neurons.validator import certification
from scoring.competition import load
from scoring.types import Block, Hotkey
from tests.builders import command_line
from tests.integration import weight_bed
from tests.integration.conftest import LEASE, JudgedAlike, ScriptedChain, ValidatorBed
from tests.integration.test_weight_commands import Clock
from tests.integration.weight_bed import NETUID, Bed
from voice_api.db.database import Pool, open_pool
from voice_api.db.migrate import upgrade
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import QueueName
from voice_api.db.submissions import NewSubmission
from voice_api.keys import CertifiedKey, ServiceKey
from voice_api.settings import ApiSettings

if TYPE_CHECKING:
    from voice_api.db.ledger import LedgerEntry

Said = tuple[int, str, str]
FAMILIES, SCORES = ("vits", "vits", "espeak", "espeak"), (500_000, 600_000, 700_000, 400_000)
BOTH = {"small", "described"}


def rules_of_two_tracks(file: Path) -> Path:
    """The demo's rules, whose one track becomes two: `small` for vits and `described` for espeak."""
    head, mark, track = COMPETITION.read_text(encoding="utf-8").partition("[[version.track]]")
    one, families = "share = 1.0", 'families = ["espeak", "vits"]'
    assert one in track and families in track
    small = track.replace(one, "share = 0.6").replace(families, 'families = ["vits"]')
    described = track.replace('"small"', '"described"').replace(one, "share = 0.4").replace(families, 'families = ["espeak"]')
    file.write_text("".join((head, mark, small, "\n", mark, described)), encoding="utf-8")
    return file


@dataclass
class Field:
    """A chain in real time with four miners, two in each track, and what every validator's workers find of them."""

    bed: Bed
    folder: Path
    rules: Path
    miners: tuple[Hotkey, ...]
    new_submission: Callable[..., NewSubmission]
    judged_alike: JudgedAlike
    committed: Block | None = None
    """The block in which all of them committed."""

    async def validator(self, chain: Chain, pool: Pool, wallet: bt.Wallet) -> ValidatorBed:
        """A validator with a worker that it certified; its database knows what the miners committed."""
        key = ServiceKey.at(self.folder / f"{wallet.name}.key")
        certificate = certification.certify(wallet, key.address, wallet.name, timedelta(days=1), datetime.now(UTC))
        made = ValidatorBed(
            cast(ScriptedChain, chain),
            pool,
            wallet,
            CertifiedKey(key, certificate),
            self.folder / "none.json",
            self.judged_alike,
            schedule=load(self.rules),
            families=dict(zip(self.miners, FAMILIES, strict=True)),
        )
        block = self.committed = self.committed or Block((await self.bed.metagraph()).block)
        await made.store.submissions.add([self.new_submission(hotkey=miner, commit_block=block) for miner in self.miners])
        return made

    async def judge(self, validator: ValidatorBed) -> None:
        """Judge whatever the validator's rounds ask for."""
        scores, queue = dict(zip(self.miners, SCORES, strict=True)), EvaluationQueue(validator.pool)
        while claim := await queue.claim(QueueName.CPU, "w1", LEASE):
            await queue.finish(claim, validator.verdict(claim, scores[claim.hotkey]))

    @asynccontextmanager
    async def played(self, judging: ValidatorBed, following: ValidatorBed) -> AsyncIterator[None]:
        """The rounds of the one that judges every track, and the workers of both, until the context ends."""

        async def play() -> None:
            while True:
                await self.judge(judging)
                await self.judge(following)
                while await judging.tick():
                    pass
                await asyncio.sleep(0.05)

        playing = asyncio.create_task(play())
        try:
            yield
        finally:
            playing.cancel()
            with suppress(asyncio.CancelledError):
                await playing


@dataclass
class Follower:
    """The validator that judges `small` and follows in the other track: its database, and its process."""

    own: ValidatorBed
    environment: Mapping[str, str]
    folder: Path

    async def start(self, url: str) -> Process:
        """Its daemon."""
        command = ("run", "--tracks", "small", "--follow", url)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "neurons.cli", "validator", *command), env=self.environment, stdout=DEVNULL, stderr=DEVNULL
        )

    async def says(self, *arguments: str, **environment: str) -> Said:
        """A command of its operator: exit status, output, errors."""
        ended = await asyncio.to_thread(
            command_line.voice, self.folder, "validator", *arguments, **{**self.environment, **environment}
        )
        return ended.returncode, ended.stdout, ended.stderr

    async def data(self, *arguments: str) -> Any:
        """What a command says to a machine."""
        status, out, err = await self.says(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)

    async def crowned(self, process: Process) -> "LedgerEntry":
        """Its ledger's head once both tracks have a king, and weights of it were set."""
        async with asyncio.timeout(50):
            while process.returncode is None:
                head, attempts = await self.own.store.ledger.head(), await self.own.store.weights.page()
                if (
                    head is not None
                    and head.kings.keys() == BOTH
                    and any(each.ledger_hash == head.state_hash for each in attempts)
                ):
                    return head
                await asyncio.sleep(0.1)
        raise AssertionError(f"it ended with {process.returncode}")


@pytest.fixture
async def field(tmp_path: Path, pool: Pool, new_submission: Callable[..., NewSubmission], judged_alike: JudgedAlike) -> Field:
    """Rounds of two seconds."""
    bed = weight_bed.make(tmp_path, pool, Clock(), block_seconds=0.05, tempo=10)
    more = tuple(weight_bed.register(bed, wallets.create(name, "default", tmp_path / "wallets")) for name in ("m3", "m4"))
    return Field(bed, tmp_path, rules_of_two_tracks(tmp_path / "rules.toml"), (*bed.miners, *more), new_submission, judged_alike)


@pytest.fixture
async def chain(field: Field) -> AsyncIterator[Chain]:
    """An open connection."""
    async with Chain(DevSubstrate(field.bed.path), NETUID, timedelta(seconds=20)) as opened:
        yield opened


@pytest.fixture
async def follower(field: Field, chain: Chain, empty_database_url: str, tmp_path: Path) -> AsyncIterator[Follower]:
    """On a database of its own; it counts the certificates of the one that it follows, and its own."""
    wallet = wallets.create("follower", "default", tmp_path / "wallets")
    weight_bed.register(field.bed, wallet, 100 * RAO)
    await upgrade(empty_database_url)
    environment = {
        "DATABASE_URL": empty_database_url,
        "BT_NETWORK": "dev",
        "VOICE_NETUID": str(NETUID),
        "VOICE_DEVCHAIN": str(field.bed.path),
        "BT_WALLET": "follower",
        "BT_WALLET_PATH": str(tmp_path / "wallets"),
        "VOICE_REVOCATIONS": str(tmp_path / "none.json"),
        "VOICE_COMPETITION": str(field.rules),
        "VOICE_TRUST": field.bed.hotkey,
        "VOICE_PAUSE_SECONDS": "0.1",
        "HOME": str(tmp_path),
        "COLUMNS": "200",
    }
    async with open_pool(empty_database_url, application="follower", size=4) as pool:
        yield Follower(await field.validator(chain, pool, wallet), environment, tmp_path)


@pytest.mark.timeout(120)
async def test_it_judges_one_track_and_pays_both(
    field: Field,
    chain: Chain,
    follower: Follower,
    pool: Pool,
    listen: Callable[[ApiSettings], str],
    api_settings: Callable[..., ApiSettings],
    tmp_path: Path,
) -> None:
    """Kings of both tracks, one vector, and every command names the track; its ledger is said to be nobody's to join."""
    judging = await field.validator(chain, pool, field.bed.wallet)
    url = listen(api_settings(hotkey=field.bed.hotkey))
    async with field.played(judging, follower.own):
        process = await follower.start(url)
        head = await follower.crowned(process)
        process.send_signal(signal.SIGTERM)
        await process.communicate()
    assert process.returncode == 0
    assert frozenset(head.inputs.counted) == await by_who_judges(head, {"small": follower.own, "described": judging})
    await it_is_told_by_track(follower, field.miners, url)
    await nobody_joins_it(follower, tmp_path / "ledger.jsonl")


async def by_who_judges(head: "LedgerEntry", judges: Mapping[str, ValidatorBed]) -> frozenset[str]:
    """The receipts of the head's round, of each track from the validator that judges it."""
    found = {
        str(result.receipt_hash)
        for track, judge in judges.items()
        for result in await judge.store.rounds.results(head.round)
        if result.track == track
    }
    assert len(found) == len(FAMILIES)
    return frozenset(found)


async def it_is_told_by_track(follower: Follower, miners: Sequence[Hotkey], url: str) -> None:
    """What is set, why, what if, replayed, and compared with the followed one: of the followed track nothing differs."""
    _, small, described, second = miners
    dry = await follower.data("weights", "--dry-run")
    assert {line["hotkey"]: line["share"] for line in dry["lines"] if line["share"]} == pytest.approx(
        {small: 0.6, described: 0.4}
    )
    assert dry["thrones"].keys() == BOTH
    uid = next(line["uid"] for line in dry["lines"] if line["hotkey"] == described)
    explained = await follower.data("explain", str(uid))
    assert [(each["track"], each["king"], each["share"]) for each in explained["tracks"]] == [
        ("described", True, pytest.approx(0.4))
    ]
    supposed = await follower.data("what-if", "--hotkey", second, "--score", "0.9")
    rows = {row["hotkey"]: row["after"]["share"] for row in supposed["uids"]}
    assert supposed["track"] == "described"
    assert (rows[small], rows[second] + rows[described]) == (pytest.approx(0.6), pytest.approx(0.4))
    last, *_ = await follower.data("weights")
    again = await follower.data("replay", last["snapshot_hash"])
    assert (again["equal"], again["attempts"][0]["tracks"].keys()) == (True, BOTH)
    status, out, _ = await follower.says("diff", "own", url, "--json")
    assert (status, [row for row in json.loads(out)["rows"] if row["what"].startswith("described")]) == (1, [])


async def nobody_joins_it(follower: Follower, file: Path) -> None:
    """The file says so when it is written, and is refused by name, also by the validator itself after a reset."""
    status, _, err = await follower.says("ledger", "export", "--out", str(file))
    assert (status, "Nobody can join by this file" in err) == (0, True)
    assert (await follower.says("ledger", "reset", "--yes"))[0] == 0
    status, _, err = await follower.says("ledger", "join", str(file))
    assert (status, "error 3305" in err, "comes without" in err) == (1, True, True)
    assert "join the ledger of one that judged every track itself" in err
