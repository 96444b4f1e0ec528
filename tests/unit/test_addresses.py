"""Every ss58 address that a person names is checked when it is read; the error says which setting or option is wrong, and what to do."""

from typing import Any

import pytest
import typer
from pydantic import ValidationError

from neurons.cli.main import app
from neurons.settings import ApiClientSettings, MinerSettings, QueueSettings, ValidatorSettings
from tests.builders.addresses import ALICE, BOB
from voice_api.keys import hotkey
from voice_api.settings import ApiSettings, ProcessSettings
from workers.settings import WorkerSettings

SERVERS = {"DATABASE_URL": "postgresql:///x", "REDIS_URL": "redis://y", "VOICE_API_HOTKEY": ALICE}
TYPING_ERROR = ALICE[:-2] + ALICE[-1] + ALICE[-2]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("accountId", id="a name from a key file"),
        pytest.param("0x" + "ab" * 32, id="a public key"),
        pytest.param(TYPING_ERROR, id="two letters exchanged"),
        pytest.param(ALICE[:-1], id="one letter short"),
        pytest.param("15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5", id="another chain's format"),
        pytest.param(f"{ALICE},{BOB}", id="two of them"),
        pytest.param("bottom drive obey lake curtain smoke basket hold race lonely fit walk", id="a key phrase"),
    ],
)
def test_a_text_that_is_no_address_is_refused_and_hardly_repeated(text: str) -> None:
    """The error says how to get one; of what was pasted by mistake it repeats a few characters."""
    with pytest.raises(ValueError, match=r"is no ss58 address .*`voice wallet address` prints") as refused:
        hotkey(text)
    assert text[:12] in str(refused.value)
    assert text[13:] not in str(refused.value) or not text[13:]


def test_an_address_is_taken_as_it_is() -> None:
    """Its checksum holds."""
    assert (hotkey(ALICE), hotkey(BOB)) == (ALICE, BOB)


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        pytest.param(ValidatorSettings, "VOICE_TRUST", f"{ALICE}, cryptoType", id="trust: the second"),
        pytest.param(ValidatorSettings, "VOICE_TRUST", f"{ALICE} {BOB}", id="trust: no comma between"),
        pytest.param(ApiSettings, "VOICE_API_HOTKEY", TYPING_ERROR, id="the API's own"),
        pytest.param(ApiSettings, "VOICE_API_WRITERS", f"{TYPING_ERROR},{ALICE}", id="writers: the first"),
        pytest.param(ApiSettings, "VOICE_API_OPERATORS", "5Me", id="operators"),
        pytest.param(ApiClientSettings, "VOICE_API_HOTKEY", "ss58Address", id="whom requests are signed for"),
    ],
)
def test_a_setting_that_is_no_address_is_named(
    monkeypatch: pytest.MonkeyPatch, settings: type[ProcessSettings], name: str, value: str
) -> None:
    """When it is read, not when nothing works for it."""
    for other, text in {**SERVERS, name: value}.items():
        monkeypatch.setenv(other, text)
    with pytest.raises(ValidationError, match="is no ss58 address") as refused:
        settings()
    assert [error["loc"][0] for error in refused.value.errors()] == [name]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("miner status --hotkey 5Me", "--hotkey"),
        ("validator weights --validator 5Me", "--validator"),
        ("validator explain 0 --validator 5Me", "--validator"),
        ("validator what-if --hotkey 5Me --score .5", "--hotkey"),
        ("validator what-if --hotkey " + ALICE + " --score .5 --validator 5Me", "--validator"),
        ("validator ledger join file --trust " + ALICE + " --trust 5Me", "--trust"),
        ("verify file --issuer 5Me", "--issuer"),
        ("operator ban 5Me --reason x --yes", "HOTKEY"),
        ("operator unban 5Me --reason x", "HOTKEY"),
        ("dev stake 1 --on 5Me", "--on"),
        ("dev unstake 1 --on 5Me", "--on"),
        ("dev reveal 0=1 --hotkey 5Me", "--hotkey"),
    ],
)
def test_an_option_that_is_no_address_is_named(command: str, option: str) -> None:
    """Before anything is read, asked or signed."""
    with pytest.raises(typer.TyperException) as refused:
        app(command.split(), standalone_mode=False)
    said = refused.value.format_message()
    assert option in said and "'5Me' is no ss58 address" in said


@pytest.mark.parametrize("settings", [QueueSettings, ValidatorSettings, MinerSettings, WorkerSettings])
def test_a_competition_that_names_no_file_is_an_error(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """The setting is named; without one the installed rules hold."""
    for name, text in {**SERVERS, "VOICE_COMPETITION": ""}.items():
        monkeypatch.setenv(name, text)
    assert settings().competition.name == "competition.toml"
    monkeypatch.setenv("VOICE_COMPETITION", "nowhere.toml")
    with pytest.raises(ValidationError, match=r"VOICE_COMPETITION\n.*there is no file nowhere\.toml"):
        settings()
