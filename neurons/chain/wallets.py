"""Wallets on disk: keys are loaded at once, so that a missing file is told before anything else begins."""

from collections.abc import Callable
from pathlib import Path

import bittensor as bt
from bittensor.keyfiles import Keyfile
from bittensor.sp_core import KeyfileError, WrongPasswordError

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey

Words = Callable[[str, str], None]
"""Is told which key was made ("coldkey", "hotkey"), and the words that make it again."""


def load(name: str, hotkey: str, path: Path) -> bt.Wallet:
    """The wallet with its hotkey and the public part of its coldkey; raises PlatformError(WALLET_MISSING) naming the file."""
    wallet = _wallet(name, hotkey, path)
    for file in (wallet.coldkeypub_file, wallet.hotkey_file):
        if not file.exists_on_device():
            raise PlatformError(Code.WALLET_MISSING, f"There is no key file {file.path}.")
    try:
        _ = wallet.coldkeypub, wallet.hotkey
    except (KeyfileError, WrongPasswordError, OSError, ValueError) as exc:
        raise PlatformError(Code.WALLET_MISSING, f"The keys of {wallet.name}/{wallet.hotkey_str} cannot be read: {exc}") from exc
    return wallet


def hotkey_address(name: str, hotkey: str, path: Path) -> Hotkey:
    """The hotkey's ss58 address, by its public file where there is one; raises PlatformError(WALLET_MISSING) naming the file."""
    wallet = _wallet(name, hotkey, path)
    public = wallet.hotkeypub_file.exists_on_device()  # wallets of older tools have none
    return Hotkey(_address(wallet.hotkeypub_file if public else wallet.hotkey_file))


def check(name: str, hotkey: str, path: Path) -> None:
    """Raise PlatformError(WALLET_MISSING) unless the files that `load` reads are there, and the hotkey's is not encrypted.

    No key is read.
    """
    wallet = _wallet(name, hotkey, path)
    for file in (wallet.coldkeypub_file, wallet.hotkey_file):
        if not file.exists_on_device():
            raise PlatformError(Code.WALLET_MISSING, f"There is no key file {file.path}.")
    try:
        encrypted = wallet.hotkey_file.is_encrypted()
    except (KeyfileError, OSError) as exc:
        raise PlatformError(Code.WALLET_MISSING, f"The key file {wallet.hotkey_file.path} cannot be read: {exc}") from exc
    if encrypted:
        raise PlatformError(
            Code.WALLET_MISSING, f"The key file {wallet.hotkey_file.path} is encrypted: no process can sign with it."
        )


def coldkey_address(name: str, path: Path) -> str:
    """The ss58 address of the wallet's coldkey, by its public file; raises PlatformError(WALLET_MISSING) naming the file."""
    return _address(_wallet(name, "default", path).coldkeypub_file)


def has_coldkey(name: str, path: Path) -> bool:
    """Whether the wallet has a coldkey of its own here, or the public half of one that is kept elsewhere."""
    wallet = _wallet(name, "default", path)
    return bool(wallet.coldkey_file.exists_on_device() or wallet.coldkeypub_file.exists_on_device())


def create(
    name: str, hotkey: str, path: Path, *, password: str | None = None, words: Words = lambda _key, _words: None
) -> bt.Wallet:
    """A wallet: keys that exist are kept, missing ones are made.

    A coldkey is encrypted with the password where there is one, a hotkey never is. `words` is told each new key's mnemonic; it is
    printed nowhere. Raises PlatformError(WALLET_MISSING) where the files cannot be written or read.
    """
    wallet = _wallet(name, hotkey, path)
    try:
        if not has_coldkey(name, path):
            wallet.create_new_coldkey(
                use_password=password is not None, coldkey_password=password, on_mnemonic=lambda said: words("coldkey", said)
            )
        if not wallet.hotkey_file.exists_on_device():
            wallet.create_new_hotkey(use_password=False, on_mnemonic=lambda said: words("hotkey", said))
    except (KeyfileError, OSError) as exc:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else exc
        raise PlatformError(Code.WALLET_MISSING, f"The keys of {name}/{hotkey} cannot be written below {path}: {why}.") from exc
    return load(name, hotkey, path)


def _address(file: Keyfile) -> str:
    """The ss58 address of the key in a file that is not encrypted: nobody is asked for a password."""
    if not file.exists_on_device():
        raise PlatformError(Code.WALLET_MISSING, f"There is no key file {file.path}.")
    try:
        if file.is_encrypted():
            raise PlatformError(
                Code.WALLET_MISSING, f"The key file {file.path} is encrypted, and there is no public one beside it."
            )
        return str(file.get_keypair().ss58_address)
    except (KeyfileError, OSError, ValueError) as exc:
        raise PlatformError(Code.WALLET_MISSING, f"The key file {file.path} cannot be read: {exc}") from exc


def _wallet(name: str, hotkey: str, path: Path) -> bt.Wallet:
    """Names are single folder names: the SDK would take a slash for its own shorthand."""
    for part in (name, hotkey):
        if not part or "/" in part or part in (".", ".."):
            raise PlatformError(Code.WALLET_MISSING, f"{part!r} is no name of a wallet or a hotkey.")
    return bt.Wallet(name, hotkey, str(path))
