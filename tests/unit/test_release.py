"""Signed records of releases: what is in them, who is believed, and what a node may take."""

import hashlib
import io
import json
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from neurons.release.hold_back import HoldBack, check
from neurons.release.record import ReleaseRecord, read_signed, signed
from neurons.release.source import notes_of
from scoring.competition import load
from scoring.errors import Code, PlatformError
from tests.builders import command_line
from tests.builders.command_line import Ended
from voice_api import keys
from voice_api.db import migrate
from voice_api.keys import ServiceKey

NOW = datetime(2026, 12, 2, 12, tzinfo=UTC)
HOURS = HoldBack(timedelta(hours=24), timedelta(hours=2))
IMAGE = f"registry.example.org/voice/api@sha256:{'1a' * 32}"
OURS = version("voice-subnet")


@pytest.fixture
def key(tmp_path: Path) -> ServiceKey:
    """A release key, in the file `release.key`."""
    return ServiceKey.at(tmp_path / "release.key")


def record(key: ServiceKey, **overrides: Any) -> ReleaseRecord:
    """A release that this node could take."""
    standard: dict[str, Any] = {
        "format": 1,
        "version": "9.1.0",
        "published_at": NOW - timedelta(days=3),
        "commit": "2c" * 20,
        "schema_revision": "0020",
        "competition_hash": "ab" * 32,
        "compose_sha256": "cd" * 32,
        "security": False,
        "images": {"api": IMAGE},
        "notes": {"For operators": "- Something."},
        "signer": key.address,
    }
    return ReleaseRecord(**standard | overrides)


def voice(folder: Path, *arguments: str, **environment: str) -> Ended:
    """Run `voice release` in a folder."""
    return command_line.voice(folder, "release", *arguments, **environment)


def test_a_record_comes_back_as_it_was_signed(key: ServiceKey) -> None:
    """Its meaning, and nothing else, is what the signature is over: spaces may be others."""
    made = record(key)
    text = signed(made, key.sign)
    assert read_signed(text.encode(), key.address, keys.verify) == made
    assert read_signed(json.dumps(json.loads(text)).encode(), key.address, keys.verify) == made


def test_what_a_later_release_adds_is_signed_and_not_read(key: ServiceKey) -> None:
    """A node of today takes the record of a release that says more."""
    data = record(key).model_dump(mode="json") | {"provenance": "x"}
    later = mock.Mock(model_dump=lambda **_: data)
    text = signed(later, key.sign)
    assert read_signed(text.encode(), key.address, keys.verify) == record(key)
    with pytest.raises(PlatformError, match="signature does not hold"):
        read_signed(text.replace('"provenance": "x"', '"provenance": "y"').encode(), key.address, keys.verify)


@pytest.mark.parametrize("field", sorted(ReleaseRecord.model_fields.keys() - {"format", "signer"}))
def test_each_field_is_signed(key: ServiceKey, field: str) -> None:
    """Another value of any of them is a forgery."""
    others = {
        "version": "9.2.0",
        "published_at": "2026-01-01T00:00:00Z",
        "commit": "3d" * 20,
        "schema_revision": "0001",
        "competition_hash": "00" * 32,
        "compose_sha256": "00" * 32,
        "security": True,
        "images": {"api": IMAGE.replace("1a", "2b")},
        "notes": {},
    }
    forged = json.loads(signed(record(key), key.sign)) | {field: others[field]}
    with pytest.raises(PlatformError, match="its signature does not hold") as caught:
        read_signed(json.dumps(forged).encode(), key.address, keys.verify)
    assert caught.value.code is Code.RELEASE_INVALID


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        pytest.param(b"", "no record of a release", id="nothing"),
        pytest.param(b"[]", "no record of a release", id="no object"),
        pytest.param(b'{"version": "1.0.0", "version": "2.0.0"}', "occurs twice", id="two readings"),
        pytest.param(b" " * 300_000 + b"{}", "larger than", id="too large"),
        pytest.param(b'{"signer": "5Other"}', "not signed by", id="another key"),
    ],
)
def test_what_is_no_record_is_refused(key: ServiceKey, raw: bytes, why: str) -> None:
    """In words that say why, before anything of it is used."""
    with pytest.raises(PlatformError, match=why) as caught:
        read_signed(raw, key.address, keys.verify)
    assert caught.value.code is Code.RELEASE_INVALID


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"images": {"api": "registry.example.org/voice/api:latest"}}, id="an image by its tag"),
        pytest.param({"images": {}}, id="no image"),
        pytest.param({"version": "1.2"}, id="a version of another form"),
        pytest.param({"format": 2}, id="another format"),
    ],
)
def test_a_signed_record_of_another_form_is_refused(key: ServiceKey, wrong: dict[str, object]) -> None:
    """The key's holder may err, too."""
    data = record(key).model_dump(mode="json") | wrong
    text = signed(mock.Mock(model_dump=lambda **_: data), key.sign)
    with pytest.raises(PlatformError) as caught:
        read_signed(text.encode(), key.address, keys.verify)
    assert caught.value.code is Code.RELEASE_INVALID


@pytest.mark.parametrize(
    ("hours", "seen", "security", "left"),
    [
        pytest.param(30, 30, False, -6, id="24 hours have passed"),
        pytest.param(30, 3, False, 21, id="this node saw it 3 hours ago: 24 - 3"),
        pytest.param(3, 30, False, 21, id="published after it was seen: the later counts"),
        pytest.param(3, 3, True, -1, id="a weakness: 2 hours"),
        pytest.param(90, 1, True, 1, id="a stolen key's old date helps nobody: 2 - 1"),
    ],
)
def test_a_release_is_held_back(key: ServiceKey, hours: int, seen: int, security: bool, left: int) -> None:
    """From its publication, or from when this node saw it first: whichever was later."""
    release = record(key, published_at=NOW - timedelta(hours=hours), security=security)
    assert HOURS.until(release, NOW - timedelta(hours=seen)) == NOW + timedelta(hours=left)


def test_a_release_of_the_last_day_of_all_is_held_back(key: ServiceKey) -> None:
    """No date ends the program."""
    end = datetime.max.replace(tzinfo=UTC)
    assert HOURS.until(record(key, published_at=end - timedelta(hours=1)), NOW) == end


@pytest.mark.parametrize(
    ("running", "until", "code"),
    [
        pytest.param("9.0.9", NOW, None, id="newer, and the time is over"),
        pytest.param("9.0.9", NOW + timedelta(seconds=1), Code.RELEASE_HELD_BACK, id="too young"),
        pytest.param("9.1.0", NOW, Code.RELEASE_NOT_NEWER, id="the same again"),
        pytest.param("9.10.0", NOW, Code.RELEASE_NOT_NEWER, id="older: 10 is more than 1"),
    ],
)
def test_a_node_takes_only_what_is_newer_and_known(key: ServiceKey, running: str, until: datetime, code: Code | None) -> None:
    """Each refusal has its code."""
    try:
        check(record(key), running, until, NOW)
        found = None
    except PlatformError as error:
        found = error.code
    assert found is code


def test_the_changelog_says_what_changes_for_whom() -> None:
    """The version's own section, by its headings."""
    page = (
        "# C\n\n## [Unreleased]\n\n### For miners\n\n- later\n\n"
        "## [1.2.0] - 2026-12-01\n\n### For operators\n\n#### Added\n- a\n\n### For miners\n- b\n\n## [1.1.0]\n"
    )
    assert notes_of(page, "1.2.0") == {"For operators": "#### Added\n- a", "For miners": "- b"}
    for missing in ("1.1.0", "9.9.9"):
        with pytest.raises(PlatformError, match="no section"):
            notes_of(page, missing)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source whose changelog has the installed version."""
    (tmp_path / "docker-compose.yml").write_text("services: {}\n")
    (tmp_path / "CHANGELOG.md").write_text(f"## [{OURS}] - 2026-12-01\n\n### For operators\n\n#### Security\n- All of it.\n")
    return tmp_path


def test_a_release_is_written_and_verified(source: Path) -> None:
    """From a new key to what a node is told: the operator needs the address alone."""
    address = voice(source, "key", "release.key").stdout.strip()
    assert voice(source, "key", "release.key").stdout.strip() == address
    written = voice(source, "write", "--key", "release.key", "--commit", "2c" * 20, "--image", f"api={IMAGE}")
    assert written.returncode == 0, written.stderr
    (source / "release.json").write_text(written.stdout)
    options = ("verify", "release.json", "--running", "0.0.1")
    environment = {"VOICE_RELEASE_KEY": address, "VOICE_HOLD_BACK_SECURITY_HOURS": "0"}
    said = voice(source, *options, "--json", **environment)
    assert (said.returncode, said.stderr) == (0, "")
    assert json.loads(said.stdout) | {"published_at": None} == {
        "format": 1,
        "version": OURS,
        "published_at": None,
        "commit": "2c" * 20,
        "schema_revision": migrate.head(),
        "competition_hash": load().version[-1].hash,
        "compose_sha256": hashlib.sha256(b"services: {}\n").hexdigest(),
        "security": True,
        "images": {"api": IMAGE},
        "notes": {"For operators": "#### Security\n- All of it."},
        "signer": address,
    }
    shown = voice(source, *options, **environment).stdout
    assert f"{OURS} may be taken" in shown and f"api: {IMAGE}" in shown and "- All of it." in shown


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param(("release.json",), Code.RELEASE_NOT_NEWER, OURS, id="it runs already"),
        pytest.param(("release.json", "--running", "0.0.1"), Code.RELEASE_HELD_BACK, "held back until", id="too young"),
        pytest.param(("release.json", "--running", "new"), Code.ARGUMENT_INVALID, "no version", id="no version"),
        pytest.param(("none.json",), Code.ARGUMENT_INVALID, "none.json", id="no file"),
        pytest.param(("CHANGELOG.md",), Code.RELEASE_INVALID, "no record", id="no record"),
    ],
)
def test_what_may_not_be_taken_is_one_line(source: Path, options: tuple[str, ...], code: Code, words: str) -> None:
    """Code, what is wrong, what to do."""
    address = voice(source, "key", "release.key").stdout.strip()
    written = voice(source, "write", "--key", "release.key", "--commit", "2c" * 20, "--image", f"api={IMAGE}")
    (source / "release.json").write_text(written.stdout)
    ended = voice(source, "verify", *options, VOICE_RELEASE_KEY=address, VOICE_HOLD_BACK_SECURITY_HOURS="1")
    (told,) = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout, told.startswith(f"error {code} "), words in told) == (1, "", True, True), told


def test_a_record_may_come_from_a_pipe(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the updater hands it to a container that has no files; and without a key nobody is believed."""
    monkeypatch.setattr(sys, "stdin", mock.Mock(buffer=io.BytesIO(b"{}"), isatty=lambda: False))
    assert (
        f"error {Code.RELEASE_INVALID}"
        in voice(source, "verify", "-", VOICE_RELEASE_KEY=ServiceKey.at(source / "k").address).stderr
    )
    assert "VOICE_RELEASE_KEY" in voice(source, "verify", "-").stderr
    monkeypatch.setattr(sys, "stdin", None)
    assert (
        f"error {Code.RELEASE_INVALID}"
        in voice(source, "verify", "-", VOICE_RELEASE_KEY=ServiceKey.at(source / "k").address).stderr
    )
    sys.stdin.close()


def test_what_a_record_says_moves_no_terminal(source: Path) -> None:
    """Whoever stole the release key writes what changes, too."""
    signer = ServiceKey.at(source / "k")
    (source / "bad.json").write_text(signed(record(signer, notes={"For all": "one\ntwo \x1b[2J"}), signer.sign))
    ended = voice(source, "verify", "bad.json", "--running", "0.0.1", VOICE_RELEASE_KEY=signer.address, VOICE_HOLD_BACK_HOURS="0")
    assert (ended.returncode, "\x1b" in ended.stdout, "\nFor all\none\ntwo " in ended.stdout) == (0, False, True), ended


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        pytest.param("no key", 0o600, "it does not hold 64 hex digits", id="something else"),
        pytest.param("0a" * 32, 0o640, "others may read the release key release.key: chmod 600 release.key", id="told"),
    ],
)
@pytest.mark.parametrize(
    "command", [("key", "release.key"), ("write", "--key", "release.key", "--commit", "2c", "--image", "a=b")]
)
def test_a_release_key_that_cannot_be_used_is_kept(
    source: Path, text: str, mode: int, words: str, command: tuple[str, ...]
) -> None:
    """Nobody is told to delete it: operators trust its address."""
    (source / "release.key").write_text(text)
    (source / "release.key").chmod(mode)
    ended = voice(source, *command)
    assert (ended.returncode, ended.stdout, words in ended.stderr, "delete" in ended.stderr) == (1, "", True, False), ended.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param(("--image", f"api={IMAGE}", "--image", f"api={IMAGE}"), "named twice", id="twice"),
        pytest.param(("--image", "api=voice/api:1"), "images", id="by its tag"),
        pytest.param(("--image", f"api={IMAGE}", "--commit", "main"), "commit", id="a branch"),
        pytest.param(("--image", f"api={IMAGE}", "--source", "none"), "none", id="no source"),
    ],
)
def test_what_cannot_be_written_is_one_line(source: Path, key: ServiceKey, options: tuple[str, ...], words: str) -> None:
    """Nothing is printed that could be taken for a record."""
    ended = voice(source, "write", "--key", "release.key", "--commit", "2c" * 20, *options)
    assert (ended.returncode, ended.stdout, words in ended.stderr) == (1, "", True), ended.stderr
