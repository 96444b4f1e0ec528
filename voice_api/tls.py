"""TLS to PostgreSQL and Redis, as people hear of it: why a connection was not made, and which files a URL names."""

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl, urlsplit

_FILES = ("sslrootcert", "sslcert", "sslkey", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
"""What PostgreSQL's and Redis' URLs call the files of certificates and keys."""
_OWN = ("sslcert", "ssl_certfile")
"""What they call this host's certificate."""
_TIMES = re.compile(rb"\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z")
"""The two times of a certificate, in DER: of two digits for the year until 2049, of four after that."""
_BOTH = 2
_EXPIRED, _NOT_YET, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64
"""OpenSSL's numbers of why a certificate is not taken; any other is an issuer that is not known."""
_VERIFICATIONS: Mapping[int, str] = MappingProxyType(
    {
        _EXPIRED: "the server's certificate has expired",
        _NOT_YET: "the server's certificate is not valid yet: compare the clocks",
        _OTHER_NAME: "the server's certificate is for another host name than {variable} has",
        _OTHER_ADDRESS: "the server's certificate is for another host name than {variable} has",
    }
)
_UNKNOWN = "the server's certificate is not of the authority whose certificate {variable} names"
_ALERTS: Mapping[str, str] = MappingProxyType(
    {
        "CERTIFICATE_EXPIRED": "the server says that this host's certificate has expired",
        "CERTIFICATE_REVOKED": "the server says that this host's certificate was revoked",
        "CERTIFICATE_REQUIRED": "the server asks for a certificate, and {variable} names none",
        "UNKNOWN_CA": "the server does not know the authority that signed this host's certificate",
        "BAD_CERTIFICATE": "the server does not take this host's certificate",
        "WRONG_VERSION_NUMBER": "the server does not speak TLS at the port in {variable}",
        "KEY_VALUES_MISMATCH": "the certificate and the key that {variable} names do not belong together",
    }
)
"""The ends of OpenSSL's names of what went wrong."""


def trouble(error: BaseException, variable: str) -> str | None:
    """Why TLS failed where that is what an error, or one that led to it, is about; `variable` holds the URL. None for any other error."""
    failed = next((each for each in _led_to(error) if isinstance(each, ssl.SSLError)), None)
    if failed is None:
        return None
    if isinstance(failed, ssl.SSLCertVerificationError):
        return _VERIFICATIONS.get(failed.verify_code, _UNKNOWN).format(variable=variable)
    reason = failed.reason or "no reason given"
    said = next((words for end, words in _ALERTS.items() if reason.endswith(end)), f"TLS failed ({reason})")
    return said.format(variable=variable)


def missing_file(url: str, variable: str) -> str | None:
    """The file of a certificate or a key that a URL names and this user cannot read, in a sentence; None where all is there."""
    for name, value in parse_qsl(urlsplit(url).query):
        if name in _FILES and not (Path(value).is_file() and os.access(value, os.R_OK)):
            return f"{variable} names {value} as {name}, and this user can read no such file"
    return None


def certificates(*urls: str) -> tuple[Path, ...]:
    """The files of this host's own certificates that URLs name, each once."""
    named = (pair for url in urls for pair in parse_qsl(urlsplit(url).query))
    return tuple(dict.fromkeys(Path(value) for name, value in named if name in _OWN))


def ends(certificate: Path) -> datetime:
    """When a certificate in a PEM file ends; raises ValueError for a file that holds none, and OSError."""
    times = _TIMES.findall(ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii").strip()))
    if len(times) < _BOTH:
        raise ValueError(f"{certificate} holds no certificate")
    short, long = times[1]
    text = long or (b"20" + short)
    return datetime.strptime(text.decode("ascii"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _led_to(error: BaseException) -> Iterator[BaseException]:
    """An error, and those before it."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
