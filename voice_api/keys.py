"""Service keys: made, kept in a file that only their owner reads, used to sign receipts; and signatures checked. The SDK's own keys."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from bittensor import sp_core

from scoring.certificate import Certificate, CertificateInvalid
from scoring.errors import Code, PlatformError

_SEED_BYTES = 32


def verify(address: str, message: bytes, signature: str) -> bool:
    """Whether the key of an ss58 address made this signature (hex, sr25519) over the message; False for anything malformed."""
    try:
        return bool(sp_core.verify(message, bytes.fromhex(signature), address))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A key that signs receipts and nothing else."""

    pair: sp_core.Keypair

    @classmethod
    def at(cls, path: Path) -> Self:
        """The key kept in a file (mode 600), made there if there is none; raises PlatformError(SERVICE_KEY_INVALID)."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                seed = bytes.fromhex(path.read_text(encoding="ascii"))
            else:
                seed = os.urandom(_SEED_BYTES)
                with os.fdopen(handle, "w", encoding="ascii") as file:
                    file.write(seed.hex())
            return cls(sp_core.Keypair.create_from_seed(seed))
        except (OSError, ValueError) as exc:
            raise PlatformError(Code.SERVICE_KEY_INVALID, f"{path} holds no service key") from exc

    @property
    def address(self) -> str:
        """Its ss58 address: what a certificate names."""
        return str(self.pair.ss58_address)

    def sign(self, message: bytes) -> str:
        """The signature, as hex."""
        return bytes(self.pair.sign(message)).hex()


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """A service key with its certificate: the worker's `Signer`."""

    key: ServiceKey
    certificate: Certificate

    def sign(self, message: bytes) -> str:
        """The signature, as hex."""
        return self.key.sign(message)


def certified(key: ServiceKey, path: Path) -> CertifiedKey:
    """The key with the certificate kept in a file; raises PlatformError(CERTIFICATE_INVALID) that says how to get one."""
    try:
        certificate = Certificate.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as exc:
        raise PlatformError(
            Code.CERTIFICATE_INVALID, f"there is no certificate {path} for the service key {key.address}"
        ) from exc
    except (ValueError, CertificateInvalid) as exc:
        raise PlatformError(Code.CERTIFICATE_INVALID, f"{path} is no certificate: {exc}") from exc
    if certificate.service != key.address:
        raise PlatformError(Code.CERTIFICATE_INVALID, f"{path} is for {certificate.service}, the service key is {key.address}")
    if not verify(certificate.issuer, certificate.message, certificate.signature):
        raise PlatformError(Code.CERTIFICATE_INVALID, f"the signature of {path} does not hold")
    return CertifiedKey(key, certificate)
