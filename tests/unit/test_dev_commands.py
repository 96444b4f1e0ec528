"""`voice dev` from nothing: every verb changes the chain, and shows what it changed."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from neurons.chain import wallets
from neurons.cli.main import app
from neurons.devchain.events import Origin, Sealed
from neurons.devchain.node import Node
from neurons.devchain.operations import create
from neurons.devchain.subnet import Rules
from scoring.errors import Code, PlatformError
from scoring.types import Hotkey
from tests.builders.addresses import ALICE

Dev = Callable[..., str]


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dev:
    """Runs `voice dev …` on a chain of its own, whose block 0 lasts for an hour; returns what it printed."""
    monkeypatch.setenv("VOICE_DEVCHAIN", str(tmp_path / "chain.sqlite"))
    monkeypatch.setenv("BT_WALLET_PATH", str(tmp_path / "wallets"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(line: str) -> str:
        result = CliRunner().invoke(app, ["dev", *line.split()], catch_exceptions=False, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result.stdout

    run("create -w owner --block-seconds 3600")
    return run


def events(tmp_path: Path) -> list[Any]:
    """What stands in the block to come."""
    with closing(Node(tmp_path / "chain.sqlite", lambda: time.time() + 3_600)) as node:
        return [entry.event for entry in node.events(0, node.head())]


def test_money_and_stake(dev: Dev, tmp_path: Path) -> None:
    """Tokens from the faucet are registered with, staked, and taken back."""
    wallets.create("miner", "default", tmp_path / "wallets")
    dev("faucet 100 -w miner")
    assert "holds uid 1" in dev("register -w miner --stake 10")
    assert "20 more from block 1 on" in dev("stake 20 -w miner")
    assert "up to 5 less from block 1 on" in dev("unstake 5 -w miner")
    amounts = [event.amount for event in events(tmp_path) if type(event).__name__ == "Staked"]
    assert amounts == [20 * 10**9, -5 * 10**9]


def test_the_owner_may_stake_on_another(dev: Dev, tmp_path: Path) -> None:
    """Stake goes on any hotkey that registered."""
    hotkey = wallets.create("miner", "default", tmp_path / "wallets").hotkey.ss58_address
    for name in ("miner", "owner"):
        dev(f"faucet 10 -w {name}")
    dev("register -w miner")
    assert hotkey in dev(f"stake 1 --on {hotkey} -w owner")


def test_rules_and_the_owners_hotkey(dev: Dev, tmp_path: Path) -> None:
    """A hyperparameter, a switch and the owner's hotkey are set by name."""
    assert dev("set tempo 5") == "tempo is 5 from block 1 on\n"
    dev("set commit_reveal_weights_enabled 1")
    dev(f"set owner_hotkey {ALICE}")
    assert [str(event) for event in events(tmp_path)] == [
        "Ruled(name='tempo', value=5)",
        "Ruled(name='commit_reveal_weights_enabled', value=1)",
        f"Owned(hotkey='{ALICE}')",
    ]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        pytest.param("set tempus 5", Code.ARGUMENT_INVALID, "tempus is no hyperparameter", id="no such rule"),
        pytest.param("set tempo 0", Code.ARGUMENT_INVALID, "tempo is from 1 to 65535", id="out of range"),
        pytest.param("set tempo x", Code.ARGUMENT_INVALID, "a whole number, not x", id="no number"),
        pytest.param("stake 1 -w owner", Code.CHAIN_REFUSED, "NotEnoughBalanceToStake", id="no money"),
        pytest.param("unstake 1 -w owner", Code.CHAIN_REFUSED, "NotEnoughStakeToWithdraw", id="no stake"),
        pytest.param("reveal 0:1 -w owner", Code.ARGUMENT_INVALID, "like 3=0.65", id="no pair"),
        pytest.param("reveal 0=nan -w owner", Code.ARGUMENT_INVALID, "finite", id="no weight"),
        pytest.param("reveal 0=1 -w owner", Code.CHAIN_REFUSED, "NoWeightsCommitFound", id="nothing sealed"),
        pytest.param("fault add drop --share 0", Code.ARGUMENT_INVALID, "a share is above 0", id="of no call"),
        pytest.param("fault clear 7", Code.ARGUMENT_INVALID, "there is no fault 7", id="no such fault"),
    ],
)
def test_refusals_say_why(dev: Dev, line: str, code: Code, words: str) -> None:
    """What means nothing, and what the chain does not do, is told with its code, and changes nothing."""
    with pytest.raises(PlatformError, match=words) as caught:
        dev(line)
    assert caught.value.code is code


def test_faults(dev: Dev) -> None:
    """A fault is begun, listed with its plan, and cleared."""
    assert json.loads(dev("fault add stall --seconds 5 --call submit --share .2 --until-block 9 --json")) == {"id": 1}
    dev("fault add error --name SettingWeightsTooFast --pid 77")
    stall, error = json.loads(dev("fault list --json"))
    plan = {"kind": "stall", "call": "submit", "share": 0.2, "seconds": 5.0, "name": "Unavailable", "after": False}
    assert stall == {"id": 1, "since": 0, "hits": 0, "plan": {**plan, "until_block": 9, "pid": None}}
    assert (error["plan"]["name"], error["plan"]["pid"]) == ("SettingWeightsTooFast", 77)
    shown = dev("fault list")
    assert "submit" in shown and "SettingWeightsTooFast" in shown and "0…9" in shown
    assert dev("fault clear 1") == "1 cleared\n"
    dev("fault clear")
    assert "no fault" in dev("fault list")


def test_everything_is_shown(dev: Dev, tmp_path: Path) -> None:
    """The overview holds neurons, rules and faults, as JSON and as tables."""
    dev("fault add stale")
    found = json.loads(dev("show --json"))
    owner = wallets.load("owner", "default", tmp_path / "wallets").hotkey.ss58_address
    assert (found["block"], found["epoch"], found["next_epoch"], found["owner_hotkey"]) == (0, 0, 20, owner)
    assert [(row["uid"], row["hotkey"], row["stake"], row["weights"]) for row in found["neurons"]] == [(0, owner, 0, {})]
    assert (found["rules"]["tempo"], found["rules"]["commit_reveal_weights_enabled"]) == (20, 0)
    assert [fault["plan"]["kind"] for fault in found["faults"]] == ["stale"]
    shown = dev("show")
    assert all(words in shown for words in ("subnet 1 at block 0", owner[:8], "tempo 20", "stale"))


def test_what_is_sealed_is_shown_and_opened(dev: Dev, tmp_path: Path) -> None:
    """Sealed weights stand in the overview with the beacon's round, and are opened as what is said to be inside.

    An epoch each block of an hour, three and a half hours old: sealed in block 3, and so open to block 4, the next.
    """
    path, begun = tmp_path / "old.sqlite", time.time() - 3.5 * 3_600
    owner = Hotkey(wallets.load("owner", "default", tmp_path / "wallets").hotkey.ss58_address)
    rules = Rules(tempo=1, commit_reveal_weights_enabled=True)
    whose = {"owner_coldkey": "cold", "owner_hotkey": owner}
    create(path, netuid=1, block_seconds=3_600.0, rules=rules, clock=lambda: begun, **whose)  # type: ignore[arg-type]
    with closing(Node(path, lambda: begun + 2.5 * 3_600)) as node:
        node.transact(lambda _: Sealed(owner, "ab", 77, Origin(owner, 0, "")))
    assert "opens at round 77" in dev(f"show --chain {path}")
    assert "are open from block 4 on" in dev(f"reveal 0=0.5 --block 3 --chain {path} --hotkey {owner}")
    with closing(Node(path, lambda: begun + 4.5 * 3_600)) as node:
        assert (node.state(4).neurons[0].weights, node.state(4).sealed) == (((0, 65_535),), ())
