"""A new validator takes over another's ledger: from its API or from a file, checked round by round, in a database of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from neurons.api_client.client import VoiceApi
from neurons.validator.evidence import OwnEvidence, RemoteEvidence
from neurons.validator.follow import ledger_source
from neurons.validator.follow.ledger_source import FileLedger, OwnLedger, RemoteLedger
from neurons.validator.follow.rebuild import join
from neurons.validator.ledger import next_entry
from scoring.competition import load
from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Trust
from scoring.types import Hotkey, RoundNumber
from tests.integration.played import play
from voice_api import keys
from voice_api.db.database import Pool, open_pool
from voice_api.db.ledger import Ledger
from voice_api.db.migrate import upgrade
from voice_api.errors import LedgerInvalid
from voice_api.settings import ApiSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
SCHEDULE = load()
ME = Hotkey("5Me")
Line = dict[str, Any]


@pytest.fixture
async def elsewhere(empty_database_url: str) -> AsyncIterator[Pool]:
    """A migrated database without a round."""
    await upgrade(empty_database_url)
    async with open_pool(empty_database_url, application="joining", size=4) as opened:
        yield opened


@pytest.fixture
def mine(elsewhere: Pool) -> Ledger:
    """The ledger to fill."""
    return Ledger(elsewhere, ME)


@pytest.fixture
def trust(stack: "ValidatorBed") -> Trust:
    """The validator's own certificates count."""
    return keys.trust(stack.hotkey, stack.revocations)


async def exported(stack: "ValidatorBed", path: Path) -> Path:
    """The validator's ledger in a file."""
    out = BytesIO()
    await ledger_source.write(OwnLedger(stack.store.ledger, OwnEvidence(stack.store.rounds)), stack.hotkey, out)
    await asyncio.to_thread(path.write_bytes, out.getvalue())
    return path


async def test_joining_by_an_api(
    serve: Serve, api_settings: Callable[..., ApiSettings], stack: "ValidatorBed", mine: Ledger, trust: Trust
) -> None:
    """All rounds, each told; what stands in the own database is the other's ledger, to the letter."""
    rounds = await play(stack, 3)
    transport = await serve(api_settings(hotkey=stack.hotkey))
    told: list[RoundNumber] = []
    async with VoiceApi("http://voice.test", transport=transport) as api:
        count = await join(RemoteLedger("it", api, RemoteEvidence(api)), mine, SCHEDULE, trust, told.append)
    assert (count, told) == (3, rounds)
    assert await mine.page() == await stack.store.ledger.page()


async def test_joining_by_a_file_goes_on_where_it_stood(
    stack: "ValidatorBed", mine: Ledger, trust: Trust, tmp_path: Path
) -> None:
    """An older file first, then a newer one: what was taken over is not taken over again."""
    await play(stack, 2)
    old = FileLedger(await exported(stack, tmp_path / "old"))
    assert await join(old, mine, SCHEDULE, trust, lambda _: None) == 2
    await play(stack)
    new = FileLedger(await exported(stack, tmp_path / "new"))
    assert await join(new, mine, SCHEDULE, trust, lambda _: None) == 1
    assert await mine.page() == await stack.store.ledger.page()


async def test_what_follows_no_own_ledger_is_refused(stack: "ValidatorBed", mine: Ledger, trust: Trust, tmp_path: Path) -> None:
    """Whoever folded otherwise does not take over the rest."""
    await play(stack, 2)
    path = await exported(stack, tmp_path / "ledger")
    first = json.loads(path.read_text().splitlines()[0])["entry"]
    other = FileLedger(path)
    entry = await other.entry(RoundNumber(first["round"]))
    await mine.append(replace(entry, state_hash="f" * 64))
    with pytest.raises(PlatformError, match=f"round {entry.round} is another than the own ledger's") as refused:
        await join(other, mine, SCHEDULE, trust, lambda _: None)
    assert refused.value.code is Code.STATE_CONFLICT  # the other ledger is not said to be wrong


def other_state(line: Line) -> None:
    """The king reigns since another block."""
    line["entry"]["state"]["tracks"][0]["king_since"] += 1


def other_hash(line: Line) -> None:
    """The hash is another."""
    line["entry"]["state_hash"] = "0" * 64


def no_evidence(line: Line) -> None:
    """Nothing to fold from."""
    line["evidence"] = None


def other_score(line: Line) -> None:
    """A receipt says more than was signed."""
    line["evidence"]["results"][0]["receipt"]["score"] += 1


def other_signature(line: Line) -> None:
    """Another's signature."""
    line["evidence"]["results"][0]["signature"] = "00" * 64


def no_receipt(line: Line) -> None:
    """The receipt of one that counts is missing."""
    line["evidence"]["results"][0]["receipt"] = None


def other_tiebreak(line: Line) -> None:
    """A submission is made older."""
    line["evidence"]["results"][0]["tiebreak"] = "0" * 64


def other_roll(line: Line) -> None:
    """Somebody did not stand, and did not leave."""
    line["evidence"]["roll"]["standing"].pop()


def no_form(line: Line) -> None:
    """Inputs that are none."""
    line["entry"]["inputs"]["counted"] = []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(other_state, "folds to", id="state"),
        pytest.param(other_hash, "folds to", id="hash"),
        pytest.param(no_evidence, "comes without 2 of the 2 receipts that it counts", id="no evidence"),
        pytest.param(other_score, "does not hash to", id="score"),
        pytest.param(other_signature, "whose receipt does not hold: the receipt's signature", id="signature"),
        pytest.param(no_receipt, "comes without 1 of the 2 receipts that it counts", id="missing receipt"),
        pytest.param(other_tiebreak, "under another tiebreak", id="tiebreak"),
        pytest.param(other_roll, "who left is not who did not stand", id="roll"),
        pytest.param(no_form, "have not the form", id="inputs"),
    ],
)
async def test_the_first_round_that_does_not_follow_ends_it(
    stack: "ValidatorBed", mine: Ledger, trust: Trust, tmp_path: Path, change: Callable[[Line], None], reason: str
) -> None:
    """It is named with the reason; the rounds before it stand, and nothing of it does."""
    first, second, _ = await play(stack, 3)
    path = await exported(stack, tmp_path / "ledger")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines[1])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(LedgerInvalid, match=reason) as refused:
        await join(FileLedger(path), mine, SCHEDULE, trust, lambda _: None)
    assert f"round {second}" in refused.value.detail
    assert [entry.round for entry in await mine.page()] == [first]


async def test_a_validator_that_leaves_a_receipt_out_must_say_why(
    stack: "ValidatorBed", mine: Ledger, trust: Trust, tmp_path: Path
) -> None:
    """A miner's good evaluation that is silently not counted is found: the chain of hashes alone would not show it."""
    await play(stack)
    (entry,) = await stack.store.ledger.page()
    path = await exported(stack, tmp_path / "ledger")
    line = json.loads(path.read_text())
    inputs = replace(entry.inputs, counted=dict(list(entry.inputs.counted.items())[:1]))
    receipts = {result["receipt_hash"]: result["receipt"] for result in line["evidence"]["results"]}
    forged = next_entry(None, entry.round, inputs, receipts, SCHEDULE.at(entry.round))
    line["entry"] |= {
        "state": forged.state.to_json(),
        "state_hash": forged.state_hash,
        "inputs": forged.inputs.to_json(),
        "kings": dict(forged.kings),
    }
    path.write_text(json.dumps(line))
    with pytest.raises(LedgerInvalid, match="leaves out the receipt of h3@101"):
        await join(FileLedger(path), mine, SCHEDULE, trust, lambda _: None)


async def test_receipts_of_strangers_count_for_nothing(stack: "ValidatorBed", mine: Ledger, tmp_path: Path) -> None:
    """Whose certificates count is the joining validator's own choice."""
    await play(stack)
    strangers = keys.trust(ME, stack.revocations)
    with pytest.raises(LedgerInvalid, match=f"the certificate is of {stack.hotkey}, not of {ME}"):
        await join(FileLedger(await exported(stack, tmp_path / "ledger")), mine, SCHEDULE, strangers, lambda _: None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"PK\x03\x04", "line 1", id="no JSON"),
        pytest.param(b'{"version": 2}', "version", id="another version"),
    ],
)
def test_a_file_that_is_no_ledger_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    """With its line and what is wrong with it."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(PlatformError, match=reason):
        FileLedger(tmp_path / "file")
