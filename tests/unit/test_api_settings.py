"""The API's and the dispatcher's settings from an environment."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from tests.builders.addresses import ALICE, BOB, CHARLIE
from voice_api import settings
from voice_api.settings import ApiSettings, DispatcherSettings

NAMES = (
    "DATABASE_URL",
    "REDIS_URL",
    "VOICE_API_HOTKEY",
    "VOICE_API_WRITERS",
    "VOICE_API_PORT",
    "VOICE_API_HOST",
    "VOICE_API_OPERATORS",
    "VOICE_STORE",
    "VOICE_SPEECH",
)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from outside."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings, "SECRETS", tmp_path / "nothing")


def test_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are as documented, and writers are a comma list."""
    monkeypatch.setenv("DATABASE_URL", "postgresql:///voice")
    monkeypatch.setenv("REDIS_URL", "redis://localhost")
    monkeypatch.setenv("VOICE_API_HOTKEY", ALICE)
    monkeypatch.setenv("VOICE_API_WRITERS", f"{BOB}, {CHARLIE},")
    assert ApiSettings() == ApiSettings(
        database_url=SecretStr("postgresql:///voice"),
        redis_url=SecretStr("redis://localhost"),
        hotkey=ALICE,
        writers=(BOB, CHARLIE),
    )


def test_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file of the lower-case name serves where the environment is silent, and is never shown."""
    (tmp_path / "database_url").write_text("postgresql://secret\n")
    (tmp_path / "redis_url").write_text("redis://secret")
    monkeypatch.setattr(settings, "SECRETS", tmp_path)
    read = DispatcherSettings()
    assert (read.database_url.get_secret_value(), read.redis_url.get_secret_value()) == ("postgresql://secret", "redis://secret")
    assert "secret:" not in repr(read) and "//secret" not in repr(read)


def test_what_is_missing_is_named() -> None:
    """Secrets have no default: the error names the variables."""
    with pytest.raises(ValidationError) as error:
        ApiSettings()
    assert {fault["loc"] for fault in error.value.errors()} == {("DATABASE_URL",), ("REDIS_URL",), ("VOICE_API_HOTKEY",)}


def test_frozen() -> None:
    """Settings are read once."""
    read = DispatcherSettings(database_url=SecretStr("postgresql:///a"), redis_url=SecretStr("redis://b"))
    with pytest.raises(ValidationError, match="frozen"):
        read.pause = timedelta(seconds=7)  # type: ignore[misc]  # the very thing under test


@pytest.mark.parametrize("text", ["soon", "0", "-1", "nan", "inf", "1e300"])
def test_a_duration_is_a_number_of_seconds(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause that is none, or that nobody would see the end of, is refused by the setting's name."""
    for name, value in {"DATABASE_URL": "postgresql:///a", "REDIS_URL": "redis://b", "VOICE_DISPATCH_SECONDS": text}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match="not a number of seconds above 0") as error:
        DispatcherSettings()
    assert [fault["loc"] for fault in error.value.errors()] == [("VOICE_DISPATCH_SECONDS",)]


def test_who_may_and_how_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators are a comma list of their own; nobody is one unless named, and rates have limits unless they are put to 0."""
    for name, value in {"DATABASE_URL": "postgresql:///a", "REDIS_URL": "redis://b", "VOICE_API_HOTKEY": ALICE}.items():
        monkeypatch.setenv(name, value)
    standard = ApiSettings()
    assert (standard.writers, standard.operators, standard.registry_lasts) == ((), (), timedelta(hours=1))
    assert (standard.rate_per_minute, standard.rate_address_per_minute, standard.upload_bytes) == (60, 600, 20 * 2**20)
    monkeypatch.setenv("VOICE_API_OPERATORS", f"{BOB},{CHARLIE}")
    monkeypatch.setenv("VOICE_REGISTRY_SECONDS", "60")
    monkeypatch.setenv("VOICE_RATE_ADDRESS_PER_MINUTE", "0")
    read = ApiSettings()
    assert (read.operators, read.registry_lasts, read.rate_address_per_minute) == ((BOB, CHARLIE), timedelta(minutes=1), 0)


def test_nobody_is_spoken_to_unless_the_operator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Speech is off, and bounded where it is on."""
    for name, value in {"DATABASE_URL": "postgresql:///a", "REDIS_URL": "redis://b", "VOICE_API_HOTKEY": ALICE}.items():
        monkeypatch.setenv(name, value)
    standard = ApiSettings()
    assert (standard.speech, standard.speech_per_hour, standard.speech_address_per_hour, standard.speech_open) == (
        False,
        60,
        10,
        8,
    )
    assert (standard.speech_within, standard.speech_kept) == (timedelta(minutes=10), timedelta(days=1))
    monkeypatch.setenv("VOICE_SPEECH", "true")
    assert ApiSettings().speech


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("VOICE_SPEECH_KEPT_SECONDS", "3599", id="kept for less than the hour that is counted"),
        pytest.param("VOICE_SPEECH_DISCLOSURE", "two\r\nlines", id="words that would be a header of their own"),
        pytest.param("VOICE_SPEECH_PER_HOUR", "0", id="a budget of nothing"),
        pytest.param("VOICE_SPEECH_SECONDS", "0", id="no time"),
        pytest.param("VOICE_SPEECH", "perhaps", id="neither on nor off"),
    ],
)
def test_speech_that_cannot_be_is_refused_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Before the API serves anybody."""
    for known, given in {"DATABASE_URL": "postgresql:///a", "REDIS_URL": "redis://b", "VOICE_API_HOTKEY": ALICE}.items():
        monkeypatch.setenv(known, given)
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as error:
        ApiSettings()
    assert [fault["loc"] for fault in error.value.errors()] == [(name,)]
