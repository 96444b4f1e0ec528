"""`voice init`: what it asks, what it writes, and that it loads again."""

import json
import re
import socket
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from neurons.cli.init.answers import collect
from neurons.cli.init.questions import ROLE_QUESTIONS, SAYS
from neurons.cli.init.written import text
from neurons.cli.roles import variables
from scoring.default_rules import DEFAULT_PATH
from scoring.errors import Code, PlatformError
from tests.builders.addresses import ALICE
from tests.builders.command_line import Ended, voice

DATABASE, REDIS = "postgresql://voice:hunter2@127.0.0.1:1/voice", "redis://:hunter2@127.0.0.1:1"
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
    assert "hunter2" not in ended.stdout + ended.stderr


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
    assert re.search(r"^ok +wallet: default/default: 5\w+$", ended.stdout, re.MULTILINE)
    assert re.search(r"^ok +chain: block \d+", ended.stdout, re.MULTILINE)
    assert re.search(r"^ok +registration: uid 0 of subnet 1$", ended.stdout, re.MULTILINE)
    assert re.search(r"^not yet api: .* Check VOICE_API_URL", ended.stdout, re.MULTILINE)
    assert "export VOICE_CONFIG" not in ended.stdout and "voice miner check" in ended.stdout


def mode(path: Path) -> int:
    """Who may read a file."""
    return path.stat().st_mode & 0o777


BROKEN = 'network = "dev"\nhotkey = \n'


def test_a_file_that_cannot_be_read_is_never_lost(tmp_path: Path) -> None:
    """It is said to be none, stays beside the new one, and so does the one before."""
    path = tmp_path / "voice.toml"
    for name in (".bak", ".bak-1"):
        path.write_text(BROKEN, encoding="utf-8")
        ended = init(tmp_path, "miner", "--force")
        assert ended.returncode == 0, ended.stderr
        assert f"{path} is no TOML: Invalid value (at line 2, column 10): nothing of it is taken over" in ended.stderr
        assert f"kept what was there as {path}{name}\n" in ended.stderr
        assert tomllib.loads(path.read_text(encoding="utf-8"))["network"] == "dev"
    assert [(tmp_path / f"voice.toml{name}").read_text(encoding="utf-8") for name in (".bak", ".bak-1")] == [BROKEN] * 2


def test_what_is_no_setting_is_left_out(tmp_path: Path) -> None:
    """By its name; the rest of the file stays in force."""
    path = tmp_path / "voice.toml"
    path.write_text('netwrk = "test"\nlog_level = "debug"\nwallet = "mine"\n', encoding="utf-8")

    ended = init(tmp_path, "miner")

    found = tomllib.loads(path.read_text(encoding="utf-8"))
    assert (ended.returncode, "no setting is called netwrk: left out" in ended.stderr) == (0, True)
    assert (found["network"], found["log_level"], found["wallet"], "netwrk" in found) == ("dev", "debug", "mine", False)


def test_the_file_that_is_named_and_not_there_is_written(tmp_path: Path) -> None:
    """Other commands end with the code of settings until then."""
    named = tmp_path / "of" / "mine.toml"
    before = voice(tmp_path, "wallet", "address", VOICE_CONFIG=str(named))
    ended = init(tmp_path, "miner", VOICE_CONFIG=str(named))
    after = voice(tmp_path, "config", VOICE_CONFIG=str(named))

    assert f"error {Code.SETTING_INVALID} VOICE_CONFIG names the file {named}, which is not there" in before.stderr
    assert (ended.returncode, "export VOICE_CONFIG" in ended.stdout) == (0, False)
    assert after.stdout == f"settings are read from {named}\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(BROKEN, "is no TOML: Invalid value (at line 2, column 10)", id="no TOML"),
        pytest.param('netwrk = "dev"\n', "no setting is called netwrk", id="no setting"),
        pytest.param('hf_token = "x"\n', "holds hf_token, and others may read it: chmod 600", id="read by others"),
    ],
)
def test_with_a_file_that_cannot_be_read_one_still_finds_out_why(tmp_path: Path, content: str, said: str) -> None:
    """What helps and what tells of settings goes on; the doctor's one row that fails names the file and what to do."""
    path = tmp_path / "voice.toml"
    path.write_text(content, encoding="utf-8")
    path.chmod(0o644)

    helps = [voice(tmp_path, *arguments.split()).returncode for arguments in ("--version", "--help", "miner run -h")]
    config, shown = voice(tmp_path, "config"), voice(tmp_path, "config", "show", "miner", "--json")
    doctor = voice(tmp_path, "doctor", "api", "--json")
    asked = voice(tmp_path, "doctor")

    assert helps == [0, 0, 0]
    assert config.stdout.startswith("no file of settings is read: ") and said in config.stdout
    assert (shown.returncode, said in json.loads(shown.stdout)["problem"]) == (0, True)
    (row,) = [each for each in json.loads(doctor.stdout)["findings"] if each["health"] != "ok"]
    assert (doctor.returncode, row["check"], row["health"], said in row["value"]) == (1, "settings", "failing", True)
    assert "`voice init api --force`" in row["fix"]
    assert said in asked.stderr and "name validator" in asked.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """Before anything runs the API's row is whether its port is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = init(tmp_path, "api", "--port", str(port), "--json")
    with socket.create_server(("127.0.0.1", 0)) as free:
        other = free.getsockname()[1]
    again = init(tmp_path, "api", "--port", str(other), "--json")

    rows = [row for each in (ended, again) for row in json.loads(each.stdout)["checks"] if row["check"] == "api"]
    assert [row["health"] for row in rows] == ["failing", "ok"]
    assert str(port) in rows[0]["value"] and rows[1]["value"] == f"127.0.0.1:{other} is free for it"


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
    assert f"kept what was there as {path}.bak" in replaced.stderr
    assert ((tmp_path / "voice.toml.bak").read_text(encoding="utf-8"), mode(path), mode(tmp_path / "voice.toml.bak")) == (
        before,
        0o600,
        0o600,
    )
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
        pytest.param(
            "miner -y -n nowhere --netuid 1",
            {},
            Code.SETTING_INVALID,
            "setting BT_NETWORK: no network is called nowhere: there are dev, archive, devnet, finney, local, test, and",
            id="no network",
        ),
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


def test_what_is_not_asked_for_may_be_given(tmp_path: Path) -> None:
    """Checked as what is asked: rules by their path from anywhere, and whose certificates count."""
    rules = tmp_path / "rules.toml"
    rules.write_bytes(DEFAULT_PATH.read_bytes())
    given = {"database_url": DATABASE, "network": "dev", "trust": f"{ALICE},{ALICE}", "competition": str(rules)}

    found = collect(ROLE_QUESTIONS["validator"], given, None)

    assert (found["VOICE_TRUST"], found["VOICE_COMPETITION"]) == (f"{ALICE},{ALICE}", str(rules))
    for wrong in ({"trust": "5x"}, {"competition": "nowhere.toml"}):
        with pytest.raises(PlatformError, match=r"no ss58|no file nowhere"):
            collect(ROLE_QUESTIONS["validator"], given | wrong, None)


def test_a_value_stands_in_the_file_as_it_was_said() -> None:
    """Quotes and backslashes too; signs that move a cursor are refused."""
    said = 'a "b" \\ ü'

    assert tomllib.loads(text("miner", {"BT_WALLET": said}, {}, date(2026, 1, 1)))["wallet"] == said
    with pytest.raises(PlatformError, match="holds signs that no setting has"):
        text("miner", {"BT_WALLET": "a\x9bb"}, {}, date(2026, 1, 1))
