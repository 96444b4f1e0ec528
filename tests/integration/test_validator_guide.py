"""docs/validator.md: an operator who follows it on a development chain sets weights; what it says of `finney` at least is a command."""

import asyncio
import os
import re
import shlex
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer.main

from neurons.chain import wallets
from neurons.chain.adapter import Chain
from neurons.cli.main import app
from neurons.devchain import operations
from neurons.devchain.genesis import RAO
from neurons.devchain.substrate import DevSubstrate
from neurons.localnet.network import COMPETITION, NETUID
from neurons.validator.weights import decision
from scoring.errors import Code
from scoring.types import Block, Hotkey, RoundNumber
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import a_state
from tests.integration.weight_bed import a_record
from voice_api.db.database import Pool
from voice_api.db.ledger import Ledger
from voice_api.db.states import WeightOutcome
from voice_api.db.weights import Weights

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "validator.md").read_text(encoding="utf-8")
LINES = "".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines()
ELSEWHERE, ENDLESS = "# test, finney", "# until you stop it"
FOLDED = "touch registered; while [ ! -e folded ]; do sleep 0.1; done"
"""What the demo's workers need minutes for: rounds that are judged."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder as `make demo` leaves it, with a validator and two miners on its chain."""
    demo = tmp_path / ".voice" / "demo"
    owner, validator, *miners = (wallets.create(name, "default", demo / "wallets") for name in ("owner", "validator", "m1", "m2"))
    rules = tmp_path / "neurons" / "localnet" / "competition.toml"
    rules.parent.mkdir(parents=True)
    shutil.copy(COMPETITION, rules)
    chain = demo / "devchain.sqlite"
    address = owner.hotkey.ss58_address
    operations.create(
        chain, netuid=NETUID, block_seconds=0.2, owner_coldkey=owner.coldkeypub.ss58_address, owner_hotkey=Hotkey(address)
    )
    for wallet in (validator, *miners):
        operations.faucet(chain, wallet.coldkeypub.ss58_address, RAO)
        operations.register(chain, Hotkey(wallet.hotkey.ss58_address), wallet.coldkeypub.ss58_address)
    return tmp_path


def script(database_url: str) -> str:
    """All lines of the page that belong on a development chain; what does not end is ended once it has had time to set weights."""
    lines = [line for line in LINES if not line.endswith(ELSEWHERE)]
    timed = [f"timeout --preserve-status -s TERM 9 {line}" if line.endswith(ENDLESS) else line for line in lines]
    timed.insert(next(place for place, line in enumerate(timed) if line.startswith("timeout")), FOLDED)
    return re.sub(r"(?m)^export DATABASE_URL=.*$", f"export DATABASE_URL='{database_url}'", "\n".join(timed))


async def folded(pool: Pool, chain: Path, watcher: Hotkey) -> None:
    """The ledger of the new validator after a round in which both miners were scored."""
    async with Chain(DevSubstrate(chain), NETUID, timedelta(seconds=20)) as opened:
        metagraph = await opened.metagraph(await opened.head())
    known = zip(metagraph.neurons[2:4], (0.8, 0.6), (20, 10), strict=True)
    records = tuple(a_record(neuron.hotkey, score, block) for neuron, score, block in known)
    ordered = tuple(sorted(records, key=lambda record: record.entrant))
    number = RoundNumber(metagraph.block // 40)
    state = a_state(
        round=number, king=records[0].entrant, king_since=Block(0), throne="king since block 0: it scored", records=ordered
    )
    await Ledger(pool, watcher).append(a_ledger_entry(number, state=state))


def hotkey_of(path: Path) -> Hotkey:
    """The one that the page made."""
    return Hotkey(wallets.load("watcher", "default", path).hotkey.ss58_address)


@pytest.mark.slow
@pytest.mark.timeout(200)
async def test_every_line_of_it_works_on_a_development_chain(place: Path, pool: Pool, database_url: str) -> None:
    """From nothing to weights in the open, and then sealed ones that wait; each explained, and computed again."""
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script(database_url)),
        cwd=place,
        env={
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "HOME": str(place),
            "VOICE_PAUSE_SECONDS": "0.3",
            "COLUMNS": "220",
        },
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = asyncio.create_task(shell.communicate())
    until = time.monotonic() + 60
    while not (place / "registered").exists() and time.monotonic() < until and not output.done():  # noqa: ASYNC110 - a shell
        await asyncio.sleep(0.1)
    assert (place / "registered").exists(), (await output)[0].decode()
    watcher = hotkey_of(place / ".voice" / "watcher")
    await folded(pool, place / ".voice" / "demo" / "devchain.sqlite", watcher)
    (place / "folded").touch()
    said = (await output)[0].decode()
    assert shell.returncode == 0, said
    outcomes = {attempt.outcome for attempt in await Weights(pool, watcher).page()}
    assert WeightOutcome.SET in outcomes, said  # before the permit, which comes with the next epoch, nothing is sent
    assert outcomes & {WeightOutcome.PENDING, WeightOutcome.EXPIRED}, said  # without a beacon they wait, and then are lost
    for words in ("king since block 0", "equal to what was sent", "1.0000", "weights set", "weights sealed"):
        assert words in said, said


@pytest.mark.parametrize("line", [line for line in LINES if line.endswith(ELSEWHERE) and line.startswith("voice ")])
def test_what_is_for_finney_is_a_command_that_is_there(line: str) -> None:
    """The command line takes it; nothing is run."""
    command: Any = typer.main.get_command(app)
    words = shlex.split(line, comments=True)[1:]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    assert "finney" in command.make_context("", words).params.values()


def test_its_words_and_numbers_are_the_codes() -> None:
    """Every outcome has its row; codes, and what is counted, are what the code says."""
    rows = re.findall(r"(?m)^\| ([a-z ]+) \|", PAGE)
    assert {outcome.value.replace("_", " ") for outcome in WeightOutcome} <= set(rows)
    said = PAGE.replace("\n", " ")
    for words in (
        f"with code {Code.COMPETITION_EXPIRED}; {decision.WARN_ROUNDS} rounds before it warns",
        f"code {Code.CHAIN_UNAVAILABLE};",
        f"code {Code.DATABASE_UNAVAILABLE};",
        f"code {Code.REVOCATIONS_INVALID};",
        f"after {decision.FIRST_RETRY}, {decision.FIRST_RETRY * 2}, {decision.FIRST_RETRY * 4}, … blocks",
    ):
        assert words in said, words
