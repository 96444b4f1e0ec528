"""The miner's daemon on a development chain and a local hub: what it publishes, what it does not, and what it says."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from neurons.chain.commitment import parse
from neurons.chain.types import Applied
from neurons.cli.main import app
from neurons.devchain import operations
from neurons.miner.hub import ModelHub
from neurons.miner.journal import Journal, StepBegun
from neurons.miner.messages import Message, MessageKind
from neurons.miner.publish_decision import Step
from neurons.shutdown import Shutdown
from scoring.errors import Code, PlatformError, SubmissionFault
from tests.integration import mining_bed
from tests.integration.hub_thread import hub_over
from tests.integration.mining_bed import COOLDOWN_BLOCKS, TOKEN, Bed, Mine, add_checkpoint


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """One chain and one hub for all miners."""
    folder = tmp_path_factory.mktemp("mining")
    (folder / "hub").mkdir()
    with hub_over(folder / "hub") as url:
        yield mining_bed.make(folder, url)


def published(bed: Bed, name: str) -> list[str]:
    """A miner's repositories that everybody can see."""
    return [repo for repo in bed.repositories(name) if not bed.is_private(repo)]


async def run_until(mine: Mine, ends: int) -> None:
    """Run the daemon until so many publications are over."""
    stop = Shutdown()
    over = count(1)

    def listen(line: Message) -> None:
        mine.lines.append(line)
        if line.kind is MessageKind.END and next(over) == ends:
            stop.request()

    await mine.serve(stop, listen)


def test_the_first_is_submitted_when_it_is_worth_a_share(bed: Bed, tmp_path: Path) -> None:
    """The newest comes first. What cannot be loaded or may hold code is rejected with its code, what earns nothing is not submitted."""
    folder = tmp_path / "models"
    for number, name in enumerate(("good", "poor", "broken", "pickle")):
        made = add_checkpoint(folder, name, number)
        os.utime(made / "model.safetensors", (number, number))
    (folder / "pickle" / "pytorch_model.bin").write_bytes(b"\x80")
    mine = Mine(bed, "first", folder, {"poor": 0.01, "broken": -1.0, "good": 0.6})
    mine.run()
    ends = [said for said in mine.said(MessageKind.CHECKPOINT) if "is complete" not in said]
    told = dict(said.split(": ", 1) for said in ends)
    assert told["pickle"].startswith(f"rejected. [{Code.FILE_NOT_ALLOWED.value}] not allowed: pytorch_model.bin")
    assert told["broken"].startswith(f"rejected. [{Code.LOAD_FAILED.value}] it does not load. Try ")
    assert told["poor"] == "not better. It scores 0.0100; below 0.02 nothing is paid."
    assert told["good"] == "chosen. It scores 0.6000, and this hotkey has no other model that can earn."
    record, [repo] = bed.committed("first"), published(bed, "first")
    assert record is not None and parse(record.value).repo == repo
    again = Mine(bed, "first", folder, {})
    again.run()
    assert (again.said(MessageKind.CHECKPOINT), bed.commits("first")) == ([], 1)


def test_a_better_one_waits_for_the_cooldown_and_is_a_repository_of_its_own(bed: Bed, tmp_path: Path) -> None:
    """The wait is told in blocks and time; the one before stays where validators find it; an equal one is not submitted."""
    folder = tmp_path / "models"
    add_checkpoint(folder, "step-1", 1)
    Mine(bed, "better", folder, {"step-1": 0.5}).run()
    first = bed.committed("better")
    add_checkpoint(folder, "step-2", 2)
    mine = Mine(bed, "better", folder, {"step-2": 0.8, "last": 0.5}, once=False)
    asyncio.run(run_until(mine, ends=1))
    second = bed.committed("better")
    assert first is not None and second is not None
    assert second.block - first.block >= COOLDOWN_BLOCKS
    assert any(f"from block {first.block + COOLDOWN_BLOCKS} on" in said for said in mine.said(MessageKind.HOLD))
    assert (bed.commits("better"), len(published(bed, "better"))) == (2, 2)
    add_checkpoint(folder, "step-3", 3)
    equal = Mine(bed, "better", folder, {"step-3": 0.8, "last": 0.8})
    equal.run()
    assert any("step-3: not better." in said and "could not be shown" in said for said in equal.said(MessageKind.CHECKPOINT))
    assert bed.commits("better") == 2


def test_in_the_cooldown_a_better_one_takes_the_chosen_ones_place(bed: Bed, tmp_path: Path) -> None:
    """Only the best of what is ready is submitted when the time has come."""
    folder = tmp_path / "models"
    add_checkpoint(folder, "step-1", 1)
    Mine(bed, "ready", folder, {"step-1": 0.4}).run()
    add_checkpoint(folder, "step-2", 2)
    Mine(bed, "ready", folder, {"step-2": 0.6, "last": 0.4}).run()
    add_checkpoint(folder, "step-3", 3)
    mine = Mine(bed, "ready", folder, {"step-3": 0.9, "step-2": 0.6}, once=False)
    asyncio.run(run_until(mine, ends=1))
    assert [said.split(":")[0] for said in mine.said(MessageKind.END)] == ["step-3"]
    assert (bed.commits("ready"), len(bed.repositories("ready"))) == (2, 2)


@pytest.mark.parametrize(
    ("dry_run", "words"),
    [
        pytest.param(True, "Dry run: nothing is uploaded", id="dry run"),
        pytest.param(False, "is not published: declined", id="no"),
    ],
)
def test_nothing_is_signed_or_uploaded_unasked(bed: Bed, tmp_path: Path, dry_run: bool, words: str) -> None:
    """The cost is told first: bytes, fee, and the cooldown."""
    name = "dry" if dry_run else "no"
    add_checkpoint(tmp_path / "models", "step-1")
    mine = Mine(bed, name, tmp_path / "models", {"step-1": 0.6}, dry_run=dry_run, agrees=False)
    mine.run()
    [cost] = mine.said(MessageKind.COST)
    assert "bytes to upload; fee 0.000000 of the" in cost and f"no other commitment for {COOLDOWN_BLOCKS} blocks" in cost
    assert any(words in line.text for line in mine.lines)
    assert (bed.commits(name), bed.repositories(name)) == (0, [])


def test_who_is_not_registered_is_told_so(bed: Bed, tmp_path: Path) -> None:
    """Before anything is uploaded."""
    add_checkpoint(tmp_path / "models", "step-1")
    mine = Mine(bed, "stranger", tmp_path / "models", {"step-1": 0.6}, registered=False)
    mine.run()
    assert ["not registered" in said for said in mine.said(MessageKind.HOLD)] == [True]
    assert bed.repositories("stranger") == []


def test_what_everybody_could_see_before_it_was_committed_is_given_up(bed: Bed, tmp_path: Path) -> None:
    """Whoever read it may have committed it first."""
    made = add_checkpoint(tmp_path / "models", "step-1")
    mine = Mine(bed, "open", tmp_path / "models", {"step-1": 0.6}, dry_run=True)
    mine.run()
    [cost] = [line for line in mine.lines if line.kind is MessageKind.COST]
    hub, repo = ModelHub(bed.hub, TOKEN), str(cost.facts["repo"])
    hub.create(repo, private=False)
    hub.upload(made, repo)
    again = Mine(bed, "open", tmp_path / "models", {})
    again.run()
    assert ["may have committed it" in said for said in again.said(MessageKind.END)] == [True]
    assert bed.commits("open") == 0


def test_a_chain_that_refuses_is_asked_again_later(bed: Bed, tmp_path: Path) -> None:
    """What it refused is in no block, so that nothing is waited for; the upload is not repeated."""
    add_checkpoint(tmp_path / "models", "step-1")
    operations.change(bed.chain, "commitment_space", 0)
    mine = Mine(bed, "refused", tmp_path / "models", {"step-1": 0.6})
    mine.run()
    [repo] = bed.repositories("refused")
    assert ["refused the commitment" in said for said in mine.said(MessageKind.HOLD)] == [True]
    assert (bed.commits("refused"), bed.is_private(repo)) == (0, True)
    operations.change(bed.chain, "commitment_space", 3_100)
    again = Mine(bed, "refused", tmp_path / "models", {})
    again.run()
    assert [line.facts["step"] for line in again.lines if line.facts.get("taken")] == ["commit", "reveal"]
    assert (bed.commits("refused"), bed.is_private(repo)) == (1, False)


def test_an_outage_is_told_once_and_waited_for(bed: Bed, tmp_path: Path) -> None:
    """A hub that is away: nothing is lost, and with --once it is the command's error."""
    add_checkpoint(tmp_path / "models", "step-1")
    away = replace(bed, hub="http://127.0.0.1:9")
    with pytest.raises(PlatformError) as caught:
        Mine(away, "away", tmp_path / "models", {"step-1": 0.6}).run()
    assert caught.value.code is Code.PUBLISHING_FAILED
    mine, stop = Mine(away, "away", tmp_path / "models", {}, once=False), Shutdown()

    async def some_time() -> None:
        asyncio.get_running_loop().call_later(1.5, stop.request)
        await mine.serve(stop)

    asyncio.run(some_time())
    assert len(mine.said(MessageKind.OUTAGE)) == 1
    Mine(bed, "away", tmp_path / "models", {}).run()
    assert bed.commits("away") == 1


def test_a_checkpoint_that_was_removed_is_given_up(bed: Bed, tmp_path: Path) -> None:
    """Chosen in a dry run, gone before it could be uploaded."""
    made = add_checkpoint(tmp_path / "models", "step-1")
    Mine(bed, "gone", tmp_path / "models", {"step-1": 0.6}, dry_run=True).run()
    shutil.rmtree(made)
    mine = Mine(bed, "gone", tmp_path / "models", {})
    mine.run()
    assert ["was removed before it was uploaded" in said for said in mine.said(MessageKind.END)] == [True]


def test_a_lost_journal_repeats_nothing(bed: Bed, tmp_path: Path) -> None:
    """The commitment's tag tells that the checkpoint is what was submitted last."""
    add_checkpoint(tmp_path / "models", "step-1")
    mine = Mine(bed, "lost", tmp_path / "models", {"step-1": 0.6})
    mine.run()
    mine.journal.unlink()
    again = Mine(bed, "lost", tmp_path / "models", {})
    again.run()
    assert any("what this hotkey committed last" in said for said in again.said(MessageKind.CHECKPOINT))
    assert (bed.commits("lost"), len(published(bed, "lost"))) == (1, 1)


async def test_another_commitment_of_the_hotkey_is_not_replaced(bed: Bed, tmp_path: Path) -> None:
    """A commitment was begun, and perhaps made; then somebody committed by hand: a second one would take that one's place."""
    add_checkpoint(tmp_path / "models", "step-1")
    mine = Mine(bed, "hand", tmp_path / "models", {"step-1": 0.6}, dry_run=True)
    await mine.serve(Shutdown())
    async with bed.open_chain() as chain:
        with Journal(mine.journal) as journal:
            chosen = journal.state.chosen
            assert chosen is not None
            journal.write(StepBegun(step=Step.COMMIT, content=chosen.content, repo="hand/voice", block=await chain.head()))
        assert isinstance(await chain.commit(bed.wallet("hand"), b"something else"), Applied)
    again = Mine(bed, "hand", tmp_path / "models", {})
    await again.serve(Shutdown())
    assert ["committed something else since" in said for said in again.said(MessageKind.END)] == [True]
    assert (bed.commits("hand"), bed.repositories("hand")) == (1, [])


def test_a_repository_that_no_commitment_can_name_is_refused_at_once(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a checkpoint is scored for it."""
    with pytest.raises(SubmissionFault) as caught:
        app(["miner", "run", str(bed.folder), "--repo", "lab/" + "x" * 60, "--yes"], standalone_mode=False)
    assert caught.value.code is Code.COMMITMENT_MALFORMED


def test_without_a_terminal_consent_is_given_beforehand(bed: Bed) -> None:
    """Nobody could be asked."""
    with pytest.raises(PlatformError, match="add --yes"):
        app(["miner", "run", str(bed.folder), "--repo", "lab/voice"], standalone_mode=False)
