"""`voice status`: one screen of a running node."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.doctor.commands import advice
from neurons.cli.options import AsJson, ChainOptions, CompetitionFile, address, shared_options

if TYPE_CHECKING:
    from neurons.cli.doctor.node import Node
    from neurons.doctor.chain_health import ChainView
    from neurons.doctor.status import NodeStatus, StoredStatus
    from scoring.types import Hotkey

Watch = Annotated[bool, typer.Option("--watch", help="Go on until it is interrupted; without a terminal, a line each time.")]
Every = Annotated[float, typer.Option("--every", min=1.0, max=3600.0, help="Seconds between two looks of --watch.")]
Validator = Annotated[
    str | None,
    typer.Option("--validator", parser=address, metavar="ADDRESS", help="Whose ledger and weights (default: the wallet's)."),
]


@shared_options
def status(
    options: ChainOptions,
    watch: Watch = False,
    every: Every = 10.0,
    validator: Validator = None,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Show this node as it is now: round, queues, workers, kings, folds, weights, and what is not well.

    It reads PostgreSQL and the chain themselves, so it works while the API is down. --json prints one document, with --watch one a line.
    """
    from neurons.doctor.status import as_data

    def look() -> "NodeStatus":
        return asyncio.run(_read(options, competition, validator))

    if as_json:
        for found in _looks(look, watch=watch, every=every):
            typer.echo(json.dumps(as_data(found)))
    elif not watch:
        Console().print(_screen(look()))
    elif Console().is_terminal:
        with Live(Text("looking…"), auto_refresh=False, screen=True) as live:
            for found in _looks(look, watch=True, every=every):
                live.update(_screen(found), refresh=True)
    else:
        for found in _looks(look, watch=True, every=every):
            typer.echo(_line(found))


def _looks(look: "Callable[[], NodeStatus]", *, watch: bool, every: float) -> "Iterator[NodeStatus]":
    """One look, or one after the other with a pause between."""
    yield look()
    while watch:
        time.sleep(every)
        yield look()


async def _read(options: ChainOptions, competition: Path | None, validator: str | None) -> "NodeStatus":
    from neurons.cli.doctor.node import Node
    from neurons.cli.doctor.roles import status_checks
    from neurons.doctor.examine import examine
    from neurons.doctor.status import NodeStatus

    async with AsyncExitStack() as stack:
        node = Node(options, competition, stack)
        whose = _whose(node, validator)
        findings, stored, chain = await asyncio.gather(
            examine(status_checks(node, is_validator=whose is not None)), _stored(node, whose), _chain(node)
        )
        return NodeStatus(at=node.now(), chain=chain, stored=stored, findings=findings)


def _whose(node: "Node", validator: str | None) -> "Hotkey | None":
    from scoring.errors import PlatformError
    from scoring.types import Hotkey

    if validator is not None:
        return Hotkey(validator)
    try:
        return node.hotkey
    except PlatformError:
        return None


async def _stored(node: "Node", whose: "Hotkey | None") -> "StoredStatus | None":
    """What the database says; None where it does not answer, which a finding tells."""
    from pydantic import ValidationError

    from neurons.doctor.status import read_stored
    from scoring.errors import PlatformError
    from voice_api.db.health import told_refusals

    try:
        with told_refusals():
            return await read_stored(await node.pool(), whose)
    except (PlatformError, ValidationError):
        return None


async def _chain(node: "Node") -> "ChainView | None":
    from neurons.chain.types import ChainUnavailable

    try:
        return await node.view()
    except ChainUnavailable:
        return None


def _screen(found: "NodeStatus") -> RenderableType:
    parts: list[RenderableType] = [Text(_head(found), "bold")]
    if found.stored is not None:
        parts += [_tracks(found.stored), _workers(found.stored), _validators(found)]
    parts += [
        Text("nothing is wrong" if not found.problems else f"{len(found.problems)} to look at", "bold"),
        advice(found.findings),
    ]
    return Group(*parts)


def _head(found: "NodeStatus") -> str:
    chain = "chain: no answer" if found.chain is None else f"block {found.chain.head}"
    if found.stored is None:
        return f"{found.at:%Y-%m-%d %H:%M:%S} UTC · {chain} · database: no answer"
    newest = found.stored.round
    if newest is None:
        return f"{found.at:%Y-%m-%d %H:%M:%S} UTC · {chain} · no round yet"
    left = "" if found.chain is None else f", {max(0, newest.deadline_block - found.chain.head)} blocks to its deadline"
    stands = f"round {newest.round} is {newest.state}{left if newest.state == 'open' else ''}"
    return f"{found.at:%Y-%m-%d %H:%M:%S} UTC · {chain} · {stands}"


def _tracks(stored: "StoredStatus") -> RenderableType:
    from neurons.doctor.words import lasting

    table = Table(Column("track", overflow="fold"), *("queue", "ended", "running", "wait", "parked", "longest"), box=SIMPLE_HEAD)
    for each in stored.tracks:
        ended = f"{each.scored + each.rejected + each.parked}/{each.total}"
        waits = "" if each.waits is None else lasting(each.waits)
        counts = map(str, (each.running, each.queued, each.parked))
        table.add_row(*map(Text, (each.track or "not known yet", each.queue.value, ended, *counts, waits)))
    return Group(table, *(Text(f"  king of {track}: {king}") for track, king in stored.kings.items()))


def _workers(stored: "StoredStatus") -> Table:
    table = Table("queue", "workers", "drain", "hosts", box=SIMPLE_HEAD)
    for each in stored.workers:
        table.add_row(each.queue.value, str(each.workers), str(each.draining), str(each.hosts))
    if not stored.workers:
        table.add_row("no worker lives", "0", "0", "0")
    return table


def _validators(found: "NodeStatus") -> Table:
    from neurons.doctor.words import lasting

    table = Table(Column("validator", overflow="fold"), "folded", "weights", "in block", "tried", "burned", box=SIMPLE_HEAD)
    stored = found.stored
    for line in () if stored is None else stored.validators:
        folded = "" if line.folded_at is None else f"round {line.round}, {lasting(found.at - line.folded_at)} ago"
        tried = "" if line.attempted_at is None else f"{lasting(found.at - line.attempted_at)} ago"
        burned = (
            f"{stored.burn:.1%}" if stored is not None and line.validator == stored.validator and stored.burn is not None else ""
        )
        weights, block = ("none yet", "") if line.outcome is None else (line.outcome.value, str(line.block))
        table.add_row(*map(Text, (line.validator, folded, weights, block, tried, burned)))
    return table


def _line(found: "NodeStatus") -> str:
    """The status in one line, for a log."""
    ended = total = 0
    for each in () if found.stored is None else found.stored.tracks:
        ended, total = ended + each.scored + each.rejected + each.parked, total + each.total
    workers = 0 if found.stored is None else sum(each.workers for each in found.stored.workers)
    problems = "; ".join(f"{each.check} {each.health}: {each.value}" for each in found.problems) or "nothing is wrong"
    return f"{_head(found)} · {ended}/{total} ended · {workers} workers · {problems}"
