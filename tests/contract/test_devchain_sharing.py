"""Any number of processes share one development chain, and any of them may be killed at any time."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from neurons.devchain.genesis import hash_of
from neurons.devchain.node import Node
from neurons.devchain.operations import create, faucet
from neurons.devchain.state import ChainState
from neurons.devchain.subnet import Rules
from scoring.types import Hotkey

if TYPE_CHECKING:
    from tests.contract.conftest import MakeDevNet

REGISTERS = """
import sys
from pathlib import Path
from neurons.devchain.operations import register
for n in range(10):
    print(register(Path(sys.argv[1]), f"{sys.argv[2]}-{n}", "cold"), flush=True)
"""
GIVES = """
import sys, time
from itertools import count
from pathlib import Path
from neurons.devchain.operations import faucet
for n in count(1):
    faucet(Path(sys.argv[1]), "cold", n)
    print(n, flush=True)
    time.sleep(0.002)  # SQLite's lock is not fair: who never pauses starves the others
"""
DIES_INSIDE = """
import sys, time
from pathlib import Path
from neurons.devchain.events import Funded
from neurons.devchain.log import EventLog
log = EventLog(Path(sys.argv[1]))
with log.writing():
    log.append(1, Funded("cold", 666))
    print("inside", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A fresh chain with blocks of a tenth of a second, on the real clock."""
    file = tmp_path / "chain.sqlite"
    create(file, netuid=7, block_seconds=0.1, owner_coldkey="cold", owner_hotkey=Hotkey("owner"), rules=Rules(), seed=bytes(32))
    return file


def start(script: str, *arguments: object) -> "subprocess.Popen[str]":
    """A process of its own that runs a script."""
    command = [sys.executable, "-c", script, *(str(argument) for argument in arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def given(path: Path) -> int:
    """What the faucet gave, from a file that is sound."""
    with closing(sqlite3.connect(path)) as db:
        amounts = [json.loads(body)["amount"] for (body,) in db.execute("select body from events")]
        assert db.execute("pragma integrity_check").fetchone() == ("ok",)
    return sum(amounts)


def test_processes_share_one_chain(path: Path) -> None:
    """Two processes register ten hotkeys each at the same time: twenty different slots, none lost."""
    children = [start(REGISTERS, path, name) for name in ("a", "b")]
    uids = [int(line) for child in children for line in child.communicate(timeout=60)[0].split()]
    assert sorted(uids) == list(range(1, 21))


def test_the_rest_survives_a_kill(path: Path) -> None:
    """A writer killed at any moment leaves whole events only: all that it reported, and at most one more."""
    child = start(GIVES, path)
    assert child.stdout is not None
    reported = [int(child.stdout.readline()) for _ in range(25)]
    child.send_signal(signal.SIGKILL)
    reported += [int(line) for line in child.stdout.read().split()]
    child.wait(timeout=10)
    child.stdout.close()
    done = reported[-1]
    assert given(path) in (done * (done + 1) // 2, (done + 1) * (done + 2) // 2)
    faucet(path, "cold", 1)


def test_a_kill_inside_a_transaction_undoes_it(path: Path) -> None:
    """What was not stored is gone, and the lock with it: the next writer goes on at once."""
    child = start(DIES_INSIDE, path)
    assert child.stdout is not None
    assert child.stdout.readline() == "inside\n"
    child.send_signal(signal.SIGKILL)
    child.wait(timeout=10)
    child.stdout.close()
    faucet(path, "cold", 5)
    assert given(path) == 5


async def test_two_adapters_see_the_same(devnet: "MakeDevNet") -> None:
    """What one writes the other reads, with the same hashes."""
    net = devnet()
    async with net.chain() as one, net.chain() as two:
        await one.commit(net.miners[0], b"seen by both")
        assert await one.metagraph(await one.head()) == await two.metagraph(await two.head())


def test_events_cannot_be_changed(path: Path) -> None:
    """The log only grows: the file itself refuses to change or remove an event."""
    faucet(path, "cold", 5)
    with closing(sqlite3.connect(path)) as db:
        with pytest.raises(sqlite3.IntegrityError, match="never changed"):
            db.execute("update events set body = '{}'")
        with pytest.raises(sqlite3.IntegrityError, match="never removed"):
            db.execute("delete from events")


def test_hashes_are_the_same_in_another_process(path: Path) -> None:
    """Hashes come from the file's seed, not from a process."""
    node = Node(path, lambda: 10.0**12)
    script = "import sys; from pathlib import Path; from neurons.devchain.node import Node; "
    child = start(script + "print(Node(Path(sys.argv[1]), lambda: 10.0**12).hash(12345))", path)
    assert child.communicate(timeout=60)[0].strip() == node.hash(12345) == hash_of(node.genesis, 12345)
    node.close()


def test_a_block_that_was_read_stays(tmp_path: Path) -> None:
    """While another process writes some hundred times a second, no block changes after it was read: a fresh reader sees the same."""
    file = tmp_path / "chain.sqlite"
    create(file, netuid=7, block_seconds=0.005, owner_coldkey="cold", owner_hotkey=Hotkey("owner"), seed=bytes(32))
    child = start(GIVES, file)
    assert child.stdout is not None and child.stdout.readline() == "1\n"
    reader = Node(file, time.time)
    seen: dict[int, ChainState] = {}
    while len(seen) < 60:
        head = reader.head()
        seen[head] = reader.state(head)
    child.send_signal(signal.SIGKILL)
    child.communicate(timeout=10)
    fresh = Node(file, time.time)
    assert {block: fresh.state(block) for block in seen} == seen
    reader.close()
    fresh.close()
