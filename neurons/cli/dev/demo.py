"""`voice demo`: the whole network on one machine, from a miner's commit to weights on chain."""

import asyncio
import shlex
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from neurons.cli.options import AsJson
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from neurons.localnet.network import Network
    from neurons.localnet.observation import Expectation, Observation

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
    from neurons.localnet.scenario import run_scenario

    for signum in _STOPS:
        signal.signal(signum, _interrupt)
    console = Console(stderr=as_json, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
    failed: list[Expectation] = []
    try:
        with claimed(data, keep) as layout:
            console.print(f"Starting the network in {layout.root}; its logs are in logs/", soft_wrap=True, highlight=False)
            with running(layout, Ports(port, hub_port)) as network:
                ending = asyncio.run(run_scenario(network, console))
                failed = _end(ending.seen, console, as_json)
                if ending.receipt is not None:
                    _show_receipt(ending.receipt, network.api_hotkey, console)
                if not once:
                    _stay(network, console)
    except KeyboardInterrupt:
        console.print("Stopped: no process of the network is left.")
        raise typer.Exit(130 if once else 0) from None
    if once and failed:
        raise PlatformError(Code.INTERNAL, f"of the demo's expectations failed: {'; '.join(item.text for item in failed)}.")


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    """Begin to stop; later signals are ignored, as they would break off the stopping, which has its own limits."""
    for signum in _STOPS:
        signal.signal(signum, signal.SIG_IGN)
    sys.stderr.write("\nStopping; this takes some seconds.\n")
    raise KeyboardInterrupt


def _end(seen: "Observation", console: Console, as_json: bool) -> "list[Expectation]":
    """Show the table; the expectations that failed."""
    from neurons.localnet import demo_output, observation

    checked = observation.check(seen)
    if as_json:
        typer.echo(demo_output.as_json(seen, checked))
    else:
        console.print(demo_output.final(seen, console.width))
        console.print(demo_output.verdicts(checked))
    return [item for item in checked if not item.held]


def _show_receipt(receipt: Path, issuer: str, console: Console) -> None:
    """One line to paste: it works as long as the network's folder is there, also when the network has ended."""
    voice = Path(sys.executable).with_name("voice")
    shown = [str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path) for path in (voice, receipt)]
    command = f"{shlex.quote(shown[0])} verify {shlex.quote(shown[1])} --issuer {issuer}"
    console.print(f"\nEvery verdict has a signed receipt; the king's: {command}", soft_wrap=True, highlight=False, markup=False)


def _stay(network: "Network", console: Console) -> None:
    console.print(
        f"\nListen       {network.api_url}/listen\nLeaderboard  {network.api_url}/\nAPI docs     {network.api_url}/docs"
        f"\nMetrics      {network.metrics_url}"
    )
    console.print("The network goes on; Ctrl-C stops it.")
    while True:
        network.stack.check()
        time.sleep(0.5)
