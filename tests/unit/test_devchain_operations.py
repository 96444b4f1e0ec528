"""What a developer does to a chain by hand: create, fund, register, look."""

from pathlib import Path

import pytest

from neurons.chain.types import ChainUnavailable
from neurons.devchain.operations import BlockSummary, blocks, change, create, faucet, own, register, stake
from scoring.errors import Code, PlatformError
from scoring.types import Hotkey

HOTKEY, COLDKEY = Hotkey("hot"), "cold"


def a_chain(path: Path, **overrides: object) -> None:
    """Make a chain at second 100 with blocks of one second."""
    arguments = {"netuid": 7, "block_seconds": 1.0, "owner_coldkey": "oc", "owner_hotkey": Hotkey("oh"), "seed": bytes(32)}
    create(path, **{**arguments, **overrides}, clock=lambda: 100.0)  # type: ignore[arg-type]


def test_blocks_tell_what_happened(tmp_path: Path) -> None:
    """The newest blocks come first, each with a line per event."""
    path = tmp_path / "chain"
    a_chain(path)
    assert faucet(path, COLDKEY, 5_000_000_000, clock=lambda: 100.5) == 1
    assert register(path, HOTKEY, COLDKEY, 3, clock=lambda: 102.5) == 1
    found = blocks(path, 3, clock=lambda: 103.9)
    assert [(block.number, block.events) for block in found] == [
        (3, ("hot registered as uid 1",)),
        (2, ()),
        (1, ("faucet gave 5 to cold",)),
    ]
    assert len({block.hash for block in found}) == 3


def test_blocks_stop_at_the_first(tmp_path: Path) -> None:
    """A young chain has fewer blocks than were asked for."""
    a_chain(tmp_path / "chain")
    [first] = blocks(tmp_path / "chain", 10, clock=lambda: 100.0)
    assert first == BlockSummary(first.number, first.hash, ())


def test_a_chain_is_not_made_twice(tmp_path: Path) -> None:
    """A file that exists is never overwritten, and nothing unfinished stays beside it."""
    a_chain(tmp_path / "chain")
    before = (tmp_path / "chain").read_bytes()
    with pytest.raises(ChainUnavailable, match="exists already"):
        a_chain(tmp_path / "chain")
    assert (tmp_path / "chain").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["chain"]


def test_folders_are_made(tmp_path: Path) -> None:
    """The file's folder is made with it; a folder that cannot be is told."""
    a_chain(tmp_path / "a/b/chain")
    with pytest.raises(ChainUnavailable, match="cannot be written"):
        a_chain(tmp_path / "a/b/chain/below")


def test_seeds_differ(tmp_path: Path) -> None:
    """Without a seed two chains have different hashes."""
    hashes = set()
    for name in ("one", "two"):
        a_chain(tmp_path / name, seed=None)
        hashes |= {block.hash for block in blocks(tmp_path / name, 1, clock=lambda: 100.0)}
    assert len(hashes) == 2


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_blocks_take_time(tmp_path: Path, seconds: float) -> None:
    """A block time that is not positive is a wrong setting."""
    with pytest.raises(PlatformError, match="more than 0 s") as caught:
        a_chain(tmp_path / "chain", block_seconds=seconds)
    assert caught.value.code is Code.SETTING_INVALID


@pytest.mark.parametrize(
    ("amount", "stake", "name", "code"),
    [
        pytest.param(5, 6, "NotEnoughBalanceToStake", Code.CHAIN_REFUSED, id="too little money"),
        pytest.param(0, 0, "more than 0 rao", Code.ARGUMENT_INVALID, id="nothing from the faucet"),
    ],
)
def test_refusals_have_a_name(tmp_path: Path, amount: int, stake: int, name: str, code: Code) -> None:
    """What the chain does not do is told with the chain's own name."""
    a_chain(tmp_path / "chain")
    with pytest.raises(PlatformError, match=name) as caught:
        faucet(tmp_path / "chain", COLDKEY, amount, clock=lambda: 100.0)
        register(tmp_path / "chain", HOTKEY, COLDKEY, stake, clock=lambda: 100.0)
    assert caught.value.code is code


def test_everything_that_happens_has_a_line(tmp_path: Path) -> None:
    """Stake, rules and the owner's hotkey are told in the blocks, each by its own words."""
    path = tmp_path / "chain"
    a_chain(path)
    faucet(path, COLDKEY, 9_000_000_000, clock=lambda: 100.0)
    register(path, HOTKEY, COLDKEY, clock=lambda: 100.0)
    stake(path, HOTKEY, COLDKEY, 5_000_000_000, clock=lambda: 100.0)
    stake(path, HOTKEY, COLDKEY, -2_000_000_000, clock=lambda: 100.0)
    change(path, "tempo", 7, clock=lambda: 100.0)
    own(path, HOTKEY, clock=lambda: 100.0)
    assert blocks(path, 1, clock=lambda: 101.0)[0].events[2:] == (
        "cold staked 5 on hot",
        "cold took back 2 on hot",
        "tempo set to 7",
        "the owner's hotkey is hot",
    )


def test_fewer_slots_than_neurons_are_refused(tmp_path: Path) -> None:
    """A subnet is not made smaller than it is."""
    path = tmp_path / "chain"
    a_chain(path)
    register(path, HOTKEY, COLDKEY, clock=lambda: 100.0)
    with pytest.raises(PlatformError, match="MaxAllowedUIdsLessThanCurrentUIds") as caught:
        change(path, "max_uids", 1, clock=lambda: 100.0)
    assert caught.value.code is Code.CHAIN_REFUSED
    assert change(path, "max_uids", 2, clock=lambda: 100.0) == 1


def test_a_missing_chain_is_told(tmp_path: Path) -> None:
    """Nothing is made by looking."""
    with pytest.raises(ChainUnavailable, match="there is no development chain"):
        blocks(tmp_path / "chain", 1)
    assert list(tmp_path.iterdir()) == []
