"""`voice miner run` as the process that it is: it asks, it ends at once, and nothing of it stays behind."""

import asyncio
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from neurons.localnet.network import COMPETITION
from neurons.localnet.services import pick_port
from neurons.miner.messages import MessageKind
from scoring.types import Block
from tests.integration import mining_bed
from tests.integration.hub_thread import hub_over
from tests.integration.mining_bed import NETUID, TOKEN, Bed, Mine, add_checkpoint

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    """A chain and a hub with a registered miner called `me`, and one checkpoint."""
    (tmp_path / "hub").mkdir()
    add_checkpoint(tmp_path / "models", "step-1")
    with hub_over(tmp_path / "hub") as url:
        made = mining_bed.make(tmp_path, url)
        made.wallet("me")
        yield made


@pytest.fixture
def start(bed: Bed) -> Iterator[Start]:
    """Start `voice miner run` on the bed; it is killed after the test if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def run(*options: str, stdin: int = subprocess.DEVNULL, **more: str) -> subprocess.Popen[str]:
        arguments = [str(bed.folder / "models"), "--repo", "me/voice", "--settle", "0.1", *options]
        environment = {
            "PATH": os.defpath,
            "BT_NETWORK": "dev",
            "VOICE_DEVCHAIN": str(bed.chain),
            "VOICE_NETUID": str(NETUID),
            "VOICE_COMPETITION": str(COMPETITION),
            "VOICE_DATA": str(bed.folder / "data"),
            "VOICE_PAUSE_SECONDS": "0.1",
            "VOICE_API_URL": bed.api,
            "BT_WALLET": "me",
            "BT_WALLET_PATH": str(bed.folder / "wallets"),
            "HF_ENDPOINT": bed.hub,
            "HF_TOKEN": TOKEN,
            **more,
        }
        command = [sys.executable, "-m", "neurons.cli", "miner", "run", *arguments]
        process = subprocess.Popen(
            command, env=environment, text=True, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def await_line(process: subprocess.Popen[str], kind: MessageKind, words: str) -> None:
    """Read its JSON lines until one says so."""
    assert process.stdout is not None
    for text in process.stdout:
        line = json.loads(text)
        if line["kind"] == kind.value and words in line["text"]:
            return
    raise AssertionError(f"it ended without saying {words!r}")


def await_scoring(pid: int) -> list[psutil.Process]:
    """Its child once that is the scoring process, with what that has started."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            children: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
            if any("score" in child.cmdline() for child in children):
                return children
        time.sleep(0.02)
    raise AssertionError("nothing is scored")


def await_gone(processes: list[psutil.Process]) -> None:
    """Until none of them runs."""
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert alive == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)], ids=["term", "kill"])
def test_it_ends_at_once_and_takes_the_scoring_with_it(start: Start, number: int, status: int) -> None:
    """In the middle of minutes of scoring. Meanwhile it shows its numbers where it is told to."""
    port = pick_port(None)
    process = start("--yes", "--json", VOICE_METRICS_PORT=str(port))
    await_line(process, MessageKind.WORKING, "Scoring")
    shown = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    assert 'voice_miner_messages_total{kind="watching"} 1.0' in shown.splitlines()
    scoring = await_scoring(process.pid)
    began = time.monotonic()
    process.send_signal(number)
    assert process.wait(60) == status
    assert time.monotonic() - began < 15
    await_gone(scoring)


@pytest.mark.parametrize(("answer", "commits"), [("y", 1), ("", 0)], ids=["yes", "enter"])
def test_it_asks_before_anything_is_signed(bed: Bed, start: Start, answer: str, commits: int) -> None:
    """On a terminal, with the cost above the question; whatever is not yes is no."""
    chosen_already(bed)
    ours, theirs = pty.openpty()
    process = start("--once", stdin=theirs)
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said, _ = process.communicate(timeout=40)
    os.close(ours)
    assert process.returncode == 0, said
    assert said.index("bytes to upload") < said.index("and commit it? [y/N]")
    assert bed.commits("me") == commits


def chosen_already(bed: Bed) -> None:
    """Let a dry run with scripted scores choose the checkpoint, and keep its journal where the command looks for it."""

    async def first() -> str:
        async with bed.open_chain() as chain:
            return await chain.block_hash(Block(0))

    mine = Mine(bed, "me", bed.folder / "models", {"step-1": 0.6}, dry_run=True)
    mine.run()
    name = f"{asyncio.run(first())[2:14]}-{NETUID}-{bed.wallet('me').hotkey.ss58_address}.jsonl"
    (bed.folder / "data" / "mining").mkdir(parents=True)
    shutil.copy(mine.journal, bed.folder / "data" / "mining" / name)
