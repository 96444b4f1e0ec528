"""docs/first_day.md: an operator who follows it comes from a clone to weights, by the commands that stand there."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from neurons.localnet.network import COMPETITION
from neurons.localnet.services import pick_port
from tests.builders.finished_demo import FinishedDemo, served_demo
from tests.builders.processes import ROOT, left_behind

pytestmark = pytest.mark.e2e

PAGE = (ROOT / "docs" / "first_day.md").read_text(encoding="utf-8")
LINES = "".join(re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)).splitlines()
ENDLESS = "    # until you stop it"
NETWORK, *REST = LINES
ADDRESS = "http://127.0.0.1:8000"
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
SPOKEN = re.findall(rf"^(?:export VOICE_API_URL={ADDRESS}|voice say .*)$", TUTORIAL, re.MULTILINE)
"""The tutorial's own lines beside this page's: the king says a sentence."""
MANY_WORDS = re.compile(r"(?:\b[a-z]{3,8} ){11}[a-z]{3,8}\b")
UNTIL_SET = """
{command} & validator=$!
until voice validator weights --json | grep '"outcome": "set"' > set; do kill -0 $validator; sleep 1; done
kill $validator; wait $validator
"""
"""What somebody does who waits for the line of the weights, and then stops the validator."""


def follow(place: Path, lines: list[str], url: str, seconds: float) -> str:
    """Run lines of the page in a folder as a clone is, and return what was printed."""
    lines = [UNTIL_SET.format(command=line.removesuffix(ENDLESS)) if line.endswith(ENDLESS) else line for line in lines]
    with (place / "printed").open("wb") as printed:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", "\n".join(lines).replace(ADDRESS, url)],
            cwd=place,
            env={"PATH": f"{Path(sys.executable).parent}:{os.defpath}", "HOME": str(place), "COLUMNS": "200"},
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
    try:
        status: int | None = shell.wait(seconds)
    except subprocess.TimeoutExpired:
        status = None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)  # a validator that it did not stop
        shell.wait()
    said = (place / "printed").read_text(encoding="utf-8")
    assert status == 0, said
    return said


def expect_all(said: str, place: Path) -> None:
    """The uid, the weights, the reason, the same ledger, the same score; and no word of a key. The settings stand in a file."""
    written = place / "voice.toml"
    assert tomllib.loads(written.read_text(encoding="utf-8"))["wallet"] == "watcher"
    assert written.stat().st_mode & 0o777 == 0o600
    for words in ("holds uid", "weights set", "king since block", "The same in ", "The receipt holds"):
        assert words in said, said
    assert MANY_WORDS.findall(said) == []


@pytest.mark.timeout(300)
def test_its_lines_lead_to_weights_beside_a_network_that_was_judged(demo_data: FinishedDemo) -> None:
    """Everything but the network, on what the demo left: from a wallet to weights, an equal ledger and a receipt that holds, whose
    sounds are not judged again here."""
    lines = [line.replace("--level 2", "--level 1") for line in REST]
    with ExitStack() as stack:
        place = Path(stack.enter_context(TemporaryDirectory(prefix="voice-day-")))
        served = stack.enter_context(served_demo(demo_data.folder))
        for file in demo_data.folder.glob("devchain.sqlite*"):
            shutil.copy(file, served.layout.root)
        (place / ".voice").mkdir()
        (place / ".voice" / "demo").symlink_to(served.layout.root)
        (place / "neurons" / "localnet").mkdir(parents=True)
        shutil.copy(COMPETITION, place / "neurons" / "localnet")
        expect_all(follow(place, lines, served.url, 200), place)


def cloned(folder: Path) -> Path:
    """A fresh clone with an environment of its own, whose packages are not fetched: they are this environment's files."""
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True, timeout=120)
    subprocess.run(["cp", "-al", sys.prefix, str(clone / ".venv")], check=True, timeout=120)
    install = ("-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--no-build-isolation", "--editable", ".")
    subprocess.run([clone / ".venv" / "bin" / "python", *install], cwd=clone, check=True, timeout=120)
    return clone


@contextmanager
def started(clone: Path, ports: tuple[int, int], printed: Path) -> Iterator[None]:
    """The page's first line at work in a clone that has its packages; it is stopped by Ctrl-C, and leaves nothing."""
    command = NETWORK.removesuffix(ENDLESS).replace("make demo", "make -o .venv/.ready demo")
    for known, free in zip(("8000", "8001"), ports, strict=True):
        command = command.replace(known, str(free))
    with printed.open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=clone,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(clone)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        while "The network goes on" not in printed.read_text(encoding="utf-8"):
            assert process.poll() is None, printed.read_text(encoding="utf-8")
            time.sleep(1.0)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    assert left_behind(clone / ".voice") == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_a_clone_to_weights_in_ten_minutes(tmp_path: Path) -> None:
    """The whole page, its network too; the packages alone are there already."""
    began, ports = time.monotonic(), (pick_port(None), pick_port(None))
    with TemporaryDirectory(prefix="voice-day-") as folder:
        clone = cloned(Path(folder))
        with started(clone, ports, tmp_path / "network.log"):
            url = f"http://127.0.0.1:{ports[0]}"
            assert httpx.get(f"{url}/", timeout=10.0).is_success
            expect_all(follow(clone, [*REST, *SPOKEN], url, 300), clone)
            assert (clone / "king.wav").stat().st_size > 10_000
    assert MANY_WORDS.findall((tmp_path / "network.log").read_text(encoding="utf-8")) == []
    assert time.monotonic() - began < 600
