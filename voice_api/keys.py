"""Service keys: made, kept in a file that only their owner reads, used to sign receipts; and signatures checked. The SDK's own keys."""

import os
import re
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from bittensor import sp_core

from scoring import strict_json
from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Certificate, CertificateInvalid, Revocations, Trust, check_time, revoked_by
from scoring.types import Hotkey

_SEED = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")
"""Each is written in one way: a signature in other letters would be another receipt of the same meaning."""
_SHOWN = 12
"""Characters of what should have been an address that an error repeats."""


def verify(address: str, message: bytes, signature: str) -> bool:
    """Whether the key of an ss58 address made this signature (hex, sr25519) over the message; False for anything malformed."""
    try:
        return bool(_SIGNATURE.fullmatch(signature) and sp_core.verify(message, bytes.fromhex(signature), address))
    except ValueError:
        return False


def is_address(text: str) -> bool:
    """Whether a text is the address of a key, as `ServiceKey.address` writes it: the same key in another chain's format is none.

    Certificates and revocations name keys by this one spelling.
    """
    try:
        return bool(sp_core.ss58_encode(sp_core.ss58_decode(text)) == text)
    except ValueError:
        return False


def hotkey(text: str) -> Hotkey:
    """The hotkey that a person named by its ss58 address; raises ValueError, which says what to do, for any other text."""
    if is_address(text):
        return Hotkey(text)
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"  # a key phrase that was pasted here does not reach a log
    raise ValueError(f"{shown!r} is no ss58 address of 48 characters; `voice wallet address` prints a wallet's")


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A key that signs receipts and nothing else."""

    pair: sp_core.Keypair

    @classmethod
    def at(cls, path: Path) -> Self:
        """The key kept in a file, made there (mode 600) if there is none; raises PlatformError(SERVICE_KEY_INVALID).

        Processes that start at the same moment get the same key.
        """
        try:
            if not path.exists():
                _make(path)
        except OSError as exc:
            raise PlatformError(Code.SERVICE_KEY_INVALID, f"no service key can be made at {path} ({exc.strerror})") from exc
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> Self:
        """The key kept in a file: 64 hex digits; raises PlatformError(SERVICE_KEY_INVALID)."""
        try:
            digits = path.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as exc:
            raise PlatformError(Code.SERVICE_KEY_INVALID, f"the service key {path} cannot be read") from exc
        if not _SEED.fullmatch(digits):
            raise PlatformError(Code.SERVICE_KEY_INVALID, f"{path} holds no service key")
        return cls(sp_core.Keypair.create_from_seed(bytes.fromhex(digits)))

    @property
    def address(self) -> str:
        """Its ss58 address: what a certificate names."""
        return str(self.pair.ss58_address)

    def sign(self, message: bytes) -> str:
        """The signature, as hex."""
        return bytes(self.pair.sign(message)).hex()


def _make(path: Path) -> None:
    """Written under another name, then linked: whoever finds the file finds a whole key, and the first one made stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="ascii", dir=path.parent, prefix=".new-") as file:  # of mode 600
        file.write(os.urandom(32).hex())
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A service key with its certificate: the worker's `Signer`."""

    key: ServiceKey
    certificate: Certificate

    def sign(self, message: bytes) -> str:
        """The signature, as hex."""
        return self.key.sign(message)


def certified(key: ServiceKey, path: Path, at: datetime) -> CertifiedKey:
    """The key with the certificate kept in a file; raises PlatformError(CERTIFICATE_INVALID) that says how to get one.

    Refused are also certificates of another key, and those that have expired or not begun at this (aware) time.
    """
    how = f"for the service key {key.address} (`voice validator certify {key.address} --host NAME --out {path}`)"
    try:
        certificate = read_certificate(path)
        if certificate.service != key.address:
            raise CertificateInvalid(f"it is for the service key {certificate.service}")
        if not verify(certificate.issuer, certificate.message, certificate.signature):
            raise CertificateInvalid("its signature does not hold")
        check_time(certificate, at)
    except FileNotFoundError as exc:
        raise PlatformError(Code.CERTIFICATE_INVALID, f"there is no certificate {path} {how}") from exc
    except CertificateInvalid as exc:
        raise PlatformError(Code.CERTIFICATE_INVALID, f"{path} is no certificate {how}: {exc}") from exc
    return CertifiedKey(key, certificate)


def read_certificate(path: Path) -> Certificate:
    """The certificate kept in a file; raises CertificateInvalid, and FileNotFoundError where there is no file."""
    return Certificate.from_json(_read(path))


def trust(issuer: Hotkey, revocations: Path, issuers: frozenset[Hotkey] = frozenset()) -> Trust:
    """The issuers whose certificates count: those of `issuers` (none named: of this hotkey), except what this hotkey's own list takes back.

    Whoever trusts others' certificates can still take back any of them, by serial or by key. Without such a file nothing was revoked.
    Raises PlatformError(REVOCATIONS_INVALID) for a file that cannot be read, or is not a list that this hotkey signed.
    """
    return Trust(issuers or frozenset({issuer}), read_revocations(issuer, revocations), verify)


def read_revocations(issuer: Hotkey, path: Path) -> frozenset[str]:
    """The revocations of the list in a file, none where there is no file; raises PlatformError(REVOCATIONS_INVALID)."""
    try:
        return revoked_by(Revocations.from_json(_read(path)), issuer, verify)
    except FileNotFoundError:
        return frozenset()
    except CertificateInvalid as exc:
        raise PlatformError(Code.REVOCATIONS_INVALID, f"{path}: {exc}") from exc


def _read(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return strict_json.read_object(file.read(strict_json.MAX_BYTES + 1))
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise CertificateInvalid(f"it cannot be read ({exc.strerror})") from exc
    except ValueError as exc:
        raise CertificateInvalid(f"it is not JSON with one reading: {exc}") from exc
