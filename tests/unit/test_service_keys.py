"""Service keys and their certificates in files."""

import json
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bittensor import sp_core

from scoring.errors import Code, PlatformError
from scoring.receipts.certificate import Certificate, issue, revoke
from scoring.types import Hotkey
from voice_api.keys import CertifiedKey, ServiceKey, certified, is_address, read_revocations, trust, verify

ISSUER, STRANGER = (ServiceKey(sp_core.Keypair.create_from_seed(bytes([n]) * 32)) for n in (1, 2))
ME = Hotkey(ISSUER.address)
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def a_certificate(key: ServiceKey, **overrides: object) -> Certificate:
    """Of a key, for a day before and after now."""
    unsigned = Certificate(issuer=ME, service=key.address, host="host-1", not_before=NOW - DAY, not_after=NOW + DAY, signature="")
    return issue(replace(unsigned, **overrides), ISSUER.sign)  # type: ignore[arg-type]


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """The file is mode 600 from its first moment, and the same key comes back."""
    path = tmp_path / "new" / "service.key"
    key = ServiceKey.at(path)
    assert ServiceKey.at(path).address == ServiceKey.read(path).address == key.address
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["service.key"]
    assert verify(key.address, b"x", key.sign(b"x"))
    assert not verify(key.address, b"y", key.sign(b"x"))


def test_processes_that_start_together_get_one_key(tmp_path: Path) -> None:
    """Nobody reads half a file, and the first key made stays."""
    with ThreadPoolExecutor(8) as threads:
        keys = list(threads.map(lambda _: ServiceKey.at(tmp_path / "service.key").address, range(32)))
    assert len(set(keys)) == 1


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="nothing"),
        pytest.param("ab" * 31, id="too short"),
        pytest.param("ab" * 64, id="too long"),
        pytest.param("zz" * 32, id="no hex"),
        pytest.param("AB" * 32, id="other letters"),
        pytest.param("é" * 64, id="no ASCII"),
    ],
)
def test_a_broken_key_is_told_and_kept(tmp_path: Path, content: str) -> None:
    """What is in the file is somebody's: it is not overwritten, and not shown."""
    path = tmp_path / "service.key"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(PlatformError, match="service key") as caught:
        ServiceKey.at(path)
    assert caught.value.code is Code.SERVICE_KEY_INVALID
    assert path.read_text(encoding="utf-8") == content
    assert not content or content not in str(caught.value)


def test_a_mounted_key_may_end_with_a_line_break(tmp_path: Path) -> None:
    """As an editor leaves it."""
    path = tmp_path / "service.key"
    path.write_text(f"{'01' * 32}\n")
    assert ServiceKey.read(path).address == ISSUER.address


def test_a_place_that_takes_no_key_is_told(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "file").touch()
    with pytest.raises(PlatformError, match="service key") as caught:
        ServiceKey.at(tmp_path / "file" / "service.key")
    assert caught.value.code is Code.SERVICE_KEY_INVALID


def test_a_certified_key_signs(tmp_path: Path) -> None:
    """Key and certificate belong together."""
    key = ServiceKey.at(tmp_path / "service.key")
    path = tmp_path / "cert.json"
    path.write_text(json.dumps(a_certificate(key).to_json()))
    found = certified(key, path, NOW)
    assert found == CertifiedKey(key, found.certificate)
    assert verify(found.certificate.service, b"x", found.sign(b"x"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(None, "there is no certificate", id="no file"),
        pytest.param("", "not JSON", id="an empty file"),
        pytest.param("[]", "not an object", id="a list"),
        pytest.param('{"host": NaN}', "NaN", id="NaN"),
        pytest.param('{"host": "a", "host": "b"}', "twice", id="a name twice"),
        pytest.param('{"host": "a"}', "form", id="not the form of one"),
        pytest.param("[" * 100_000, "deeply", id="bottomless"),
        pytest.param(a_certificate(STRANGER), f"for the service key {STRANGER.address}", id="another key's"),
        pytest.param(lambda key: replace(a_certificate(key), host="host-2"), "signature does not hold", id="changed"),
        pytest.param(lambda key: a_certificate(key, not_after=NOW - timedelta(seconds=1)), "expired", id="expired"),
        pytest.param(lambda key: a_certificate(key, not_before=NOW + timedelta(seconds=1)), "begins", id="not begun"),
    ],
)
def test_without_a_valid_certificate_the_key_is_told_how_to_get_one(
    tmp_path: Path, content: Callable[[ServiceKey], Certificate] | Certificate | str | None, reason: str
) -> None:
    """The line carries the address and the command that certifies it."""
    key, path = ServiceKey.at(tmp_path / "service.key"), tmp_path / "cert.json"
    given = content(key) if callable(content) else content
    if given is not None:
        path.write_text(given if isinstance(given, str) else json.dumps(given.to_json()))
    with pytest.raises(PlatformError, match=reason) as caught:
        certified(key, path, NOW)
    assert caught.value.code is Code.CERTIFICATE_INVALID
    assert f"voice validator certify {key.address} --host NAME --out {path}" in str(caught.value)


def test_a_missing_list_revokes_nothing(tmp_path: Path) -> None:
    """And one that is there is believed."""
    path = tmp_path / "revocations.json"
    assert trust(ME, path).revoked == frozenset()
    path.write_text(json.dumps(revoke(ME, frozenset({"0" * 32}), ISSUER.sign).to_json()))
    assert trust(ME, path).revoked == {"0" * 32}


def test_who_trusts_several_certifiers_takes_back_for_itself(tmp_path: Path) -> None:
    """Named hotkeys count in place of one's own alone, and one's own list holds against all of them."""
    path, other = tmp_path / "revocations.json", Hotkey(STRANGER.address)
    path.write_text(json.dumps(revoke(ME, frozenset({"0" * 32}), ISSUER.sign).to_json()))
    assert trust(ME, path).issuers == {ME}
    several = trust(ME, path, frozenset({ME, other}))
    assert several.issuers == {ME, other}
    assert several.revoked == {"0" * 32}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="no JSON"),
        pytest.param('{"issuer": "a", "revoked": [], "signature": ""}', id="of somebody else"),
        pytest.param(json.dumps(revoke(Hotkey(STRANGER.address), frozenset(), STRANGER.sign).to_json()), id="a stranger's"),
        pytest.param(json.dumps(revoke(ME, frozenset(), STRANGER.sign).to_json()), id="signed by a stranger"),
    ],
)
def test_a_list_that_does_not_hold_is_never_taken_for_an_empty_one(tmp_path: Path, content: str) -> None:
    """Not to know what was revoked is an error."""
    path = tmp_path / "revocations.json"
    path.write_text(content)
    with pytest.raises(PlatformError) as caught:
        read_revocations(ME, path)
    assert caught.value.code is Code.REVOCATIONS_INVALID


def test_a_list_that_cannot_be_read_is_no_missing_one(tmp_path: Path) -> None:
    """A folder in its place, as a container engine makes of a missing file."""
    with pytest.raises(PlatformError, match="cannot be read") as caught:
        trust(ME, tmp_path)
    assert caught.value.code is Code.REVOCATIONS_INVALID


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (ISSUER.address, True),
        (sp_core.ss58_encode(ISSUER.pair.public_key, 2), False),
        ("0" * 32, False),
        ("", False),
        ("5F", False),
        ("secrets/cert.json", False),
    ],
)
def test_an_address_is_told_from_other_words(text: str, is_one: bool) -> None:
    """By its checksum; in one spelling, or a key would be taken back under a name that no certificate has."""
    assert is_address(text) is is_one
