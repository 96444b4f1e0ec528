"""The command line in bad weather: one line that says what and what to do, a status that is not 0, and no traceback."""

import errno
import io
import os
import sys
from pathlib import Path

import pytest

from neurons.cli.main import main, print_traceback
from scoring.errors import Code, VoiceError
from tests.builders.command_line import logging_as_it_was, voice


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "words"),
    [
        pytest.param("frobnicate", {}, Code.ARGUMENT_INVALID, "No such command 'frobnicate'", id="unknown command"),
        pytest.param("demo --frob", {}, Code.ARGUMENT_INVALID, "--frob", id="unknown option"),
        pytest.param("miner check", {}, Code.ARGUMENT_INVALID, "Missing argument", id="missing argument"),
        pytest.param("demo --port 99999", {}, Code.ARGUMENT_INVALID, "65535", id="no such port"),
        pytest.param("demo --data file/demo", {}, Code.SETTING_INVALID, "name another --data", id="folder cannot be made"),
        pytest.param("miner check nowhere", {}, Code.ARGUMENT_INVALID, "There is no folder nowhere", id="no model folder"),
        pytest.param("miner check no\x1b[2Jwhere", {}, Code.ARGUMENT_INVALID, "folder no\\x1b[2Jwhere", id="moves the cursor"),
        pytest.param("miner score . --out file", {}, Code.ARGUMENT_INVALID, "--out file cannot be written", id="out is a file"),
        pytest.param("miner check . --competition file", {}, Code.COMPETITION_INVALID, "file", id="broken competition"),
        pytest.param("miner score . --block-hash xyz", {}, Code.ARGUMENT_INVALID, "64 hex digits", id="no block hash"),
        pytest.param("verify nowhere.json", {}, Code.ARGUMENT_INVALID, "nowhere.json cannot be read", id="no receipt"),
        pytest.param("verify file", {}, Code.RECEIPT_INVALID, "not a signed receipt", id="not a receipt"),
        pytest.param("verify file --level 4", {}, Code.ARGUMENT_INVALID, "less than or equal to 3", id="no such level"),
        pytest.param("miner status", {}, Code.WALLET_MISSING, "coldkeypub.txt", id="no wallet"),
        pytest.param("dev blocks --chain nowhere", {}, Code.CHAIN_UNAVAILABLE, "voice dev create", id="no chain file"),
        pytest.param("db upgrade", {}, Code.SETTING_INVALID, "DATABASE_URL", id="missing setting"),
        pytest.param("wallet address", {}, Code.WALLET_MISSING, "hotkeys/default", id="no wallet to name"),
        pytest.param(
            "miner status --hotkey 5Me", {}, Code.ARGUMENT_INVALID, "'--hotkey': '5Me' is no ss58 address", id="no address"
        ),
        pytest.param(
            "queue run",
            {"VOICE_API_HOTKEY": "5Me"},
            Code.SETTING_INVALID,
            "setting VOICE_API_HOTKEY: '5Me' is no ss58",
            id="no hotkey",
        ),
        pytest.param(
            "queue run",
            {"VOICE_COMPETITION": "no.toml"},
            Code.SETTING_INVALID,
            "setting VOICE_COMPETITION: there is no file no.toml",
            id="no rules",
        ),
        pytest.param("dispatcher", {"REDIS_URL": "x:pw@y"}, Code.SETTING_INVALID, "DATABASE_URL", id="first of two settings"),
        pytest.param(
            "worker",
            {"DATABASE_URL": "postgresql:///x", "REDIS_URL": "x:pw@y"},
            Code.SETTING_INVALID,
            "REDIS_URL",
            id="no Redis URL",
        ),
        *(
            pytest.param(
                "worker",
                {"DATABASE_URL": url, "REDIS_URL": "redis://y"},
                Code.SETTING_INVALID,
                "DATABASE_URL",
                id=f"for ever: {url}",
            )
            for url in ("x:pw@y", "mysql://x:pw@y/z", "postgresql://x:pw@y:99999/z", "postgresql://x:pw@[::1/z")
        ),
        *(
            pytest.param(command, {"DATABASE_URL": "x:pw@y"}, Code.SETTING_INVALID, "DATABASE_URL", id=f"{command}: no database")
            for command in ("db upgrade", "validator run", "validator weights", "validator ledger export")
        ),
        *(
            pytest.param("operator stuck", {"VOICE_API_URL": url}, Code.SETTING_INVALID, "http://HOST:PORT", id=f"no API: {url}")
            for url in ("localhost:8000", "ftp://x", "http://", "http://x:99999", "http://x/?validator=5Me", "http://[::1")
        ),
        pytest.param(
            "validator run --follow nowhere", {"DATABASE_URL": "postgresql:///x"}, Code.SETTING_INVALID, "follow", id="no follow"
        ),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, arguments: str, environment: dict[str, str], code: Code, words: str) -> None:
    """The line begins with the code, names what is wrong, ends with what to do, and shows no secret."""
    (tmp_path / "file").write_text("not TOML", encoding="utf-8")
    ended = voice(tmp_path, *arguments.split(), **environment)
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert ended.returncode != 0
    assert line.startswith(f"error {code} ")
    assert words in line
    assert line.endswith(".")
    assert "pw" not in line


def test_a_traceback_on_request(tmp_path: Path) -> None:
    """--debug, anywhere in the line, shows where the error came from."""
    with pytest.raises(VoiceError, match="There is no folder nowhere"):
        voice(tmp_path, "miner", "check", "nowhere", "--debug")


def test_a_traceback_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither of the error nor of the one that led to it, which is a library's."""
    try:
        try:
            raise OSError("no answer from wss://user:pw@node.example/pw?key=pw")
        except OSError as exc:
            raise ValueError("not at redis://:pw@host") from exc
    except ValueError as error:
        print_traceback(type(error), error, error.__traceback__)
    said = [
        line for line in capsys.readouterr().err.splitlines() if not line.startswith("    ")
    ]  # without the lines of this file
    assert [line for line in said if "Error: " in line] == [
        "OSError: no answer from wss://…@node.example/…?…",
        "ValueError: not at redis://…@host",
    ]
    assert said[0] == "Traceback (most recent call last):"
    assert "pw" not in "".join(said)


class FullDisk(io.StringIO):
    """Standard output on a disk without space."""

    def write(self, text: str) -> int:
        """Take nothing."""
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("arguments", ["config show", "config show --json", "--help", "--version"])
def test_output_on_a_full_disk_is_one_coded_line(
    arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was asked for is not there, and somebody is told why."""
    monkeypatch.setattr(sys, "argv", ["voice", *arguments.split()])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "stdout", FullDisk())
    with logging_as_it_was(), pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"error {Code.DISK_FULL} what was printed: No space left on device. Make room, or write elsewhere; then give it again.\n"
    )


def test_no_arguments_show_the_help(tmp_path: Path) -> None:
    """`voice` alone says what it is and lists its commands."""
    ended = voice(tmp_path)
    assert (ended.returncode, ended.stderr) == (2, "")
    assert "Find the best open text-to-speech model" in ended.stdout
    assert "validator" in ended.stdout
