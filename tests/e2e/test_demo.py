"""The whole network, as a user runs it."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.builders.finished_demo import FinishedDemo
from tests.builders.processes import left_behind
from voice_api.db.states import SubmissionState

pytestmark = pytest.mark.e2e

PROCESSES = ("api", "dispatcher", "hub", "queue", "validator", "worker-1", "worker-2")


def demo(folder: Path, *options: str) -> subprocess.Popen[str]:
    """Start `voice demo` with its data in a folder, and servers of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "neurons.cli", "demo", "--data", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")},
    )


@pytest.mark.timeout(600)
def test_the_demo_takes_six_miners_from_commit_to_weights(demo_data: FinishedDemo) -> None:
    """All six outcomes happen, each by evaluation; afterwards no process is left, and each one's log is there."""
    folder, seen = demo_data.folder, demo_data.seen
    assert [item["text"] for item in seen["expectations"] if not item["held"]] == []
    states = {miner["role"]: miner["state"] for miner in seen["observation"]["miners"]}
    assert states == {
        "clear": SubmissionState.SCORED,
        "worse": SubmissionState.SCORED,
        "copy": SubmissionState.COPY,
        "wrong-words": SubmissionState.SCORED,
        "pickle": SubmissionState.REJECTED,
        "hang": SubmissionState.REJECTED,
    }
    for line in (
        r"\d s  block \d+  round \d+  clear: queued",
        "clear: king",
        "copy: copy, .*same model",
        "first weights are on the chain",
    ):
        assert re.search(line, demo_data.told), demo_data.told
    paid = sum(miner["weight"] for miner in seen["observation"]["miners"]) + seen["observation"]["burn"]
    assert paid == pytest.approx(1.0, abs=1e-3)
    assert left_behind(folder) == []
    assert sorted(log.stem for log in (folder / "logs").glob("*.log")) == sorted(PROCESSES)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ctrl_c_in_the_middle_leaves_no_process(tmp_path: Path) -> None:
    """Stopped while evaluations run, the demo ends everything that it started, and says so."""
    folder = tmp_path / "network"
    process = demo(folder)
    while not _evaluates(process.pid, folder):
        assert process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert "no process of the network is left" in output, errors
    assert process.returncode == 0
    assert left_behind(folder) == []


def _evaluates(pid: int, folder: Path) -> bool:
    """Whether a guest runs after a miner's model was fetched: it speaks that model."""
    if not any(folder.glob("worker-*/models/*")):
        return False
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.Error):
            if "workers.sandbox.guest" in child.cmdline():
                return True
    return False


def test_a_taken_folder_is_a_clear_error(tmp_path: Path) -> None:
    """A folder with somebody's files is not emptied."""
    (tmp_path / "thesis.txt").write_text("mine")
    process = demo(tmp_path, "--once")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "holds files that no network put there" in errors
    assert "Traceback" not in errors
    assert (tmp_path / "thesis.txt").read_text() == "mine"
