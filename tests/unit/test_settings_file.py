"""`voice.toml`: what stands in it, what wins over it, and what is refused."""

import inspect
import json
import os
from collections import Counter
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

import neurons.settings
import voice_api.settings
import workers.settings
from neurons.cli.options import subnet_of
from neurons.cli.roles import variables
from neurons.settings import ChainSettings, DemoSettings, QueueSettings
from scoring.errors import Code, PlatformError
from tests.builders.addresses import ALICE, BOB
from tests.builders.command_line import voice
from voice_api.settings import ApiSettings, MetricsSettings, ProcessSettings, settings_path
from voice_api.settings_file import find, key_of, read

SECRETS = 'database_url = "postgresql://voice:secret@host/voice"\nredis_url = "redis://:secret@host"\n'
CLASSES = [
    each
    for module in (voice_api.settings, workers.settings, neurons.settings)
    for _, each in inspect.getmembers(module, inspect.isclass)
    if issubclass(each, ProcessSettings)
]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that VOICE_CONFIG names, of mode 600 and empty."""
    path = tmp_path / "voice.toml"
    path.touch(mode=0o600)
    monkeypatch.setenv("VOICE_CONFIG", str(path))
    return path


def test_an_option_wins_over_the_environment_and_that_over_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the file wins over the default; what is empty in it is as if it were not there."""
    file.write_text('network = "test"\nnetuid = 7\nwallet = "of file"\nwallet_hotkey = ""\npause_seconds = 3\n', encoding="utf-8")
    monkeypatch.setenv("VOICE_NETUID", "8")
    monkeypatch.setenv("BT_WALLET", "of environment")

    found = QueueSettings(wallet="of option")

    assert (found.network, found.netuid, found.wallet, found.wallet_hotkey) == ("test", 8, "of option", "default")
    assert found.pause == timedelta(seconds=3)


def test_values_are_as_toml_has_them(file: Path) -> None:
    """Lists, numbers, yes and no; a path below ~ is below the user's folder."""
    file.write_text(
        f'{SECRETS}api_hotkey = "{ALICE}"\napi_writers = ["{ALICE}", "{BOB}"]\ntrusted_proxies = ["10.0.0.7", "10.1.0.0/24"]\n'
        'speech = true\nspeech_seconds = 1.5\ncopies = "~/copies"\napi_port = 81\n',
        encoding="utf-8",
    )

    found = ApiSettings()

    assert found.writers == (ALICE, BOB)
    assert found.trusted_proxies == (ip_network("10.0.0.7"), ip_network("10.1.0.0/24"))
    assert (found.speech, found.speech_within, found.port) == (True, timedelta(seconds=1.5), 81)
    assert found.copies_folder == Path.home() / "copies"
    assert found.database_url.get_secret_value() == "postgresql://voice:secret@host/voice"


def test_the_name_of_a_field_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shells set HOST and PORT for themselves."""
    for name in ("HOST", "PORT", "NETWORK"):
        monkeypatch.setenv(name, "77")

    assert MetricsSettings() == MetricsSettings(host="127.0.0.1", port=0)
    assert ChainSettings().network == ""


def test_a_demo_uses_no_nodes_servers(file: Path) -> None:
    """It would fill the node's database."""
    file.write_text(SECRETS, encoding="utf-8")

    assert DemoSettings() == DemoSettings(database_url=None, redis_url=None)


def test_each_setting_has_a_name_of_its_own_in_the_file() -> None:
    """And each that may stand there is known to who checks the file's names."""
    names = {str(field.validation_alias) for each in CLASSES for field in each.model_fields.values()}

    assert [name for name, count in Counter(map(key_of, names)).items() if count > 1] == []
    assert variables() == names - {"VOICE_CONFIG"}


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        pytest.param("netiud = 1\n", 0o600, "no setting is called netiud, as {file} has it: did you mean netuid?", id="mistyped"),
        pytest.param("VOICE_NETUID = 1\n", 0o600, "did you mean netuid?", id="a variable's name"),
        pytest.param("[network]\n", 0o600, "setting BT_NETWORK, network in {file}", id="a table"),
        pytest.param("frobnicate = 1\n", 0o600, "called frobnicate, as {file} has it: `voice config show` lists", id="unknown"),
        pytest.param('netuid = "x"\n', 0o600, "setting VOICE_NETUID, netuid in {file}: input should be", id="no number"),
        pytest.param("netuid =\n", 0o600, "{file} is no TOML", id="no TOML"),
        pytest.param("\x80", 0o600, "{file} is no TOML", id="no text"),
        pytest.param("a = " + "[" * 10_000, 0o600, "{file} is no file of settings: it is nested too deeply", id="deep"),
        pytest.param("#" * (1 << 21), 0o600, "{file} is larger than any file of settings", id="large"),
        pytest.param(SECRETS, 0o640, "{file} holds database_url, and others may read it: chmod 600 {file}", id="told secret"),
        pytest.param("netuid = 1\n", 0o646, "anybody may write to {file}", id="anybody's"),
    ],
)
def test_what_is_wrong_in_it_is_one_line(tmp_path: Path, text: str, mode: int, words: str) -> None:
    """It names the setting, the file, and what to do."""
    path = tmp_path / "voice.toml"
    path.write_bytes(text.encode("latin-1"))
    path.chmod(mode)

    ended = voice(tmp_path, "validator", "run", DATABASE_URL="" if mode == 0o640 else "postgresql:///x")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"error {Code.SETTING_INVALID} ")
    assert words.format(file=path) in ended.stderr
    assert "Traceback" not in ended.stderr and "secret@" not in ended.stderr


def test_the_nearest_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is named; else the folder's; else the user's."""
    users = tmp_path / "home" / "voice" / "voice.toml"
    users.parent.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VOICE_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    assert settings_path() is None
    users.touch()
    assert settings_path() == users
    (tmp_path / "voice.toml").touch()
    assert settings_path() == tmp_path / "voice.toml"
    monkeypatch.setenv("VOICE_CONFIG", "nowhere.toml")
    with pytest.raises(PlatformError, match="which is not there"):
        settings_path()
    monkeypatch.setenv("VOICE_CONFIG", "~nobody-of-that-name/voice.toml")
    with pytest.raises(PlatformError, match="which is not there"):
        settings_path()


def test_another_users_file_is_not_read_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that others fill; named, it is."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "voice.toml"
    path.touch()
    owner = os.getuid() or 4321
    os.chown(path, owner, -1)
    with pytest.raises(PlatformError, match="another user owns"):
        find(None, None, owner + 1)
    assert find(None, None, owner) == find(path, None, owner + 1) == path


def test_a_folder_that_cannot_be_looked_into_has_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs a container may have a HOME that is another's."""
    monkeypatch.chdir(tmp_path)
    assert find(None, tmp_path / ("x" * 300), os.getuid()) is None


def test_an_error_about_a_network_shows_no_password_of_it() -> None:
    """What the doctor prints is copied to others."""
    with pytest.raises(PlatformError, match="no subnet of wss://…@node is named"):
        subnet_of(ChainSettings(network="wss://user:secret@node"))


def test_a_mark_before_the_first_line_is_no_setting(tmp_path: Path) -> None:
    """As editors of Windows write it, with their ends of lines."""
    path = tmp_path / "voice.toml"
    path.write_bytes(b'\xef\xbb\xbfnetwork = "dev"\r\nnetuid = 1\r\n')
    assert read(path) == {"network": "dev", "netuid": 1}


def test_a_choice_that_is_none_is_told_in_one_sentence(tmp_path: Path) -> None:
    """Without the words of the library that found it."""
    ended = voice(tmp_path, "doctor", "nothing")
    assert ended.returncode == 2
    assert "': 'nothing' is not one of 'validator'," in ended.stderr


def test_it_is_told_where_each_setting_comes_from(tmp_path: Path) -> None:
    """Of each the strongest that says it; secrets, and what of an address may be one, are hidden."""
    path = tmp_path / "voice.toml"
    path.write_text('network = "wss://user:secret@node/?key=secret"\nnetuid = 7\nversion_key = "x"\n', encoding="utf-8")

    ended = voice(tmp_path, "config", "show", "validator", "--json", VOICE_NETUID="8", DATABASE_URL="postgresql://a:secret@b/c")
    shown = json.loads(ended.stdout)
    settings = {each["name"]: (each["value"], each["origin"]) for each in shown["settings"]}

    assert shown["file"] == str(path)
    assert settings["network"] == ("wss://…@node/?…", "file")
    assert settings["netuid"] == ("8", "environment")
    assert settings["database_url"] == ("(hidden)", "environment")
    assert settings["pause_seconds"] == ("12", "default")
    assert {each["name"] for each in shown["settings"] if each["problem"]} == {"version_key"}
    people = voice(tmp_path, "config", "show", COLUMNS="200")
    assert f"settings are read from {path}" in people.stdout and "must be set" in people.stdout
    narrow = voice(tmp_path, "config", "show", COLUMNS="80", VOICE_NETUID="8")
    assert "\nnetuid: 8" in narrow.stdout and "  from environment; variable VOICE_NETUID" in narrow.stdout
    assert "secret@" not in ended.stdout + people.stdout + narrow.stdout
