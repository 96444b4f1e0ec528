"""A validator that follows another's API: it folds for itself, says where they part, judges again, and believes no worker found out."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bittensor as bt
import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from neurons.api_client.client import ApiUnavailable, VoiceApi
from neurons.chain.adapter import Chain
from neurons.settings import ValidatorSettings
from neurons.shutdown import Shutdown
from neurons.validator import certification
from neurons.validator.daemon import ValidatorIdentity
from neurons.validator.evidence import RemoteEvidence
from neurons.validator.follow import daemon
from neurons.validator.follow.audit import NotTried, Verify, audit_next, distrusted
from neurons.validator.follow.follower import Follower
from neurons.validator.follow.ledger_source import RemoteLedger
from neurons.validator.weights.setter import Terms
from scoring.competition import load
from scoring.errors import PlatformError
from scoring.receipts.store import StoreLayout
from scoring.store.folder import FolderFiles
from scoring.types import Block, BlockHash, Hotkey, RoundNumber
from tests.integration.played import play
from tests.judged_alike import ANY_SOUND
from voice_api.db.audits import Audits
from voice_api.db.database import open_pool
from voice_api.db.ledger import Ledger
from voice_api.db.migrate import upgrade
from voice_api.db.rounds import RoundEvidence
from voice_api.db.states import AuditOutcome
from voice_api.runtime.process_metrics import Ticks
from voice_api.settings import ApiSettings
from workers.evaluation.audio_store import EvidenceStore

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Start = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
ANY_NAME = hashlib.sha256(ANY_SOUND.pcm).hexdigest()
SCHEDULE = load()
RULES = SCHEDULE.version[-1].audits
HOLDS = {"holds": True, "differences": [], "not_comparable": [], "deviation": None}
DIFFERS = {"holds": False, "differences": [{"what": "single-00: wer", "claimed": "0.05", "found": "0.9"}], "not_comparable": []}


class Bed:
    """A follower on a database of its own, and what it follows."""

    def __init__(self, stack: "ValidatorBed", api: VoiceApi, ledger: Ledger, audits: Audits, wallet: bt.Wallet) -> None:
        self.stack, self.api, self.ledger, self.audits, self.wallet = stack, api, ledger, audits, wallet
        self.signer = ValidatorIdentity(wallet, stack.revocations.with_name("none.json"), frozenset({stack.hotkey}))
        self.follower = self.made()

    def made(self, chain: object | None = None, rate: float = 0.0, evidence: RemoteEvidence | None = None) -> Follower:
        """A follower that judges a share again."""
        evidence = evidence or RemoteEvidence(self.api)
        theirs = RemoteLedger("theirs", self.api, evidence)
        there = cast(Chain, chain or self.stack.chain)
        return Follower(
            chain=there, evidence=evidence, theirs=theirs, own=self.ledger, audits=self.audits, signer=self.signer, rate=rate
        )

    async def follow(self, follower: Follower | None = None) -> list[Mapping[str, Any]]:
        """Tick until nothing is left; what was said of errors."""
        with capture_logs() as logs:
            while await (follower or self.follower).tick(SCHEDULE):
                pass
        return [line for line in logs if line["log_level"] == "error"]


@pytest.fixture
async def bed(
    stack: "ValidatorBed",
    serve: Start,
    api_settings: Callable[..., ApiSettings],
    stranger: bt.Wallet,
    empty_database_url: str,
    tmp_path: Path,
) -> AsyncIterator[Bed]:
    """The stranger's validator follows the stack's."""
    await upgrade(empty_database_url)
    transport = await serve(api_settings(hotkey=stack.hotkey, store_place=tmp_path))
    me = Hotkey(stranger.hotkey.ss58_address)
    async with (
        open_pool(empty_database_url, application="follower", size=4) as pool,
        VoiceApi("http://voice.test", transport=transport) as api,
    ):
        yield Bed(stack, api, Ledger(pool, me), Audits(pool, me), stranger)


async def test_it_folds_to_the_same_ledger_and_opens_nothing(bed: Bed) -> None:
    """Round after round as they close; a new follower goes on where the last one stood."""
    await play(bed.stack, 2)
    assert bed.follower.behind
    assert await bed.follow() == []
    assert not bed.follower.behind
    await play(bed.stack)
    assert await bed.follow(bed.made()) == []
    assert await bed.ledger.page() == await bed.stack.store.ledger.page()
    assert bed.follower.parted is None


async def test_it_says_where_the_ledgers_part_and_goes_on_with_its_own(bed: Bed) -> None:
    """It takes back a worker that the other believes: the round, the part and both hashes are said, once."""
    first, _ = await play(bed.stack, 2)
    certificate = bed.stack.worker.certificate
    certification.take_back(bed.wallet, bed.signer.revocations, frozenset({certificate.service}))
    said = [line for line in await bed.follow() if line["event"].startswith("the ledgers")]
    parts = {(line.get("part"), line["round"]) for line in said}
    assert ("receipt", first) in parts
    theirs = await bed.stack.store.ledger.page()
    own = await bed.ledger.page()
    assert [line for line in said if "differ" in line["event"]] == [
        {
            "event": "the ledgers differ",
            "log_level": "error",
            "round": first,
            "own": own[0].state_hash,
            "theirs": theirs[0].state_hash,
        }
    ]
    assert ([entry.round for entry in own], bed.follower.parted) == ([entry.round for entry in theirs], first)
    assert [entry.kings for entry in own] == [{}] * len(own)


async def test_a_round_of_another_chain_counts_for_nothing(bed: Bed) -> None:
    """Prompts are drawn from the own chain's hash: whoever chose another seed is not believed."""

    class Elsewhere:
        async def block_hash(self, block: Block) -> BlockHash:
            """Of another chain."""
            return BlockHash(f"0x{block + 1:064x}")

    (number,) = await play(bed.stack)
    said = await bed.follow(bed.made(Elsewhere()))
    assert said[0]["event"] == "another chain's round"
    entry = await bed.ledger.get(number)
    assert entry.inputs.counted == {}
    assert all("block_hash" in why for why in entry.inputs.distrusted.values())


@pytest.mark.parametrize(
    "off", [pytest.param(-(10**6), id="before the first"), pytest.param(0, id="folded before"), pytest.param(9, id="ahead")]
)
async def test_a_round_whose_number_cannot_be_is_an_outage_of_the_api(bed: Bed, off: int) -> None:
    """Who numbers a round far ahead would end the follower's ledger for good: the tick is skipped, and nothing is folded."""
    (number,) = await play(bed.stack)
    await bed.follow()
    found = await RemoteEvidence(bed.api).of(number)

    class Liar:
        async def next(self, after: RoundNumber | None) -> RoundEvidence:
            """Whatever was asked for."""
            return replace(found, round=replace(found.round, round=RoundNumber(number + off)))

    with pytest.raises(ApiUnavailable, match="cannot be the next"):
        await bed.made(evidence=cast(RemoteEvidence, Liar())).tick(SCHEDULE)
    assert len(await bed.ledger.page()) == 1


def scripted(answer: Mapping[str, Any] | Exception, asked: list[tuple[bytes, int]]) -> Verify:
    """A check that answers so, and remembers what it was given."""

    async def verify(receipt: Path, level: int, store: Path) -> Mapping[str, Any]:
        asked.append((await asyncio.to_thread(receipt.read_bytes), level))
        assert (await asyncio.to_thread(StoreLayout(store).audio(ANY_NAME).read_bytes)).startswith(b"fLaC")
        if isinstance(answer, Exception):
            raise answer
        return answer

    return verify


async def drawn(bed: Bed, tmp_path: Path) -> Follower:
    """A follower that drew every evaluation of a round, whose audio is there."""
    await play(bed.stack)
    await asyncio.to_thread(EvidenceStore(FolderFiles(tmp_path)).keep_audio, ANY_SOUND)
    follower = bed.made(rate=1.0)
    assert await bed.follow(follower) == []
    return follower


async def test_what_it_draws_is_fetched_and_judged_again(bed: Bed, tmp_path: Path) -> None:
    """Each once: the receipt as it was signed, beside its audio."""
    await drawn(bed, tmp_path)
    asked: list[tuple[bytes, int]] = []
    verify = scripted(HOLDS, asked)
    done = [await audit_next(bed.audits, bed.api, verify, RULES) for _ in range(3)]
    assert {item and item.entrant for item in done} == {"h2@100", "h3@101", None}
    assert {content for content, _ in asked} == {await bed.api.receipt(item.receipt_hash) for item in done if item is not None}
    assert await bed.audits.outcomes() == {AuditOutcome.HOLDS: 2}
    assert await bed.audits.distrusted() == {}


async def test_a_worker_found_out_is_believed_no_more(bed: Bed, tmp_path: Path) -> None:
    """From the next round on its receipts are absent, and both are said; what was folded before stays."""
    follower = await drawn(bed, tmp_path)
    with capture_logs() as logs:
        await audit_next(bed.audits, bed.api, scripted(DIFFERS, []), RULES)
    service = bed.stack.worker.certificate.service
    assert [(line["service"], line["what"]) for line in logs if "distrusted" in line["event"]] == [(service, "single-00: wer")]
    (number,) = await play(bed.stack)
    said = {line["event"] for line in await bed.follow(follower)}
    assert {"no receipt of the round counts", "the ledgers part: this validator goes on with its own"} <= said
    before, after = await bed.ledger.page()
    assert (len(before.inputs.counted), after.inputs.counted, after.round) == (2, {}, number)
    assert all(service in why for why in after.inputs.distrusted.values())


async def test_a_worker_whose_scores_drift_is_believed_no_more(bed: Bed, tmp_path: Path) -> None:
    """Each receipt holds, and each score lies .98 of the tolerance above what was found: one audit of many accuses it, and is said."""
    shifted = {**HOLDS, "deviation": {"by": 16_333, "tolerance": 16_667}}
    follower = bed.made(rate=1.0)
    said: list[Mapping[str, Any]] = []
    while not said:
        await play(bed.stack)
        await asyncio.to_thread(EvidenceStore(FolderFiles(tmp_path)).keep_audio, ANY_SOUND)
        assert await bed.follow(follower) == []
        with capture_logs() as logs:
            while await audit_next(bed.audits, bed.api, scripted(shifted, []), RULES) is not None:
                pass
        said = [line for line in logs if "drift" in line["event"]]
    service, head = bed.stack.worker.certificate.service, await bed.ledger.head()
    assert head is not None
    assert [(line["service"], line["round"]) for line in said] == [(service, head.round)]
    assert (await bed.audits.distrusted(), await distrusted(bed.audits, RULES)) == ({}, {service: head.round})
    await play(bed.stack)
    await bed.follow(follower)
    after = await bed.ledger.head()
    assert after is not None and (after.inputs.counted, len(after.inputs.distrusted)) == ({}, 2)


async def test_an_audit_counts_from_its_round_on_also_after_a_reset(bed: Bed, tmp_path: Path) -> None:
    """Rounds before it are folded again as they were; the audited one, and those after it, without the worker that lied."""
    await play(bed.stack)
    await bed.follow()
    before = await bed.ledger.page()
    follower = await drawn(bed, tmp_path)
    await audit_next(bed.audits, bed.api, scripted(DIFFERS, []), RULES)
    assert await bed.audits.distrusted() == {bed.stack.worker.certificate.service: (await bed.ledger.page())[-1].round}
    await bed.ledger.reset(RoundNumber(0))
    await bed.follow(follower)
    again = await bed.ledger.page()
    assert again[: len(before)] == before
    assert [(len(entry.inputs.counted) > 0, len(entry.inputs.distrusted)) for entry in again] == [(True, 0), (False, 2)]


@pytest.mark.parametrize(
    ("answer", "keep", "outcome"),
    [
        pytest.param(NotTried("no judges here"), True, AuditOutcome.FAILED, id="not tried"),
        pytest.param(HOLDS, False, AuditOutcome.MISSING, id="no audio"),
        pytest.param(
            {**DIFFERS, "differences": [{"what": "judge dnsmos", "claimed": "1", "found": "2"}]},
            True,
            AuditOutcome.FAILED,
            id="other judges",
        ),
        pytest.param(
            {**DIFFERS, "differences": [{"what": "verdict", "claimed": "it scored", "found": "rejected, code 1101: gone"}]},
            True,
            AuditOutcome.FAILED,
            id="model withdrawn since",
        ),
        pytest.param(
            {**DIFFERS, "differences": [{"what": "rules of round 3", "claimed": "ab", "found": "cd"}]},
            True,
            AuditOutcome.FAILED,
            id="other rules",
        ),
        pytest.param(
            {**DIFFERS, "differences": [{"what": "environment", "claimed": "ab", "found": "none in this installation"}]},
            True,
            AuditOutcome.FAILED,
            id="other packages",
        ),
        pytest.param(
            {
                **HOLDS,
                "not_comparable": [{"what": "verdict", "claimed": "rejected, code 1303", "found": "it spoke every prompt"}],
            },
            True,
            AuditOutcome.FAILED,
            id="a time-out on another host",
        ),
    ],
)
async def test_what_could_not_be_tried_is_held_against_nobody(
    bed: Bed, tmp_path: Path, answer: Mapping[str, Any] | Exception, keep: bool, outcome: AuditOutcome
) -> None:
    """It is written down and said, and not tried for ever."""
    await drawn(bed, tmp_path)
    if not keep:
        await asyncio.to_thread(StoreLayout(tmp_path).audio(ANY_NAME).unlink)
    with capture_logs() as logs:
        await audit_next(bed.audits, bed.api, scripted(answer, []), RULES)
    assert [line["outcome"] for line in logs] == [outcome.value]
    assert (await bed.audits.outcomes(), await bed.audits.distrusted()) == ({AuditOutcome.DRAWN: 1, outcome: 1}, {})


async def test_a_round_that_is_drawn_again_draws_the_same(bed: Bed, tmp_path: Path) -> None:
    """A follower killed between drawing and folding leaves nothing twice, and forgets no finding."""
    follower = await drawn(bed, tmp_path)
    (entry,) = await bed.ledger.page()
    await audit_next(bed.audits, bed.api, scripted(HOLDS, []), RULES)
    found = await RemoteEvidence(bed.api).of(entry.round)
    await follower.draw(entry, found)
    assert await bed.audits.outcomes() == {AuditOutcome.HOLDS: 1, AuditOutcome.DRAWN: 1}


async def test_as_a_process_it_folds_judges_again_and_ends_when_asked(
    bed: Bed, listen: Callable[[ApiSettings], str], api_settings: Callable[..., ApiSettings], empty_database_url: str
) -> None:
    """All side by side; what it counts is shown, and nothing is left running."""
    await play(bed.stack, 2)
    url, stop, ticks, pause = listen(api_settings(hotkey=bed.stack.hotkey)), Shutdown(), Ticks(), timedelta(milliseconds=20)

    @asynccontextmanager
    async def opening(_turn: int) -> AsyncIterator[Chain]:
        yield cast(Chain, bed.stack.chain)

    terms = Terms(wallet=bed.wallet, version_key=0, schedule=SCHEDULE, pause=pause, deadline=timedelta(seconds=5))
    followed = daemon.Followed(url, Path("competition.toml"), 1.0, frozenset())
    process = asyncio.create_task(
        daemon.serve(
            empty_database_url, opening=opening, signer=bed.signer, terms=terms, followed=followed, stop=stop, ticks=ticks
        )
    )
    for _ in range(600):
        if ticks.registry.get_sample_value("voice_audits", {"outcome": "missing"}) == 4:
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("not everything was drawn and tried")
    assert await bed.ledger.page() == await bed.stack.store.ledger.page()
    assert ticks.registry.get_sample_value("voice_ledgers_part") == 0
    stop.request()
    async with asyncio.timeout(30):
        await process


@pytest.mark.parametrize(("tracks", "own"), [(frozenset({"small"}), True), (frozenset[str](), False)], ids=["some", "none"])
async def test_who_judges_tracks_itself_counts_its_own_workers(tracks: frozenset[str], own: bool, bed: Bed) -> None:
    """Though VOICE_TRUST names the followed one alone: else a validator that begins to follow would refuse its own receipts."""
    followed = daemon.Followed("http://voice.test", Path("rules.toml"), 0.0, tracks)
    issuers = {bed.stack.hotkey} | ({bed.signer.hotkey} if own else set())
    assert followed.believed_by(bed.signer).issuers == issuers


def test_following_nobody_that_is_trusted_is_refused() -> None:
    """Without a hotkey whose certificates count, every receipt would be absent."""
    settings = ValidatorSettings(database_url=SecretStr("postgresql:///x"), follow="http://voice.test")
    with pytest.raises(PlatformError, match="VOICE_TRUST names nobody"):
        daemon.Followed.of(settings)
