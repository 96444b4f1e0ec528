"""Wallets: made once, loaded at once, and what is missing is named."""

from pathlib import Path

import pytest

from neurons.chain.wallets import create, load
from scoring.errors import Code, PlatformError


def test_what_was_made_is_loaded(tmp_path: Path) -> None:
    """The same keys come back, and making them again keeps them."""
    made = create("alice", "voice", tmp_path)
    again = create("alice", "voice", tmp_path)
    loaded = load("alice", "voice", tmp_path)
    assert {wallet.hotkey.ss58_address for wallet in (made, again, loaded)} == {made.hotkey.ss58_address}
    assert loaded.hotkey.sign(b"x") is not None


def test_a_second_hotkey_shares_the_coldkey(tmp_path: Path) -> None:
    """Another hotkey of the same wallet has the same coldkey."""
    first, second = create("alice", "one", tmp_path), create("alice", "two", tmp_path)
    assert first.coldkeypub.ss58_address == second.coldkeypub.ss58_address
    assert first.hotkey.ss58_address != second.hotkey.ss58_address


@pytest.mark.parametrize(
    ("remove", "named"),
    [
        pytest.param("alice/coldkeypub.txt", "coldkeypub.txt", id="public coldkey"),
        pytest.param("alice/hotkeys/voice", "hotkeys/voice", id="hotkey"),
    ],
)
def test_names_the_missing_file(tmp_path: Path, remove: str, named: str) -> None:
    """The error tells which file is missing, and has the code for it."""
    create("alice", "voice", tmp_path)
    (tmp_path / remove).unlink()
    with pytest.raises(PlatformError, match=named) as caught:
        load("alice", "voice", tmp_path)
    assert caught.value.code is Code.WALLET_MISSING


def test_needs_no_private_coldkey(tmp_path: Path) -> None:
    """A daemon's wallet holds no private coldkey."""
    create("alice", "voice", tmp_path)
    (tmp_path / "alice/coldkey").unlink()
    assert load("alice", "voice", tmp_path).coldkeypub.ss58_address


def test_a_damaged_key_is_told(tmp_path: Path) -> None:
    """A key file that is not one is told in one sentence."""
    create("alice", "voice", tmp_path)
    file = tmp_path / "alice/hotkeys/voice"
    file.chmod(0o600)
    file.write_text("not a key")
    with pytest.raises(PlatformError, match="cannot be read") as caught:
        load("alice", "voice", tmp_path)
    assert caught.value.code is Code.WALLET_MISSING


@pytest.mark.parametrize("name", ["", "a/b", "..", "."])
def test_a_name_is_one_folder(tmp_path: Path, name: str) -> None:
    """A name that is not a folder's name is refused before any file is touched."""
    for arguments in ((name, "voice"), ("alice", name)):
        with pytest.raises(PlatformError, match="no name"):
            create(*arguments, tmp_path)
    assert list(tmp_path.iterdir()) == []
