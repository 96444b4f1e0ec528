"""Wallets on disk: keys are loaded at once, so that a missing file is told before anything else begins."""

from pathlib import Path

import bittensor as bt
from bittensor.sp_core import KeyfileError, WrongPasswordError

from scoring.errors import Code, PlatformError


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


def create(name: str, hotkey: str, path: Path) -> bt.Wallet:
    """A wallet for development: keys that exist are kept, missing ones are made, without a password."""
    wallet = _wallet(name, hotkey, path)
    if not wallet.coldkey_file.exists_on_device():
        wallet.create_new_coldkey(use_password=False, suppress=True)
    if not wallet.hotkey_file.exists_on_device():
        wallet.create_new_hotkey(use_password=False, suppress=True)
    return load(name, hotkey, path)


def _wallet(name: str, hotkey: str, path: Path) -> bt.Wallet:
    """Names are single folder names: the SDK would take a slash for its own shorthand."""
    for part in (name, hotkey):
        if not part or "/" in part or part in (".", ".."):
            raise PlatformError(Code.WALLET_MISSING, f"{part!r} is no name of a wallet or a hotkey.")
    return bt.Wallet(name, hotkey, str(path))
