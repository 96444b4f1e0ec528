"""The reference is what the code says, and its examples run against a real server."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bittensor as bt
import httpx
import pytest

from neurons.localnet.services import pick_port
from voice_api.web import reference

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_START_SECONDS = 60.0


@pytest.mark.parametrize("name", ["api.md", "errors.md"])
def test_the_page_is_what_the_code_says(name: str) -> None:
    """Routes, schemas and codes change in the code alone; `voice api-docs` writes the page anew."""
    assert (DOCS / name).read_text(encoding="utf-8") == reference.pages()[name], "run `voice api-docs`"


@pytest.fixture
def environment(
    database_url: str, redis_url: str, receiver: bt.Wallet, writer: bt.Wallet, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """What the examples read, while `voice api` serves as a process of its own."""
    port = pick_port(None)
    python = str(Path(sys.executable).parent)
    server = {
        "PATH": os.pathsep.join([python, os.defpath]),
        "HOME": str(tmp_path),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "VOICE_API_PORT": str(port),
        "VOICE_API_HOTKEY": receiver.hotkey.ss58_address,
        "VOICE_API_OPERATORS": writer.hotkey.ss58_address,
    }
    caller = {
        "PATH": server["PATH"],
        "HOME": server["HOME"],
        "VOICE_API_URL": f"http://127.0.0.1:{port}",
        "VOICE_API_HOTKEY": receiver.hotkey.ss58_address,
        "BT_WALLET": writer.name,
        "BT_WALLET_HOTKEY": "default",
        "BT_WALLET_PATH": str(writer.path),
    }
    log = (tmp_path / "api.log").open("wb")
    process = subprocess.Popen([sys.executable, "-m", "neurons.cli", "api"], env=server, stdout=log, stderr=log)
    try:
        _await(f"{caller['VOICE_API_URL']}/readyz", process)
        time.sleep(2.1)  # the store of nonces must be older than a caller's clock may be ahead
        yield caller
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def test_the_examples_run(environment: dict[str, str], tmp_path: Path) -> None:
    """Each example reads the leaderboard and orders something, as it stands in the page; a second run changes nothing."""
    examples = dict(EXAMPLE.findall((DOCS / "api.md").read_text(encoding="utf-8")))
    assert set(examples) == {"sh", "python"}
    (tmp_path / "example.sh").write_text(examples["sh"], encoding="utf-8")
    (tmp_path / "example.py").write_text(examples["python"], encoding="utf-8")
    for command in (["bash", "-eu", "example.sh"], [sys.executable, "example.py"]) * 2:
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        read, ordered = _answers(done.stdout)
        assert (read["rows"], ordered) == ([], {"evaluations": [], "submissions": []})


def _answers(printed: str) -> list[dict[str, Any]]:
    """Both examples print two JSON objects, with or without a line's end between."""
    first, end = json.JSONDecoder().raw_decode(printed)
    return [first, json.loads(printed[end:])]


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the API ended before it was ready"
        try:
            if httpx.get(url, timeout=2.0).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the API was not ready in time")
