"""Wallets on disk: keys are loaded at once, so that a missing file is told before anything else begins."""

from pathlib import Path

import bittensor as bt
from bittensor.keyfiles import Keyfile
from bittensor.sp_core import KeyfileError, WrongPasswordError

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey


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


def coldkey_address(name: str, path: Path) -> str:
    """The ss58 address of the wallet's coldkey, by its public file; raises PlatformError(WALLET_MISSING) naming the file."""
    return _address(_wallet(name, "default", path).coldkeypub_file)


def create(name: str, hotkey: str, path: Path) -> bt.Wallet:
    """A wallet for development: keys that exist are kept, missing ones are made, without a password."""
    wallet = _wallet(name, hotkey, path)
    if not wallet.coldkey_file.exists_on_device():
        wallet.create_new_coldkey(use_password=False, suppress=True)
    if not wallet.hotkey_file.exists_on_device():
        wallet.create_new_hotkey(use_password=False, suppress=True)
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
