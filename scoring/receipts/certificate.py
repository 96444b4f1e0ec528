"""The right to sign receipts: a validator's hotkey certifies a worker's service key, which holds no stake. All of it is pure data."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol, Self

from scoring import canonical_json
from scoring.types import Hotkey

CERTIFICATE_DOMAIN = b"voice-certificate/1\n"
REVOCATIONS_DOMAIN = b"voice-revocations/1\n"
"""Put before what is signed, so that no signature can be taken for one of another kind."""

_ADDRESS = re.compile(r"[0-9A-Za-z]{1,64}")
_HOST = re.compile(r"[\w.-]{1,64}", re.ASCII)
"""People are shown this text of strangers: nothing in it may move a cursor."""


class CertificateInvalid(ValueError):
    """The certificate does not let its key sign; the message says why."""


class Verifier(Protocol):
    """Checks a signature (hex) of an ss58 address over a message; False for anything malformed."""

    def __call__(self, address: str, message: bytes, signature: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
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
        """The bytes that the issuer signs."""
        return CERTIFICATE_DOMAIN + canonical_json.encode(
            {name: value for name, value in self.to_json().items() if name != "signature"}
        )

    @property
    def serial(self) -> str:
        """The name by which it is revoked: SHA-256 (hex) of the bytes that the issuer signs, 32 digits."""
        return hashlib.sha256(self.message).hexdigest()[:32]

    def to_json(self) -> dict[str, Any]:
        """The certificate as plain JSON data; times are ISO 8601 in UTC."""
        return asdict(self) | {"not_before": _text(self.not_before), "not_after": _text(self.not_after)}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The document that `to_json` wrote; raises CertificateInvalid for anything else."""
        match data:
            case {
                "issuer": str(issuer),
                "service": str(service),
                "host": str(host),
                "not_before": str(not_before),
                "not_after": str(not_after),
                "signature": str(signature),
            } if isinstance(data, dict) and len(data) == 6:
                _check_names(issuer, service, host)
                return cls(
                    issuer=Hotkey(issuer),
                    service=service,
                    host=host,
                    not_before=moment(not_before),
                    not_after=moment(not_after),
                    signature=signature,
                )
            case _:
                raise CertificateInvalid("the certificate does not have the form of one")


@dataclass(frozen=True, slots=True)
class Revocations:
    """An issuer's signed list of revocations: serials of certificates, and addresses of keys whose every certificate is revoked.

    `signature` is over the issuer and the sorted list.
    """

    issuer: Hotkey
    revoked: frozenset[str]
    signature: str

    @property
    def message(self) -> bytes:
        """The bytes that the issuer signs."""
        return REVOCATIONS_DOMAIN + canonical_json.encode({"issuer": self.issuer, "revoked": sorted(self.revoked)})

    def to_json(self) -> dict[str, Any]:
        """The list as plain JSON data."""
        return {"issuer": self.issuer, "revoked": sorted(self.revoked), "signature": self.signature}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The document that `to_json` wrote; raises CertificateInvalid for anything else."""
        match data:
            case {"issuer": str(issuer), "revoked": list(revoked), "signature": str(signature)} if (
                isinstance(data, dict) and len(data) == 3 and _are_names([issuer]) and _are_names(revoked)
            ):
                return cls(Hotkey(issuer), frozenset(revoked), signature)
            case _:
                raise CertificateInvalid("the list of revocations does not have the form of one")


@dataclass(frozen=True, slots=True)
class Trust:
    """The certificates that count: those of the issuers, except the revoked ones, by serial or by key. `verify` checks signatures."""

    issuers: frozenset[Hotkey]
    revoked: frozenset[str]
    verify: Verifier

    def check(self, certificate: Certificate, at: datetime) -> None:
        """Raise CertificateInvalid unless the certificate held at this (aware) time and is not revoked."""
        if certificate.issuer not in self.issuers:
            raise CertificateInvalid(f"the certificate is of {certificate.issuer}, not of {' or '.join(sorted(self.issuers))}")
        if not self.verify(certificate.issuer, certificate.message, certificate.signature):
            raise CertificateInvalid("the certificate's signature does not hold")
        if certificate.serial in self.revoked:
            raise CertificateInvalid(f"the certificate {certificate.serial} of {certificate.host} was revoked")
        if certificate.service in self.revoked:
            raise CertificateInvalid(f"the service key {certificate.service} of {certificate.host} was revoked")
        check_time(certificate, at)


def check_time(certificate: Certificate, at: datetime) -> None:
    """Raise CertificateInvalid unless this (aware) time lies in the certificate's."""
    if at < certificate.not_before:
        raise CertificateInvalid(f"the certificate begins at {_text(certificate.not_before)}, after {_text(at)}")
    if at > certificate.not_after:
        raise CertificateInvalid(f"the certificate expired at {_text(certificate.not_after)}, before {_text(at)}")


def issue(unsigned: Certificate, sign: Callable[[bytes], str]) -> Certificate:
    """The certificate with its issuer's signature (hex), its times cut to the second; raises CertificateInvalid for wrong terms."""
    _check_names(unsigned.issuer, unsigned.service, unsigned.host)
    cut = replace(unsigned, not_before=_to_the_second(unsigned.not_before), not_after=_to_the_second(unsigned.not_after))
    if cut.not_before >= cut.not_after:
        raise CertificateInvalid("the certificate ends before it begins")
    return replace(cut, signature=sign(cut.message))


def revoke(issuer: Hotkey, revoked: frozenset[str], sign: Callable[[bytes], str]) -> Revocations:
    """A list of revocations with its issuer's signature (hex)."""
    unsigned = Revocations(issuer, revoked, "")
    return replace(unsigned, signature=sign(unsigned.message))


def revoked_by(revocations: Revocations, issuer: Hotkey, verify: Verifier) -> frozenset[str]:
    """The serials and addresses that a list revokes; raises CertificateInvalid unless this issuer signed it."""
    if revocations.issuer != issuer:
        raise CertificateInvalid(f"the list of revocations is of {revocations.issuer}, not of {issuer}")
    if not verify(revocations.issuer, revocations.message, revocations.signature):
        raise CertificateInvalid("the signature of the list of revocations does not hold")
    return revocations.revoked


def _check_names(issuer: str, service: str, host: str) -> None:
    if not (_ADDRESS.fullmatch(issuer) and _ADDRESS.fullmatch(service) and _HOST.fullmatch(host)):
        raise CertificateInvalid("a certificate names two addresses, and a host of 1 to 64 letters, digits, dots and dashes")


def _are_names(names: list[Any]) -> bool:
    """Say whether these are serials or addresses, in order, each once."""
    fit = all(isinstance(name, str) and _ADDRESS.fullmatch(name) for name in names)
    return fit and names == sorted(set(names))


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")


def _to_the_second(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(microsecond=0)


def moment(text: str) -> datetime:
    """The time that a text like 2026-11-22T10:00:00+00:00 names; raises CertificateInvalid for any other way to write one."""
    try:
        time = datetime.fromisoformat(text)
        canonical = _text(time) if time.tzinfo is not None else ""
    except (ValueError, OverflowError) as exc:
        raise CertificateInvalid(f"{text[:40]!r} is no ISO 8601 time") from exc
    if canonical != text:
        raise CertificateInvalid(f"{text[:40]!r} is not in UTC, to the second")
    return time
