"""A ledger that parted from the others is healed: `voice validator ledger reset` and `join`, then rounds and weights as if nothing was."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import bittensor as bt
import pytest

from neurons.chain import wallets
from neurons.validator.evidence import OwnEvidence
from neurons.validator.follow import ledger_source
from neurons.validator.follow.ledger_source import OwnLedger
from neurons.validator.follow.rebuild import Loss, loss
from scoring.errors import Code
from scoring.types import Entrant, RoundNumber
from tests.builders import command_line
from tests.builders.addresses import BOB
from tests.builders.ledger import a_ledger_entry, attempts_of
from tests.builders.ranking import SMALL
from tests.integration.played import play
from voice_api.db.states import WeightOutcome

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Voice = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def keys(tmp_path: Path) -> bt.Wallet:
    """Of the second validator."""
    return wallets.create("second", "default", tmp_path / "wallets")


@pytest.fixture
def second(stack: "ValidatorBed", keys: bt.Wallet, tmp_path: Path) -> "ValidatorBed":
    """A validator on the first one's stack that trusts a hotkey which certified nobody."""
    chain = replace(stack.chain, validator=keys.hotkey.ss58_address, answers=[])
    return replace(stack, wallet=keys, chain=chain, revocations=tmp_path / "second.json", issuers=frozenset({BOB}))


@pytest.fixture
def voice(second: "ValidatorBed", stack: "ValidatorBed", database_url: str, tmp_path: Path) -> Voice:
    """The second validator's command line: exit status, output, errors."""
    environment = {
        "DATABASE_URL": database_url,
        "BT_WALLET": "second",
        "BT_WALLET_PATH": str(tmp_path / "wallets"),
        "VOICE_TRUST": stack.hotkey,
        "VOICE_REVOCATIONS": str(second.revocations),
        "HOME": str(tmp_path),
    }

    async def run(*arguments: str, **more: str) -> tuple[int, str, str]:
        ended = await asyncio.to_thread(command_line.voice, tmp_path, "validator", *arguments, **environment | more)
        return ended.returncode, ended.stdout, ended.stderr

    return run


async def folded(bed: "ValidatorBed") -> None:
    """Fold whatever is closed."""
    bed.chain.block = 725
    while await bed.store.ledger.waiting():
        assert await bed.tick()


async def export(bed: "ValidatorBed", path: Path) -> Path:
    """A validator's ledger in a file."""
    out = BytesIO()
    await ledger_source.write(OwnLedger(bed.store.ledger, OwnEvidence(bed.store.rounds)), bed.hotkey, out)
    await asyncio.to_thread(path.write_bytes, out.getvalue())
    return path


async def test_who_trusted_the_wrong_hotkey_resets_folds_again_and_sets_weights(
    stack: "ValidatorBed", second: "ValidatorBed", voice: Voice
) -> None:
    """Every receipt was refused, so it set nothing; a dry run changes nothing; after the reset both ledgers are the same."""
    await play(stack, 3)
    await folded(second)
    await second.set_weights()
    parted = await second.store.ledger.page()
    assert [len(entry.inputs.distrusted) for entry in parted] == [2, 2, 2]
    assert await attempts_of(second.store.weights) == ()
    status, out, _ = await voice("ledger", "reset")
    assert (status, await second.store.ledger.page()) == (0, parted)
    for words in (
        f"3 entries of the ledger of {second.hotkey} would be deleted: rounds 2 to 4 (3).",
        "the kings (there is none)",
        "3 of the rounds are at hand",
        "Nothing was changed: --yes deletes.",
    ):
        assert words in out
    status, out, _ = await voice("ledger", "reset", "--yes")
    assert (status, "are deleted" in out, "Nothing was changed" in out) == (0, True, False)
    assert await second.store.ledger.head() is None
    second.issuers = frozenset({stack.hotkey})
    await folded(second)
    assert await second.store.ledger.page() == await stack.store.ledger.page()
    await second.set_weights()
    [kept] = await attempts_of(second.store.weights)
    assert (kept.outcome, kept.plan.burn < 1) == (WeightOutcome.SET, True)


async def test_who_parted_keeps_what_is_the_same_and_takes_over_the_rest(
    stack: "ValidatorBed", second: "ValidatorBed", voice: Voice, tmp_path: Path
) -> None:
    """`diff` names the round, `reset --from` deletes from there on, `join` takes over; the next round is then folded alike."""
    second.issuers = frozenset({stack.hotkey})
    await play(stack, 1)
    await folded(second)
    second.issuers = frozenset({BOB})
    first, *_ = await play(stack, 2)
    await folded(second)
    path = str(await export(stack, tmp_path / "ledger.jsonl"))
    status, _, err = await voice("ledger", "join", path)
    assert (status, f"error {Code.STATE_CONFLICT}" in err, "`voice validator ledger reset --from` it" in err) == (1, True, True)
    status, out, _ = await voice("diff", "own", path, "--json")
    assert (status, json.loads(out)["round"]) == (1, first)
    status, out, _ = await voice("ledger", "reset", "--from", str(first), "--yes", "--json")
    assert (status, json.loads(out)["rounds"], json.loads(out)["deleted"]) == (0, [first, first + 1], True)
    assert await voice("ledger", "join", path) == (0, "2 rounds taken over\n", f"round {first}\nround {first + 1}\n")
    assert await second.store.ledger.page() == await stack.store.ledger.page()
    second.issuers = frozenset({stack.hotkey})
    await play(stack)
    await folded(second)
    assert await second.store.ledger.page() == await stack.store.ledger.page()
    await second.set_weights()
    assert [attempt.outcome for attempt in await attempts_of(second.store.weights)] == [WeightOutcome.SET]


async def test_what_cannot_be_folded_again_is_named(stack: "ValidatorBed", second: "ValidatorBed", voice: Voice) -> None:
    """Rounds that were taken over from elsewhere are not in this database; a ledger without entries has nothing to lose."""
    assert (await voice("ledger", "reset", "--yes"))[1] == (
        f"The ledger of {second.hotkey} has no such entry: there is nothing to delete.\n"
    )
    before = a_ledger_entry(0)
    other = a_ledger_entry(1, king="h2@100", previous=before.state_hash)
    for entry in (before, other):
        await second.store.ledger.append(entry)
    await play(stack)
    await folded(second)
    found = await loss(second.store.ledger, OwnEvidence(second.store.rounds), RoundNumber(1))
    assert found == Loss((RoundNumber(1), RoundNumber(2)), {SMALL: Entrant("h2@100")}, (RoundNumber(1),))
    _, out, _ = await voice("ledger", "reset", "--from", "1")
    command = "`voice validator ledger join URL|FILE --until 1`"
    assert f"Not at hand: rounds 1. {command} takes over the rounds up to the last of those." in out


async def test_who_follows_in_some_tracks_has_its_own_rounds_at_hand(stack: "ValidatorBed", voice: Voice) -> None:
    """They are in its database; the followed one, which does not answer here, knows nothing of them."""
    await play(stack)
    follows = {"VOICE_FOLLOW_URL": "http://127.0.0.1:1", "VOICE_TRACKS": "small"}
    status, out, err = await voice("ledger", "reset", "--json", "--validator", stack.hotkey, **follows)
    assert (status, err) == (0, "")
    assert json.loads(out)["missing"] == []


async def test_only_the_missing_rounds_are_taken_over_and_the_rest_is_folded(
    stack: "ValidatorBed", second: "ValidatorBed", voice: Voice, tmp_path: Path
) -> None:
    """`join --until` ends where the own rounds begin: those are folded by this validator's settings."""
    first, last = await play(stack, 2)
    path = str(await export(stack, tmp_path / "ledger.jsonl"))
    assert await voice("ledger", "join", path, "--until", str(first)) == (0, "1 rounds taken over\n", f"round {first}\n")
    assert await voice("ledger", "join", path, "--until", str(first)) == (0, "0 rounds taken over\n", "")
    await folded(second)  # it trusts a hotkey that certified nobody
    head = await second.store.ledger.head()
    assert head is not None and (head.round, head.inputs.counted, len(head.inputs.distrusted)) == (last, {}, 2)
    assert (await second.store.ledger.page())[0] == (await stack.store.ledger.page())[0]


async def test_a_new_validator_sets_nothing_before_it_has_folded_what_is_closed(
    stack: "ValidatorBed", second: "ValidatorBed"
) -> None:
    """The first round's king may have lost the top since; a ledger so young does not stand still."""
    second.issuers = frozenset({stack.hotkey})
    await play(stack, 2)
    second.chain.block = stack.chain.block
    assert await second.tick()
    assert [entry.round for entry in await second.store.ledger.page()] == [2]
    await second.set_weights()
    assert await second.store.weights.page() == ()
    assert await second.tick()
    await second.set_weights()
    [kept] = await second.store.weights.page()
    assert kept.ledger_hash == (await stack.store.ledger.page())[-1].state_hash


async def test_the_tables_owner_names_the_validator_and_needs_no_wallet(
    stack: "ValidatorBed", second: "ValidatorBed", voice: Voice
) -> None:
    """Another validator of the same database keeps its ledger."""
    await play(stack)
    await folded(second)
    mine = await stack.store.ledger.page()
    status, _, err = await voice("ledger", "reset", "--yes", "--validator", second.hotkey, "--wallet", "nobody")
    assert (status, err) == (0, "")
    assert (await stack.store.ledger.page(), await second.store.ledger.page()) == (mine, ())
