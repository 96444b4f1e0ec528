"""docs/miner.md: a miner who follows it on a development chain gets where it says; what it says of `finney` at least is a command."""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import bittensor as bt
import pytest
import typer.main

from neurons.api_client.client import VoiceApi
from neurons.chain import wallets
from neurons.chain.adapter import COMMIT_LASTS, Chain
from neurons.cli.main import app
from neurons.devchain import operations
from neurons.devchain.genesis import RAO
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet.network import COMPETITION, NETUID
from neurons.localnet.repositories import is_private
from neurons.model_queue import daemon
from neurons.shutdown import Shutdown
from scoring.competition import load
from scoring.ranking import duel
from scoring.types import Hotkey
from tests.integration.hub_thread import hub_over
from voice_api.settings import ApiSettings

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "miner.md").read_text(encoding="utf-8")
POCKET = re.compile(r"^## If it is a Pocket TTS\n.*?(?=^## )", re.DOTALL | re.MULTILINE)
"""The section of a family that the demo does not admit: `test_pocket_guide` runs it."""
LINES = "".join(re.findall(r"```sh\n(.*?)```", POCKET.sub("", PAGE), re.DOTALL)).splitlines()
ELSEWHERE, ENDLESS = "# test, finney", "# until you stop it"
PAUSE = timedelta(seconds=0.3)


@pytest.fixture
def validator(tmp_path: Path) -> bt.Wallet:
    """As the demo makes it; the API answers as its hotkey."""
    return wallets.create("validator", "default", tmp_path / ".voice" / "demo" / "wallets")


@pytest.fixture
def place(tmp_path: Path, validator: bt.Wallet) -> Iterator[tuple[Path, str]]:
    """A folder as `make demo` leaves it beside the repository's own files, and the hub's URL; the rounds are as small as can be."""
    demo, address = tmp_path / ".voice" / "demo", validator.hotkey.ss58_address
    rules = tmp_path / "neurons" / "localnet" / "competition.toml"
    rules.parent.mkdir(parents=True)
    groups = "single = 5\ncounterfactual = 0\nvoice = 1"
    text = COMPETITION.read_text(encoding="utf-8")
    assert groups in text
    rules.write_text(text.replace(groups, "single = 1\ncounterfactual = 0\nvoice = 0"), encoding="utf-8")
    operations.create(
        demo / "devchain.sqlite", netuid=NETUID, block_seconds=0.2, owner_coldkey=address, owner_hotkey=Hotkey(address)
    )
    operations.faucet(demo / "devchain.sqlite", address, RAO)
    (demo / "hub").mkdir()
    with hub_over(demo / "hub") as url:
        yield tmp_path, url


@asynccontextmanager
async def model_queue_on(chain: Path, api: str, keys: bt.Wallet, receiver: bt.Wallet) -> AsyncIterator[None]:
    """The network's own part: what is committed becomes known to the API."""
    stop = Shutdown()
    async with (
        Chain(DevSubstrate(chain), NETUID, timedelta(seconds=20)) as opened,
        VoiceApi(api, keys, receiver.hotkey.ss58_address) as client,
    ):
        running = asyncio.create_task(daemon.run(opened, client, load(COMPETITION), PAUSE, stop))
        yield
        stop.request()
        await running


def script(api: str, hub: str) -> str:
    """All lines of the page that belong on a development chain, on the ports of this test; what does not end is ended."""
    lines = [line for line in LINES if not line.endswith(ELSEWHERE)]
    timed = [f"timeout --preserve-status -s TERM 12 {line}" if line.endswith(ENDLESS) else line for line in lines]
    return "\n".join(timed).replace("http://127.0.0.1:8001", hub).replace("http://127.0.0.1:8000", api)


@pytest.mark.slow
@pytest.mark.timeout(420)
async def test_every_line_of_it_works_on_a_development_chain(
    place: tuple[Path, str],
    listen: Callable[[ApiSettings], str],
    api_settings: Callable[..., ApiSettings],
    validator: bt.Wallet,
    writer: bt.Wallet,
) -> None:
    """From nothing to two submissions: one by the daemon, one by hand; both public, both known to the API."""
    folder, hub = place
    api, chain = listen(api_settings(hotkey=validator.hotkey.ss58_address)), folder / ".voice" / "demo" / "devchain.sqlite"
    path = f"{Path(sys.executable).parent}:{os.defpath}"
    async with model_queue_on(chain, api, writer, validator):
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", script(api, hub)),
            cwd=folder,
            env={"PATH": path, "HOME": str(folder), "VOICE_PAUSE_SECONDS": "0.3", "COLUMNS": "200"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await shell.communicate()
        said = output.decode()
        assert shell.returncode == 0, said
        async with VoiceApi(api) as client:
            held = await client.submissions()
    repos = sorted(item.repo or "" for item in held)
    assert [repo.partition("-")[0] for repo in repos] == ["me/by", "me/voice"]
    assert not any(is_private(folder / ".voice" / "demo" / "hub", repo) for repo in repos)
    for words in (
        "A validator accepts this folder.",
        "Dry run: nothing is uploaded",
        "step-100: it is committed",
        "me/by-hand is public",
    ):
        assert words in said


@pytest.mark.parametrize("line", [line for line in LINES if line.endswith(ELSEWHERE) and line.startswith("voice ")])
def test_what_is_for_finney_is_a_command_that_is_there(line: str) -> None:
    """The command line takes it; nothing is run."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line, comments=True)[1:]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    assert "finney" in command.make_context("", words).params.values()


def test_its_numbers_are_the_rules() -> None:
    """Of the competition that counts."""
    competition = load().version[-1]
    rules, blocks = competition.track[0], competition.cooldown_blocks
    for said in (
        f"or {rules.duel.max_rounds} rounds have passed",
        f"needs evidence of {duel.threshold(rules.duel, 1):g}; each further",
        f"it must score {rules.pay.floor:g} at least",
        f"for {blocks:,} blocks (about {blocks * 12 / 3600:g} hours)",
        f"more ({COMMIT_LASTS} blocks)",
    ):
        assert said in PAGE.replace("\n", " "), said
