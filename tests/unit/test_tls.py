"""What is said of TLS that fails, and of URLs that lead to PgBouncer."""

import ssl
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from scoring.errors import Code, PlatformError
from voice_api import pooler, tls
from voice_api.settings import DispatcherSettings

PLAIN = "postgresql://w:p%40ss@host:5432/voice"


def verification(number: int) -> ssl.SSLCertVerificationError:
    """OpenSSL's refusal of a server's certificate."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code = number
    return error


def alert(name: str) -> ssl.SSLError:
    """What the other side sent before it closed."""
    error = ssl.SSLError(1, f"[SSL: {name}] it ended")
    error.reason = name
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        pytest.param(verification(10), "the server's certificate has expired", id="expired there"),
        pytest.param(verification(62), "for another host name than DATABASE_URL has", id="another name"),
        pytest.param(verification(19), "the authority whose certificate DATABASE_URL names", id="self-signed"),
        pytest.param(verification(20), "the authority whose certificate DATABASE_URL names", id="another authority"),
        pytest.param(alert("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "this host's certificate has expired", id="expired here"),
        pytest.param(alert("SSLV3_ALERT_CERTIFICATE_REVOKED"), "was revoked", id="revoked"),
        pytest.param(alert("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "DATABASE_URL names none", id="no certificate"),
        pytest.param(alert("TLSV1_ALERT_UNKNOWN_CA"), "does not know the authority", id="unknown there"),
        pytest.param(alert("WRONG_VERSION_NUMBER"), "does not speak TLS at the port in DATABASE_URL", id="no TLS"),
        pytest.param(alert("NO_PROTOCOLS_AVAILABLE"), "TLS failed (NO_PROTOCOLS_AVAILABLE)", id="anything else"),
    ],
)
def test_why_tls_failed_is_said(error: ssl.SSLError, said: str) -> None:
    """Also where another error came of it, as drivers have it."""
    outer = ConnectionError("gone")
    outer.__cause__ = error
    assert said in (tls.trouble(outer, "DATABASE_URL") or "")


def test_other_errors_are_not_about_tls() -> None:
    """A server that is not there has no certificate."""
    assert tls.trouble(ConnectionRefusedError(), "REDIS_URL") is None


@pytest.mark.parametrize(
    ("query", "missing"),
    [
        pytest.param("", None, id="no TLS"),
        pytest.param("?sslmode=verify-full&sslcert={there}&sslkey={there}", None, id="all there"),
        pytest.param("?sslcert={there}&sslkey=/none/key", "/none/key as sslkey", id="no key"),
        pytest.param("?ssl_ca_certs=/none/ca", "/none/ca as ssl_ca_certs", id="Redis' names"),
    ],
)
def test_a_file_that_is_not_there_is_named(tmp_path: Path, query: str, missing: str | None) -> None:
    """The first of them; a password never is."""
    (tmp_path / "file").touch()
    said = tls.missing_file(PLAIN + query.format(there=tmp_path / "file"), "DATABASE_URL")
    assert (said is None) is (missing is None)
    assert missing is None or (said is not None and missing in said and "p%40ss" not in said)


def test_the_mark_of_a_pooler_is_not_for_the_driver() -> None:
    """The rest of the URL stays, a path of a socket too."""
    assert pooler.without_mark(f"{PLAIN}?host=/run/x&pgbouncer=true") == f"{PLAIN}?host=/run/x"
    assert pooler.without_mark(PLAIN) == PLAIN
    assert (pooler.is_pooled(PLAIN), pooler.is_pooled(f"{PLAIN}?pgbouncer=true")) == (False, True)


def test_a_mark_that_says_neither_is_refused_when_settings_are_read() -> None:
    """No process starts on a guess."""
    with pytest.raises(ValidationError, match="pgbouncer= takes true alone"):
        DispatcherSettings(database_url=SecretStr(f"{PLAIN}?pgbouncer=1"), redis_url=SecretStr("redis://host"))


def test_what_needs_a_session_says_what_to_write() -> None:
    """Before anything is connected to."""
    pooler.insist_on_a_session(PLAIN)
    with pytest.raises(PlatformError, match="name PostgreSQL itself there, without pgbouncer=true") as refused:
        pooler.insist_on_a_session(f"{PLAIN}?pgbouncer=true")
    assert refused.value.code is Code.SETTING_INVALID


def test_the_certificates_of_urls_are_named_once() -> None:
    """Both URLs name the same one, as those of docker/hosts.py do; the authority's is not this host's."""
    urls = (f"{PLAIN}?sslrootcert=/ca&sslcert=/host.crt", "rediss://h?ssl_ca_certs=/ca&ssl_certfile=/host.crt", PLAIN)
    assert tls.certificates(*urls) == (Path("/host.crt"),)


def test_a_file_without_a_certificate_says_so(tmp_path: Path) -> None:
    """No date is made up."""
    (tmp_path / "host.crt").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", encoding="ascii")
    with pytest.raises(ValueError, match="holds no certificate"):
        tls.ends(tmp_path / "host.crt")
