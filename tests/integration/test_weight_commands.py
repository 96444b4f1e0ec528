"""`voice validator weights`, `replay`, `explain` and `what-if` as an operator runs them, beside a chain in real time."""

import asyncio
import json
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neurons.devchain import operations
from neurons.devchain.faults import FaultKind
from neurons.localnet.network import COMPETITION
from scoring.types import RoundNumber, Uid
from tests.builders import command_line
from tests.builders.addresses import ALICE
from tests.builders.ledger import a_ledger_entry, attempts_of, some_inputs
from tests.integration import weight_bed
from tests.integration.weight_bed import NETUID, Bed, Time, vector
from voice_api.db.database import Pool
from voice_api.db.states import WeightOutcome

Voice = Callable[..., Awaitable[tuple[int, str, str]]]


class Clock(Time):
    """The time of the world."""

    def __call__(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait for it to pass."""
        await asyncio.sleep(seconds)


@pytest.fixture
async def bed(tmp_path: Path, pool: Pool) -> Bed:
    """A round was folded; twenty blocks a second, the first epoch gave the validator its permit, and the next ones are long."""
    bed = weight_bed.make(tmp_path, pool, Clock(), block_seconds=0.05, tempo=5)
    await bed.fold()
    await asyncio.sleep(0.7)
    operations.change(bed.path, "tempo", 2_000)
    await asyncio.sleep(0.3)
    return bed


@pytest.fixture
def environment(bed: Bed, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Of the validator's processes."""
    return {
        "DATABASE_URL": database_url,
        "BT_NETWORK": "dev",
        "VOICE_NETUID": str(NETUID),
        "VOICE_DEVCHAIN": str(bed.path),
        "BT_WALLET": "validator",
        "BT_WALLET_PATH": str(tmp_path / "wallets"),
        "VOICE_REVOCATIONS": str(tmp_path / "none.json"),
        "VOICE_PAUSE_SECONDS": "0.1",
        "HOME": str(tmp_path),
        "COLUMNS": "200",
    }


async def start(environment: dict[str, str], *arguments: str) -> Process:
    """A command of the validator."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "neurons.cli", "validator", *arguments, env=environment, stdout=PIPE, stderr=PIPE
    )


@pytest.fixture
def voice(environment: dict[str, str], tmp_path: Path) -> Voice:
    """The command line: exit status, output, errors."""

    async def run(*arguments: str) -> tuple[int, str, str]:
        ended = await asyncio.to_thread(command_line.voice, tmp_path, "validator", *arguments, **environment)
        return ended.returncode, ended.stdout, ended.stderr

    return run


async def data(voice: Voice, *arguments: str) -> Any:
    """What a command says to a machine."""
    status, out, err = await voice(*arguments, "--json")
    assert status == 0, err
    return json.loads(out)


async def test_a_dry_run_signs_nothing_and_says_what_would_be_set(bed: Bed, voice: Voice) -> None:
    """The very vector that the next attempt sends; then the list of attempts says what became of it."""
    dry = await data(voice, "weights", "--dry-run")
    assert dry["due"] is True
    assert [line["share"] for line in dry["lines"]] == pytest.approx([0.0, 0.0, 0.86, 0.14])
    assert await bed.outcomes() == []
    await bed.setting().turn()
    [kept] = await attempts_of(bed.weights)
    assert dict(map(tuple, dry["vector"])) == vector(kept)
    [shown] = await data(voice, "weights")
    assert (shown["snapshot_hash"], shown["outcome"], shown["block"]) == (kept.snapshot_hash, "set", kept.block)
    status, table, _ = await voice("weights", "--dry-run")
    assert (status, "Not due before block" in table, "0.8600" in table, "0.1400" in table) == (0, True, True, True)


HELD = "The last plan is held"


async def test_a_plan_that_is_held_is_said_with_its_reason(bed: Bed, voice: Voice) -> None:
    """Beside the attempts, in a dry run, and where a uid is explained or a score supposed: all three show another plan than is sent."""
    status, _, err = await voice("weights")
    assert (status, err) == (0, "")
    await bed.setting().turn()
    head = await bed.ledger.head()
    assert head is not None
    inputs = some_inputs(distrusted={"x@1": "the certificate is of a stranger"})
    state = replace(head.state, round=RoundNumber(2))
    await bed.ledger.append(a_ledger_entry(2, previous=head.state_hash, state=state, inputs=inputs))
    why = "in round 2 none of 1 receipts counts: the certificate is of a stranger"
    said = f"{HELD}, and nothing is burned for it: {why}.\n"
    for command in (["weights"], ["explain", "2"], ["what-if", "--hotkey", bed.miners[0], "--score", "0.9"]):
        status, _, err = await voice(*command)
        assert (status, err) == (0, said), command
    assert (await data(voice, "explain", "2"))["held"] == why
    dry = await data(voice, "weights", "--dry-run")
    assert (dry["due"], dry["held"]) == (False, why)
    status, out, _ = await voice("weights", "--dry-run")
    assert (status, f"{HELD}: {why}." in out) == (0, True)


async def test_why_no_weights_are_set_at_all_is_said(bed: Bed, voice: Voice) -> None:
    """Nothing was ever set that could be held."""
    head = await bed.ledger.head()
    assert head is not None
    await bed.ledger.append(a_ledger_entry(2, previous=head.state_hash, inputs=some_inputs(distrusted={"x@1": "expired"})))
    why = "in round 2 none of 1 receipts counts: expired, and no weights that pay anybody were set before"
    status, _, err = await voice("weights")
    assert (status, err) == (0, f"No weights are set: {why}.\n")
    status, out, _ = await voice("weights", "--dry-run")
    assert (status, f"Not due: {why}." in out) == (0, True)


async def test_an_attempt_that_cannot_be_read_is_shown_by_name(bed: Bed, voice: Voice) -> None:
    """With its outcome, the fault and the fault's code; a replay of it says the same, and the others are shown as ever."""
    await bed.setting().turn()
    async with bed.pool.connection() as connection:
        await connection.execute("update weight_attempts set snapshot = 'null'")
    [lost] = await bed.weights.page()
    why = f"the attempt {lost.id} to set weights cannot be read: this is no snapshot: it is no JSON object"
    [shown] = await data(voice, "weights")
    assert (shown["id"], shown["outcome"], shown["unreadable"]) == (lost.id, "set", {"code": 3305, "why": why})
    status, out, _ = await voice("weights")
    assert (status, f"{lost.id} to set weights" in " ".join(out.split()), "(code 3305)" in out) == (0, True, True)
    status, _, err = await voice("replay", lost.snapshot_hash)
    assert (status != 0, why in " ".join(err.split()), "3305" in err) == (True, True, True)
    dry = await data(voice, "weights", "--dry-run")
    assert dry["due"] is True or "rate limit" in dry["why"]


async def test_a_replay_says_whether_it_is_what_was_sent_and_what_counts(bed: Bed, voice: Voice) -> None:
    """Equal to both; after another vector was set, and with a plan that was changed by hand, it says so, and exits 1."""
    await bed.setting().turn()
    [kept] = await attempts_of(bed.weights)
    await asyncio.sleep(0.5)
    status, out, err = await voice("replay", kept.snapshot_hash)
    assert (status, err) == (0, "")
    assert " ".join(f"{uid}:{value}" for uid, value in vector(kept).items()) in out
    assert "equal to what was sent; it counts on the chain now" in out
    assert "small: uid 2 0.8600, uid 3 0.1400\nburned: 0\n" in out
    forged = "update weight_attempts set plan = replace(plan::text, '0.86', '0.85')::json"
    async with bed.pool.connection() as connection:
        await connection.execute(forged)
    status, out, _ = await voice("replay", kept.snapshot_hash)
    assert (status, "DIFFERENT from what was sent" in out) == (1, True)
    status, _, err = await voice("replay", "f" * 64)
    assert (status, err.startswith("error 3004")) == (1, True)


async def test_a_uid_is_explained(bed: Bed, voice: Voice) -> None:
    """Share, place, evidence and what it lacks, for people and for machines; a uid that there is not is an error."""
    king, idle = await data(voice, "explain", "2"), await data(voice, "explain", "1")
    (small,) = king["tracks"]
    assert (king["share"], small["share"], small["track"]) == (pytest.approx(0.86), pytest.approx(0.86), "small")
    assert (small["king"], small["place"], small["rank"], small["duel"]) == (True, 0, 1, None)
    assert (idle["share"], idle["tracks"], idle["reason"]) == (0.0, [], "no submission")
    status, out, _ = await voice("explain", "3")
    assert (status, "0.6000 ± 0.0000 over 32 groups" in out, "king since block 0" in out, "small" in out) == (0, True, True, True)
    status, _, err = await voice("explain", "99")
    assert (status, err.startswith("error 3004 no hotkey is registered under uid 99")) == (1, True)


async def test_what_if_a_model_scored_otherwise(bed: Bed, voice: Voice) -> None:
    """With less than the king it has its credit, with more than the margin it takes the top and all; a stranger is refused."""
    second = bed.miners[1]
    rows = {row["hotkey"]: row for row in (await data(voice, "what-if", "--hotkey", second, "--score", "0.05"))["uids"]}
    assert rows[second]["before"]["share"] == rows[second]["after"]["share"] == pytest.approx(0.14)
    assert rows[second]["after"]["reason"].startswith("small: former king: 0.0500 ± 0.0000")
    rows = {row["hotkey"]: row for row in (await data(voice, "what-if", "--hotkey", second, "--score", "0.99"))["uids"]}
    assert rows[second]["after"]["share"] == pytest.approx(1.0)
    status, out, _ = await voice("what-if", "--hotkey", second, "--score", "0.99")
    assert (status, "1.0000" in out, "scored 0.99 in small" in out) == (0, True, True)
    status, _, err = await voice("what-if", "--hotkey", ALICE, "--score", "0.5")
    assert (status, err.startswith(f"error 3205 {ALICE} is not registered")) == (1, True)


async def test_rules_that_have_ended_are_nobodys_plan(bed: Bed, voice: Voice, tmp_path: Path) -> None:
    """A dry run refuses as the validator does, with the code that says to install the next release."""
    rules = tmp_path / "ended.toml"
    rules.write_text("until_round = 0\n" + COMPETITION.read_text(encoding="utf-8"), encoding="utf-8")
    while (await bed.metagraph()).block < 45:  # noqa: ASYNC110 - what is waited for is on the chain
        await asyncio.sleep(0.1)
    status, _, err = await voice("weights", "--dry-run", "--competition", str(rules))
    assert (status, err.startswith("error 3209")) == (1, True)


async def test_a_validator_killed_between_sending_and_its_answer_finds_out_what_became_of_it(
    bed: Bed, environment: dict[str, str]
) -> None:
    """The chain took the weights and the process died with SIGKILL before it was told: the next one settles the row, and sets no others."""
    bed.fail(FaultKind.STALL, call="submit", after=True)
    process = await start(environment, "run")
    async with asyncio.timeout(20):
        while Uid(2) not in (await bed.on_chain()).row:  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    await process.communicate()
    [sent] = await attempts_of(bed.weights)
    assert (sent.outcome, sent.error) == (WeightOutcome.SENDING, None)
    bed.heal()
    await asyncio.sleep(0.5)
    await bed.setting().turn()
    [settled] = await attempts_of(bed.weights)
    neuron = (await bed.metagraph()).neuron(bed.hotkey)
    assert neuron is not None
    assert (settled.outcome, settled.block) == (WeightOutcome.SET, neuron.last_update)
