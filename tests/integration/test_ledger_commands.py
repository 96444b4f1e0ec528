"""`voice validator ledger export`, `ledger join` and `diff`, as a validator runs them, against a real API on a port."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bittensor as bt
import pytest

from neurons.chain import wallets
from neurons.validator.evidence import OwnEvidence
from neurons.validator.follow.diff import RoundPart, diff
from neurons.validator.follow.ledger_source import FileLedger, OwnLedger
from scoring.types import Entrant, Hotkey
from tests.builders import command_line
from tests.integration.played import play
from voice_api.db.database import open_pool
from voice_api.db.ledger import Ledger
from voice_api.db.migrate import upgrade
from voice_api.schemas.ledger import LedgerEntryOut
from voice_api.schemas.rounds import EvidenceOut
from voice_api.settings import ApiSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Line = dict[str, Any]
Voice = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def joiner(tmp_path: Path) -> bt.Wallet:
    """Whose validator is new."""
    return wallets.create("joiner", "default", tmp_path / "wallets")


@pytest.fixture
async def voice(joiner: bt.Wallet, tmp_path: Path, empty_database_url: str, stack: "ValidatorBed") -> Voice:
    """The command line of the new validator, on a database of its own: exit status, output, errors."""
    await upgrade(empty_database_url)
    environment = {
        "DATABASE_URL": empty_database_url,
        "BT_WALLET": "joiner",
        "BT_WALLET_PATH": str(tmp_path / "wallets"),
        "VOICE_TRUST": stack.hotkey,
        "VOICE_REVOCATIONS": str(tmp_path / "none.json"),
        "HOME": str(tmp_path),
    }

    async def run(*arguments: str) -> tuple[int, str, str]:
        ended = await asyncio.to_thread(command_line.voice, tmp_path, "validator", *arguments, **environment)
        return ended.returncode, ended.stdout, ended.stderr

    return run


async def test_a_new_validator_takes_over_a_ledger_and_hands_it_on(
    voice: Voice,
    listen: Callable[[ApiSettings], str],
    api_settings: Callable[..., ApiSettings],
    stack: "ValidatorBed",
    joiner: bt.Wallet,
    empty_database_url: str,
    tmp_path: Path,
) -> None:
    """By an API; both are then the same; its own file holds entries without evidence, which nobody can join by."""
    await play(stack, 2)
    url = listen(api_settings(hotkey=stack.hotkey))
    assert await voice("ledger", "join", url) == (0, "2 rounds taken over\n", "round 2\nround 3\n")
    assert await voice("ledger", "join", url) == (0, "0 rounds taken over\n", "")
    async with open_pool(empty_database_url) as pool:
        mine = Ledger(pool, Hotkey(joiner.hotkey.ss58_address))
        assert await mine.page() == await stack.store.ledger.page()
    status, out, _ = await voice("diff", "own", url)
    assert (status, out) == (0, "The same in 2 rounds.\n")
    file = tmp_path / "ledger.jsonl"
    status, _, err = await voice("ledger", "export", "--out", str(file))
    assert (status, err.splitlines()[0], "2 of them" in err, "Nobody can join by this file" in err) == (0, "2 rounds", True, True)
    lines = [json.loads(line) for line in await asyncio.to_thread(lambda: file.read_text().splitlines())]
    assert [(line["entry"]["round"], line["evidence"]) for line in lines] == [(2, None), (3, None)]
    status, out, _ = await voice("diff", f"{url}?validator={stack.hotkey}", str(file), "--json")
    assert (status, json.loads(out)["same"]) == (0, 2)


def other_rules(line: Line) -> None:
    """Folded under other rules."""
    line["entry"]["inputs"]["competition_hash"] = "0" * 64


def uncounted(line: Line) -> None:
    """A receipt that is not believed."""
    del line["entry"]["inputs"]["counted"][line["evidence"]["results"][0]["receipt_hash"]]
    line["entry"]["inputs"]["distrusted"] = {"h2@100": "its worker is not believed"}


def left(line: Line) -> None:
    """A submission that left."""
    line["entry"]["inputs"]["gone"] = {Entrant("h2@100"): "banned"}


def unasked(line: Line) -> None:
    """An evaluation that nobody asked for."""
    line["evidence"]["results"].pop()


def folded_otherwise(line: Line) -> None:
    """The same in, another out."""
    line["entry"]["state"]["tracks"][0]["king_since"] += 1


@pytest.mark.parametrize(
    ("change", "part", "what"),
    [
        pytest.param(other_rules, RoundPart.COMPETITION, "competition_hash", id="competition"),
        pytest.param(uncounted, RoundPart.RECEIPT, "small: h2@100", id="receipt"),
        pytest.param(left, RoundPart.GONE, "small: h2@100", id="gone"),
        pytest.param(unasked, RoundPart.ENTRANTS, "small: h3@101", id="entrants"),
        pytest.param(folded_otherwise, RoundPart.FOLD, "state.tracks.small.king_since", id="fold"),
    ],
)
async def test_the_first_round_that_differs_is_found_with_its_part(
    stack: "ValidatorBed", tmp_path: Path, change: Callable[[Line], None], part: RoundPart, what: str
) -> None:
    """The round, and which part of it with what each says."""
    _, second, _ = await play(stack, 3)
    own = OwnLedger(stack.store.ledger, OwnEvidence(stack.store.rounds))
    file = tmp_path / "ledger.jsonl"
    lines = [await _line(stack, number) for number in range(3)]
    for line in lines[1:]:
        change(line)
        line["entry"]["state_hash"] = "0" * 64
    await asyncio.to_thread(file.write_text, "".join(json.dumps(line) + "\n" for line in lines))
    found = await diff(own, FileLedger(file))
    assert (found.round, found.same) == (second, 1)
    assert (found.rows[0].part, found.rows[0].what) == (part, what)


async def _line(stack: "ValidatorBed", index: int) -> Line:
    entry = (await stack.store.ledger.page())[index]
    found = EvidenceOut.of(await stack.store.rounds.evidence(entry.round))
    published = LedgerEntryOut.whole(stack.hotkey, entry)
    return {"version": 1, "entry": published.model_dump(mode="json"), "evidence": found.model_dump(mode="json")}


async def test_a_table_for_people_and_an_error_with_its_code(voice: Voice, stack: "ValidatorBed", tmp_path: Path) -> None:
    """Where they part is said in words; what is no ledger is named with its line."""
    await play(stack)
    line = await _line(stack, 0)
    one, other, broken = (tmp_path / name for name in ("one", "other", "broken"))
    await asyncio.to_thread(one.write_text, json.dumps(line))
    folded_otherwise(line)
    line["entry"]["state_hash"] = "0" * 64
    await asyncio.to_thread(other.write_text, json.dumps(line))
    await asyncio.to_thread(broken.write_text, "{}")
    status, out, _ = await voice("diff", str(one), str(other))
    assert (status, "They part in round 2, after 0 that are the same." in out) == (1, True)
    assert await voice("diff", "own", str(one)) == (0, "Nothing was compared: no round is in own.\n", "")
    status, _, err = await voice("ledger", "join", str(broken))
    assert (status, "error 3305" in err, "line 1" in err) == (1, True, True)


async def test_a_ledger_that_began_later_is_said_to_stay_another(voice: Voice, stack: "ValidatorBed", tmp_path: Path) -> None:
    """It lacks a round, and each hash follows on the one before."""
    first, _ = await play(stack, 2)
    lines = [json.dumps(await _line(stack, number)) + "\n" for number in range(2)]
    whole, late = tmp_path / "whole", tmp_path / "late"
    await asyncio.to_thread(whole.write_text, "".join(lines))
    await asyncio.to_thread(late.write_text, lines[1])
    status, out, _ = await voice("diff", str(late), str(whole))
    assert (status, f"They part in round {first}, after 0" in out, "stays another from there on" in out) == (1, True, True)
