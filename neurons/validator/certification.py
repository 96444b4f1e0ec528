"""Certificates of service keys, and their revocation: the documents that a validator's hotkey signs besides weights."""

import json
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import bittensor as bt

from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Certificate, CertificateInvalid, issue, revoke
from scoring.types import Hotkey
from voice_api.keys import read_revocations

_CLOCKS_DIFFER = timedelta(minutes=10)
"""A certificate begins a little before it is made: the worker's clock may be behind this one."""


def certify(wallet: bt.Wallet, service: str, host: str, lasts: timedelta, now: datetime) -> Certificate:
    """Let a service key (ss58) sign the receipts of `host`, from now (an aware time) on; raises PlatformError(ARGUMENT_INVALID)."""
    unsigned = Certificate(
        issuer=_hotkey(wallet), service=service, host=host, not_before=now - _CLOCKS_DIFFER, not_after=now + lasts, signature=""
    )
    try:
        return issue(unsigned, lambda message: bytes(wallet.hotkey.sign(message)).hex())
    except CertificateInvalid as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"This cannot be certified: {exc}") from exc


def take_back(wallet: bt.Wallet, path: Path, names: frozenset[str]) -> frozenset[str]:
    """Add serials of certificates, or addresses of service keys, to the list in a file, and sign it; the whole list.

    Raises PlatformError: REVOCATIONS_INVALID where the file holds no list of this wallet's, SETTING_INVALID where it cannot be written.
    """
    revoked = read_revocations(_hotkey(wallet), path) | names
    signed = revoke(_hotkey(wallet), revoked, lambda message: bytes(wallet.hotkey.sign(message)).hex())
    write(path, signed.to_json())
    return revoked


def write(path: Path, document: dict[str, object]) -> None:
    """Keep a signed document in a file that everybody may read, all or nothing; raises PlatformError(SETTING_INVALID)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".new-", delete=False) as file:
            json.dump(document, file, indent=1, allow_nan=False)
        new = Path(file.name)
        new.chmod(0o644)
        new.replace(path)
    except OSError as exc:
        raise PlatformError(Code.SETTING_INVALID, f"{path} cannot be written ({exc.strerror})") from exc


def _hotkey(wallet: bt.Wallet) -> Hotkey:
    return Hotkey(wallet.hotkey.ss58_address)
