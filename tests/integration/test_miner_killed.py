"""A miner's daemon that dies at any point of publishing, and is started again: one commitment, and a public repository at the end."""

import multiprocessing
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from neurons.chain.commitment import parse
from neurons.miner.journal import JournalState, PublishingEnded, decode, remember
from neurons.miner.publish_decision import End, Step
from tests.integration import mining_bed
from tests.integration.hub_thread import hub_over
from tests.integration.mining_bed import Bed, Mine

POINTS = (
    "before judged chosen",
    "after judged chosen",
    *(f"{when} {step.value}" for step in Step for when in ("after begun", "before taken", "after taken")),
    "sent upload",
    "sent commit",
    "before ended done",
    "after ended done",
)
UPLOADED = ("sent upload", "after taken upload", "sent commit", "after taken commit")
RUNS = {"killed": POINTS, "removed": UPLOADED, "lost": UPLOADED[1:]}
"""By what is done to them, the points at which miners die."""


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """One chain and one hub for all miners."""
    folder = tmp_path_factory.mktemp("mining")
    (folder / "hub").mkdir()
    with hub_over(folder / "hub") as url:
        made = mining_bed.make(folder, url)
        made.register(*(miner(prefix, point) for prefix, points in RUNS.items() for point in points))
        yield made


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that have imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.mining_bed"])
    return context


def miner(prefix: str, point: str) -> str:
    """The name of the one that dies there."""
    return f"{prefix}-{point.replace(' ', '-')}"


def run(processes: ForkServerContext, mine: Mine) -> int | None:
    """Run a miner in a process of its own; how that ended."""
    process = processes.Process(target=mine.run)
    process.start()
    process.join(60)
    return process.exitcode


def memory(mine: Mine) -> JournalState:
    """What its journal says."""
    return remember(decode(line) for line in mine.journal.read_bytes().splitlines())


@pytest.mark.parametrize("point", RUNS["killed"])
def test_it_commits_once_wherever_it_dies(bed: Bed, processes: ForkServerContext, tmp_path: Path, point: str) -> None:
    """Killed there, started again, and again: what was not committed was seen by nobody, and nothing is done twice."""
    name = miner("killed", point)
    mining_bed.add_checkpoint(tmp_path / "models", "step-1", POINTS.index(point))
    assert run(processes, Mine(bed, name, tmp_path / "models", {"step-1": 0.8}, kill=point)) == -signal.SIGKILL
    for repo in bed.repositories(name):
        assert bed.is_private(repo) or bed.commits(name) == 1
    mine = Mine(bed, name, tmp_path / "models", {"step-1": 0.8})
    for _ in range(2):
        assert run(processes, mine) == 0
        [repo] = bed.repositories(name)
        record = bed.committed(name)
        assert record is not None and parse(record.value).repo == repo
        assert (bed.commits(name), bed.is_private(repo), memory(mine).chosen) == (1, False, None)
    ends = [each for each in map(decode, mine.journal.read_bytes().splitlines()) if isinstance(each, PublishingEnded)]
    assert [each.end for each in ends] == [End.DONE]


@pytest.mark.parametrize("point", RUNS["removed"])
def test_the_checkpoint_may_be_removed_once_it_is_uploaded(
    bed: Bed, processes: ForkServerContext, tmp_path: Path, point: str
) -> None:
    """Training goes on and keeps its newest few: what was uploaded and compared needs no folder, and what was not is given up."""
    name = miner("removed", point)
    made = mining_bed.add_checkpoint(tmp_path / "models", "step-1", 77)
    assert run(processes, Mine(bed, name, tmp_path / "models", {"step-1": 0.8}, kill=point)) == -signal.SIGKILL
    shutil.rmtree(made)
    assert run(processes, Mine(bed, name, tmp_path / "models", {})) == 0
    [repo] = bed.repositories(name)
    compared = point != "sent upload"
    assert (bed.commits(name), bed.is_private(repo)) == (int(compared), not compared)


@pytest.mark.parametrize("point", RUNS["lost"])
def test_a_lost_journal_is_made_up_for_by_asking(bed: Bed, processes: ForkServerContext, tmp_path: Path, point: str) -> None:
    """Killed on the way, and the journal is gone: chain and hub tell how far it was."""
    name = miner("lost", point)
    mining_bed.add_checkpoint(tmp_path / "models", "step-1", 78)
    mine = Mine(bed, name, tmp_path / "models", {"step-1": 0.8})
    assert run(processes, replace(mine, kill=point)) == -signal.SIGKILL
    mine.journal.unlink()
    assert run(processes, mine) == 0
    [repo] = bed.repositories(name)
    assert (bed.commits(name), bed.is_private(repo)) == (1, False)
