"""`voice init`: what it asks, what it writes, and that it loads again."""

import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from neurons.cli.init.answers import collect
from neurons.cli.init.questions import ROLE_QUESTIONS, SAYS
from neurons.cli.init.written import text
from neurons.cli.roles import variables
from scoring.errors import Code, PlatformError
from tests.builders.addresses import ALICE
from tests.builders.command_line import Ended, voice

DATABASE, REDIS = "postgresql://voice:secret@127.0.0.1:1/voice", "redis://:secret@127.0.0.1:1"
GIVEN = {
    "validator": ["--network", "dev", "--netuid", "7", "--wallet", "val", "--database-url", DATABASE],
    "worker": ["--database-url", DATABASE, "--redis-url", REDIS, "--queue", "gpu"],
    "api": ["--database-url", DATABASE, "--redis-url", REDIS, "--api-hotkey", ALICE, "--port", "0"],
    "miner": ["--network", "dev", "--api-url", "http://127.0.0.1:1", "--api-hotkey", ALICE],
}
COMMENTED = re.compile(r"^# (\w+ = .+)$", re.MULTILINE)


def init(folder: Path, role: str, *more: str, **environment: str) -> Ended:
    """Write a role's file into a folder, asking nothing, and nobody outside this machine."""
    return voice(folder, "init", role, "--yes", *GIVEN[role], *more, **environment)


@pytest.mark.parametrize("role", GIVEN)
def test_what_it_writes_loads_again(role: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands, and with every line that is commented out; nobody else may read it."""
    ended = init(tmp_path, role, "--json")
    path = tmp_path / "voice.toml"
    monkeypatch.setenv("VOICE_CONFIG", str(path))

    document = json.loads(ended.stdout)
    kind = ROLE_QUESTIONS[role].kind
    first = kind()
    path.write_text(COMMENTED.sub(r"\1", path.read_text(encoding="utf-8")), encoding="utf-8")

    assert (document["file"], document["role"]) == (str(path), role)
    assert path.stat().st_mode & 0o777 == 0o600
    assert kind() == first
    given = dict(zip(GIVEN[role][::2], GIVEN[role][1::2], strict=True))
    said = set(map(str, tomllib.loads(path.read_text(encoding="utf-8")).values()))
    assert set(given.values()) <= said
    assert "secret" not in ended.stdout + ended.stderr


def test_every_question_is_a_setting_that_the_file_may_hold() -> None:
    """And nothing is said of what nobody is asked."""
    asked = {variable for each in ROLE_QUESTIONS.values() for variable in (*each.asked, *each.later)}

    assert asked == set(SAYS)
    assert asked <= variables()


def test_it_says_what_is_there_and_what_comes_next(tmp_path: Path) -> None:
    """A wallet, a chain and a registration that are there; an API that is not."""
    assert voice(tmp_path, "dev", "create").returncode == 0

    ended = init(tmp_path, "miner", COLUMNS="400")

    assert ended.returncode == 0
    assert re.search(r"^ok +wallet: hotkey 5\w+$", ended.stdout, re.MULTILINE)
    assert re.search(r"^ok +chain: subnet 1 at block \d+; the hotkey is ", ended.stdout, re.MULTILINE)
    assert re.search(r"^not yet voice API: .* Check VOICE_API_URL", ended.stdout, re.MULTILINE)
    assert "export VOICE_CONFIG" not in ended.stdout and "voice miner check" in ended.stdout


def test_a_file_that_is_there_is_replaced_only_when_told(tmp_path: Path) -> None:
    """Then what it sets beside the questions stays, and its answers are the defaults."""
    path = tmp_path / "voice.toml"
    before = 'network = "dev"\nwallet = "mine"\nhf_endpoint = "http://hub"\nlog_level = "debug"\n'
    path.write_text(before, encoding="utf-8")

    refused = voice(tmp_path, "init", "miner")
    kept = path.read_text(encoding="utf-8")
    replaced = voice(tmp_path, "init", "miner", "--yes", "--api-url", "http://127.0.0.1:1")
    found = tomllib.loads(path.read_text(encoding="utf-8"))

    assert (refused.returncode, kept) == (1, before)
    assert f"error {Code.ARGUMENT_INVALID} {path} is there. Replace it?" in refused.stderr
    assert replaced.returncode == 0
    assert (found["wallet"], found["hf_endpoint"], found["log_level"], found["netuid"]) == ("mine", "http://hub", "debug", 1)


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        pytest.param("miner -y", {}, Code.ARGUMENT_INVALID, "give --network, or set BT_NETWORK", id="nothing said"),
        pytest.param("miner -y -n test", {}, Code.ARGUMENT_INVALID, "give --netuid, or set VOICE_NETUID", id="no subnet"),
        pytest.param(
            "api -y --network dev", {}, Code.ARGUMENT_INVALID, "--network is nothing that this role reads", id="strange"
        ),
        pytest.param("miner -y -n dev --api-hotkey 5x", {}, Code.SETTING_INVALID, "VOICE_API_HOTKEY: '5x' is no ss58", id="none"),
        pytest.param("miner", {}, Code.ARGUMENT_INVALID, "no terminal to ask: give --yes", id="nobody there"),
        pytest.param("miner -y -n dev --out file/x", {}, Code.SETTING_INVALID, "file/x cannot be written", id="no folder"),
        pytest.param("miner -y -n dev --out .", {}, Code.ARGUMENT_INVALID, "is no ordinary file", id="a folder"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    tmp_path: Path, arguments: str, environment: dict[str, str], code: Code, words: str
) -> None:
    """Nothing is left behind."""
    (tmp_path / "file").touch()

    ended = voice(tmp_path, "init", *arguments.split(), **environment)

    assert ended.returncode == 1
    assert f"error {code} " in ended.stderr and words in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_whoever_is_asked_is_asked_again_until_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what is set as the default, also the second time; a secret is typed unseen, and one of the environment stays there."""
    monkeypatch.setenv("BT_WALLET", "set")
    monkeypatch.setenv("VOICE_NETUID", "7")
    monkeypatch.setenv("DATABASE_URL", DATABASE)
    answers = {SAYS["VOICE_NETUID"]: ["x"], SAYS["BT_NETWORK"]: ["", "test"], SAYS["REDIS_URL"]: [REDIS]}
    hidden: set[str] = set()

    def ask(question: str, default: str, unseen: bool) -> str:
        hidden.update({question} if unseen else ())
        return answers[question].pop(0) if answers.get(question) else default

    found: dict[str, Any] = collect(ROLE_QUESTIONS["validator"], {"wallet_hotkey": "hot"}, ask)
    of_worker = collect(ROLE_QUESTIONS["worker"], {}, ask)

    assert (found["BT_NETWORK"], found["VOICE_NETUID"], found["BT_WALLET"], found["BT_WALLET_HOTKEY"]) == (
        "test",
        7,
        "set",
        "hot",
    )
    assert "DATABASE_URL" not in found.keys() | of_worker.keys()
    assert (of_worker["REDIS_URL"], hidden) == (REDIS, {SAYS["REDIS_URL"]})


def test_folders_are_the_same_wherever_a_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative ones are written with the folder that they were said in; s3:// and ~ stay."""
    monkeypatch.chdir(tmp_path)
    given = {"database_url": DATABASE, "redis_url": REDIS, "data": "here", "store": "s3://bucket/prefix"}

    found = collect(ROLE_QUESTIONS["worker"], given, None)

    assert (found["VOICE_DATA"], found["VOICE_STORE"]) == (str(tmp_path / "here"), "s3://bucket/prefix")


def test_a_value_stands_in_the_file_as_it_was_said() -> None:
    """Quotes and backslashes too; signs that move a cursor are refused."""
    said = 'a "b" \\ ü'

    assert tomllib.loads(text("miner", {"BT_WALLET": said}, {}, date(2026, 1, 1)))["wallet"] == said
    with pytest.raises(PlatformError, match="holds signs that no setting has"):
        text("miner", {"BT_WALLET": "a\x9bb"}, {}, date(2026, 1, 1))
