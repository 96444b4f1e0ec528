"""Who may sign receipts: a validator's hotkey certifies a worker's service key, which holds no stake. All of it is pure data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from scoring.types import Hotkey

CERTIFICATE_DOMAIN = b"voice-certificate/1\n"
REVOCATIONS_DOMAIN = b"voice-revocations/1\n"
"""Put before what is signed, so that no signature can be taken for one of another kind."""


class CertificateInvalid(ValueError):
    """The certificate does not let its key sign; the message says why."""


class Verifier(Protocol):
    """Checks a signature (hex) of an ss58 address over a message; False for anything malformed."""

    def __call__(self, address: str, message: bytes, signature: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Certificate:
    """The hotkey `issuer` lets the key `service` (both ss58) sign what `host` judges until `not_after` (aware, UTC)."""

    issuer: Hotkey
    service: str
    host: str
    not_before: datetime
    not_after: datetime
    signature: str

    @property
    def message(self) -> bytes:
        """What the issuer signs."""
        return CERTIFICATE_DOMAIN + _canonical({name: value for name, value in self.to_json().items() if name != "signature"})

    @property
    def serial(self) -> str:
        """By which it is revoked: SHA-256 (hex) of what the issuer signs, 32 digits."""
        return hashlib.sha256(self.message).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data; times are ISO 8601 in UTC."""
        return asdict(self) | {"not_before": _text(self.not_before), "not_after": _text(self.not_after)}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """What `to_json` wrote; raises CertificateInvalid for anything else."""
        match data:
            case {
                "issuer": str(issuer),
                "service": str(service),
                "host": str(host),
                "not_before": str(not_before),
                "not_after": str(not_after),
                "signature": str(signature),
            } if isinstance(data, dict) and len(data) == 6:
                return cls(Hotkey(issuer), service, host, _time(not_before), _time(not_after), signature)
            case _:
                raise CertificateInvalid("the certificate does not have the form of one")


@dataclass(frozen=True, slots=True)
class Revocations:
    """The serials of certificates that an issuer took back, signed by it; `signature` is over the issuer and the sorted serials."""

    issuer: Hotkey
    serials: frozenset[str]
    signature: str

    @property
    def message(self) -> bytes:
        """What the issuer signs."""
        return REVOCATIONS_DOMAIN + _canonical({"issuer": self.issuer, "serials": sorted(self.serials)})

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data."""
        return {"issuer": self.issuer, "serials": sorted(self.serials), "signature": self.signature}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """What `to_json` wrote; raises CertificateInvalid for anything else."""
        match data:
            case {"issuer": str(issuer), "serials": list(serials), "signature": str(signature)} if all(
                isinstance(serial, str) for serial in serials
            ):
                return cls(Hotkey(issuer), frozenset(serials), signature)
            case _:
                raise CertificateInvalid("the list of revocations does not have the form of one")


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose certificates count: one issuer's, except those it took back. `verify` checks signatures."""

    issuer: Hotkey
    revoked: frozenset[str]
    verify: Verifier

    def check(self, certificate: Certificate, at: datetime) -> None:
        """Raise CertificateInvalid unless the certificate held at this (aware) time and is not revoked."""
        if certificate.issuer != self.issuer:
            raise CertificateInvalid(f"the certificate is of {certificate.issuer}, not of {self.issuer}")
        if not self.verify(certificate.issuer, certificate.message, certificate.signature):
            raise CertificateInvalid("the certificate's signature does not hold")
        if certificate.serial in self.revoked:
            raise CertificateInvalid(f"the certificate {certificate.serial} of {certificate.host} was revoked")
        if not certificate.not_before <= at <= certificate.not_after:
            span = f"{_text(certificate.not_before)} … {_text(certificate.not_after)}"
            raise CertificateInvalid(f"the certificate holds {span}: it had expired or not begun at {_text(at)}")


def revoked_by(revocations: Revocations, verify: Verifier) -> frozenset[str]:
    """The serials of a list; raises CertificateInvalid unless its issuer signed it."""
    if not verify(revocations.issuer, revocations.message, revocations.signature):
        raise CertificateInvalid("the signature of the list of revocations does not hold")
    return revocations.serials


def _canonical(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise CertificateInvalid(f"{text!r} is no ISO 8601 time") from exc
    if moment.tzinfo is None or _text(moment) != text:
        raise CertificateInvalid(f"{text!r} is not in UTC, to the second")
    return moment
