"""`voice demo`: the whole network on one machine, from a miner's commit to weights on chain."""

import asyncio
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live

from neurons.cli.options import AsJson
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from neurons.localnet.expectations import Checked
    from neurons.localnet.network import Network
    from neurons.localnet.observation import Observation

_CHAIN_TIMEOUT = timedelta(seconds=30)
_READY_SECONDS = 60.0
_SETTLE_SECONDS = 600.0
_STOPS = (signal.SIGINT, signal.SIGTERM)
_PLAIN_WIDTH = 160
"""Columns where the output is no terminal."""


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the table; non-zero if an expectation fails.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Go on with the data of the last run.")] = False,
    data: Annotated[Path, typer.Option("--data", help="The folder of the network.")] = Path(".voice/demo"),
    port: Annotated[int | None, typer.Option("--port", min=1, max=65535, help="The API's port (default: a free one).")] = None,
    hub_port: Annotated[
        int | None, typer.Option("--hub-port", min=1, max=65535, help="The hub's port (default: a free one).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole network on this machine: six miners, two workers, a validator, and a chain of their own."""
    from neurons.localnet.layout import claimed
    from neurons.localnet.network import Ports, running

    for signum in _STOPS:
        signal.signal(signum, _interrupt)
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    failed: list[Checked] = []
    try:
        with claimed(data, keep) as layout:
            console.print(f"Starting the network in {layout.root}; its logs are in logs/", soft_wrap=True, highlight=False)
            with running(layout, Ports(port, hub_port)) as network:
                failed = asyncio.run(_story(network, console, as_json))
                if not once:
                    _stay(network, console)
    except KeyboardInterrupt:
        console.print("Stopped: no process of the network is left.")
        raise typer.Exit(130 if once else 0) from None
    if once and failed:
        raise PlatformError(Code.INTERNAL, f"{len(failed)} expectation(s) of the demo failed; see the table.")


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    """Begin to stop; what comes after the first signal is ignored, as it would break off the stopping, which has its own limits."""
    for signum in _STOPS:
        signal.signal(signum, signal.SIG_IGN)
    sys.stderr.write("\nStopping; this takes some seconds.\n")
    raise KeyboardInterrupt


async def _story(network: "Network", console: Console, as_json: bool) -> "list[Checked]":
    """Commit, watch until the chain pays, show the table; the expectations that failed."""
    from neurons.api_client import VoiceApi
    from neurons.chain import connect
    from neurons.localnet import expectations, table
    from neurons.localnet.commits import commit_all
    from neurons.localnet.network import NETUID

    async with (
        connect("dev", NETUID, network.layout.devchain, _CHAIN_TIMEOUT) as chain,
        VoiceApi(network.api_url, None, network.api_hotkey) as api,
    ):
        await _ready(network, api)
        await commit_all(chain, network.miners, network.layout.wallets)
        seen = await _watch(network, api, chain, console)
    checked = expectations.check(seen)
    if as_json:
        typer.echo(table.as_json(seen, checked))
    else:
        console.print(table.final(seen, console.width))
        console.print(table.verdicts(checked))
    return [item for item in checked if not item.held]


async def _ready(network: "Network", api: "VoiceApi") -> None:  # type: ignore[name-defined]  # noqa: F821
    from neurons.api_client import ApiUnavailable

    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        network.stack.check()
        try:
            await api.queue()
        except ApiUnavailable:
            await asyncio.sleep(0.2)
        else:
            return
    raise PlatformError(Code.API_UNAVAILABLE, f"the API did not answer within {_READY_SECONDS:.0f} s; see {network.layout.logs}.")


async def _watch(network: "Network", api: "VoiceApi", chain: "Chain", console: Console) -> "Observation":  # type: ignore[name-defined]  # noqa: F821
    from neurons.localnet import table
    from neurons.localnet.network import COMPETITION
    from neurons.localnet.watch import observe
    from scoring.competition import load

    round_blocks, started = load(COMPETITION).round_blocks, time.monotonic()
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while (spent := time.monotonic() - started) < _SETTLE_SECONDS:
            network.stack.check()
            seen = await observe(api, chain, network.api_hotkey, network.miners, round_blocks)
            live.update(table.live(seen, spent))
            if seen.settled:
                return seen
            await asyncio.sleep(0.5)
    raise PlatformError(Code.INTERNAL, f"the network did not settle within {_SETTLE_SECONDS:.0f} s; see {network.layout.logs}.")


def _stay(network: "Network", console: Console) -> None:
    console.print(
        f"\nLeaderboard  {network.api_url}/\nAPI docs     {network.api_url}/docs\nMetrics      {network.api_url}/metrics"
    )
    console.print("The network goes on; Ctrl-C stops it.")
    while True:
        network.stack.check()
        time.sleep(0.5)
