"""Wallets: made once, loaded at once, and what is missing is named."""

from pathlib import Path

import bittensor as bt
import pytest
from bittensor.sp_core import Keypair

from neurons.chain.wallets import check, coldkey_address, create, hotkey_address, load
from scoring.errors import Code, PlatformError


def test_what_was_made_is_loaded(tmp_path: Path) -> None:
    """The same keys come back, and making them again keeps them."""
    made = create("alice", "voice", tmp_path)
    again = create("alice", "voice", tmp_path)
    loaded = load("alice", "voice", tmp_path)
    assert {wallet.hotkey.ss58_address for wallet in (made, again, loaded)} == {made.hotkey.ss58_address}
    assert loaded.hotkey.sign(b"x") is not None


def test_the_words_of_new_keys_are_told_once_and_printed_nowhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each makes its key again; keys that are kept have none to tell."""
    told: dict[str, str] = {}
    made = create("alice", "voice", tmp_path, words=told.__setitem__)
    again = {key: Keypair.create_from_mnemonic(words).ss58_address for key, words in told.items()}
    assert again == {"coldkey": made.coldkeypub.ss58_address, "hotkey": made.hotkey.ss58_address}
    create("alice", "voice", tmp_path, words=lambda *_: pytest.fail("no key is new"))
    assert capsys.readouterr() == ("", "")


def test_a_coldkey_that_is_kept_elsewhere_is_not_made_anew(tmp_path: Path) -> None:
    """Its public half is a wallet that gets another hotkey."""
    made = create("alice", "one", tmp_path)
    (tmp_path / "alice" / "coldkey").unlink()
    again = create("alice", "two", tmp_path)
    assert again.coldkeypub.ss58_address == made.coldkeypub.ss58_address
    assert not (tmp_path / "alice" / "coldkey").exists()


@pytest.mark.slow
def test_a_coldkey_with_a_password_is_encrypted(tmp_path: Path) -> None:
    """The hotkey beside it is not: daemons sign with it."""
    made = create("alice", "voice", tmp_path, password="correct horse")
    assert (made.coldkey_file.is_encrypted(), made.hotkey_file.is_encrypted()) == (True, False)


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


@pytest.mark.parametrize("number", range(8))
def test_the_addresses_of_a_wallet_as_the_sdk_writes_it(tmp_path: Path, number: int) -> None:
    """The SDK writes the names of a key file in another order each time: the addresses are right in whichever."""
    wallet = bt.Wallet(f"w{number}", "h", str(tmp_path))
    wallet.create_new_coldkey(use_password=False, suppress=True)
    wallet.create_new_hotkey(use_password=False, suppress=True)
    assert hotkey_address(f"w{number}", "h", tmp_path) == wallet.hotkey.ss58_address
    assert coldkey_address(f"w{number}", tmp_path) == wallet.coldkeypub.ss58_address


def test_a_hotkey_without_a_public_file_has_an_address(tmp_path: Path) -> None:
    """Older tools wrote none: the key itself tells it."""
    wallet = bt.Wallet("w", "h", str(tmp_path))
    wallet.create_new_hotkey(use_password=False, suppress=True)
    (tmp_path / "w" / "hotkeys" / "hpub.txt").unlink()
    assert hotkey_address("w", "h", tmp_path) == wallet.hotkey.ss58_address


@pytest.mark.parametrize(
    "by_the_sdk",
    [
        pytest.param(False, id="by its first bytes"),
        pytest.param(True, marks=pytest.mark.slow, id="as the SDK encrypts it, for seconds"),
    ],
)
def test_nobody_is_asked_for_the_password_of_an_encrypted_hotkey(tmp_path: Path, by_the_sdk: bool) -> None:
    """Without a public file beside it the address cannot be told: the error says what lacks."""
    wallet = bt.Wallet("w", "h", str(tmp_path))
    wallet.create_new_hotkey(use_password=False, hotkey_password="secret" if by_the_sdk else None, suppress=True)
    (tmp_path / "w" / "hotkeys" / "hpub.txt").unlink()
    if not by_the_sdk:
        (tmp_path / "w" / "hotkeys" / "h").write_bytes(b"$NACL" + bytes(613))
    with pytest.raises(PlatformError, match="is encrypted") as caught:
        hotkey_address("w", "h", tmp_path)
    assert caught.value.code is Code.WALLET_MISSING


def test_no_address_of_a_wallet_that_is_not_there(tmp_path: Path) -> None:
    """The file that is missing is named."""
    with pytest.raises(PlatformError, match=r"coldkeypub\.txt"):
        coldkey_address("nobody", tmp_path)
    with pytest.raises(PlatformError, match="hotkeys/h"):
        hotkey_address("nobody", "h", tmp_path)


def test_a_wallet_is_looked_at_without_its_keys(tmp_path: Path) -> None:
    """What is missing is named, and a hotkey that nobody can sign with."""
    create("alice", "voice", tmp_path)
    check("alice", "voice", tmp_path)
    with pytest.raises(PlatformError, match="hotkeys/other") as missing:
        check("alice", "other", tmp_path)
    (tmp_path / "alice" / "hotkeys" / "voice").write_bytes(b"$NACL" + bytes(80))
    with pytest.raises(PlatformError, match="is encrypted") as encrypted:
        check("alice", "voice", tmp_path)
    assert {missing.value.code, encrypted.value.code} == {Code.WALLET_MISSING}
