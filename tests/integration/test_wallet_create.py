"""`voice wallet create`, as guides and people run it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from bittensor.sp_core import Keypair

COMMAND = [sys.executable, "-m", "neurons.cli", "wallet", "create"]
WORDS = re.compile(r"^  ((?:[a-z]+ ){11}[a-z]+)$", re.MULTILINE)
MANY_WORDS = re.compile(r"(?:\b[a-z]{3,8}\s+){11}[a-z]{3,8}\b")


def environment(folder: Path) -> dict[str, str]:
    """A wallet of its own."""
    return {"BT_WALLET": "me", "BT_WALLET_PATH": str(folder), "PATH": os.defpath, "HOME": str(folder), "COLUMNS": "200"}


def test_no_log_gets_the_words(tmp_path: Path) -> None:
    """Where the output is no terminal the addresses are told, and that the folder is the only copy; run again nothing is new."""
    run = [
        subprocess.run(
            [*COMMAND, "--no-password"], env=environment(tmp_path), capture_output=True, text=True, check=True, timeout=60
        )
        for _ in range(2)
    ]
    assert [MANY_WORDS.findall(done.stdout + done.stderr.split(":")[0]) for done in run] == [[], []]
    assert run[0].stdout == run[1].stdout
    assert re.fullmatch(r"coldkey 5\w{47}\nhotkey  5\w{47}\n", run[0].stdout)
    assert (f"keep a copy of {tmp_path}/me" in run[0].stderr, run[1].stderr) == (True, "")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """With what is wrong with it, in one line without a word of Python's."""
    (tmp_path / "taken").touch()
    command = [*COMMAND, "--no-password", "--wallet-path", "taken/wallets"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert "The keys of me/default cannot be written below taken/wallets: Not a directory." in ended.stderr


def test_a_terminal_shows_the_words_once(tmp_path: Path) -> None:
    """They make the keys again."""
    here, there = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "--no-password"], env=environment(tmp_path), stdin=there, stdout=there, stderr=there
    ) as process:
        assert process.wait(60) == 0
    os.close(there)
    said = b""
    try:
        while chunk := os.read(here, 1 << 16):
            said += chunk
    except OSError:  # the other end is closed, and all was read
        os.close(here)
    shown = said.decode().replace("\r\n", "\n")
    addresses = [Keypair.create_from_mnemonic(words).ss58_address for words in WORDS.findall(shown)]
    assert shown.endswith(f"coldkey {addresses[0]}\nhotkey  {addresses[1]}\n")


def test_a_machine_reads_the_addresses_and_no_words(tmp_path: Path) -> None:
    """One document on standard output: addresses, the folder, and which keys are new. Only a terminal gets the words, beside it."""
    here, there = os.openpty()
    with subprocess.Popen(
        [*COMMAND, "--no-password", "--json"],
        env=environment(tmp_path),
        stdin=there,
        stdout=subprocess.PIPE,
        stderr=there,
        text=True,
    ) as process:
        printed, _ = process.communicate(timeout=60)
    os.close(there)
    words = WORDS.findall(os.read(here, 1 << 16).decode().replace("\r\n", "\n"))
    os.close(here)
    coldkey, hotkey = (Keypair.create_from_mnemonic(each).ss58_address for each in words)
    said = {"coldkey": coldkey, "hotkey": hotkey, "folder": f"{tmp_path}/me"}
    assert json.loads(printed) == said | {"made": ["coldkey", "hotkey"]}
    again = subprocess.run(
        [*COMMAND, "--no-password", "--json"], env=environment(tmp_path), capture_output=True, text=True, check=True, timeout=60
    )
    assert (json.loads(again.stdout), again.stderr) == (said | {"made": []}, "")


def test_a_password_is_never_guessed(tmp_path: Path) -> None:
    """Where nobody can be asked for one no key is made without."""
    done = subprocess.run(
        COMMAND, env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, list(tmp_path.iterdir())) == (1, "", [])
    assert "error 3205" in done.stderr and "--no-password" in done.stderr
