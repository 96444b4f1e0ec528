"""`voice doctor`: what is wrong with this node, what it means, and what to do."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.options import AsJson, ChainOptions, CompetitionFile, answer, shared_options
from neurons.doctor.role import Role

if TYPE_CHECKING:
    from neurons.doctor.finding import Finding

Roles = Annotated[
    list[Role] | None,
    typer.Argument(metavar="validator|worker|api|miner", help="What this host is (default: what its settings suggest)."),
]
STYLES = {"ok": "green", "warning": "yellow", "failing": "bold red", "unknown": "dim"}
"""The colour of each health."""
TABLE_WIDTH = 70
"""Columns of a terminal below which a table would break words."""


@shared_options
def doctor(options: ChainOptions, roles: Roles = None, competition: CompetitionFile = None, as_json: AsJson = False) -> None:
    """Look at every part of this node and say what is wrong and what to do; ends with 1 where something fails.

    It reads PostgreSQL itself, so it works while the API is down; it changes nothing, unlocks no key, and takes 20 seconds at most.
    """
    from neurons.cli.doctor.suggest import suggested
    from neurons.doctor.finding import is_healthy

    asked = tuple(dict.fromkeys(roles or suggested(options)))
    if not roles:
        typer.echo(f"asked as {', '.join(asked)}, by the settings of this host", err=True)
    found = asyncio.run(_examined(asked, options, competition))
    answer(as_json, document(asked, found), lambda: show(found))
    raise typer.Exit(0 if is_healthy(found) else 1)


async def _examined(roles: Sequence[Role], options: ChainOptions, competition: Path | None) -> "tuple[Finding, ...]":
    from neurons.cli.doctor.node import Node
    from neurons.cli.doctor.roles import checks_of
    from neurons.cli.roles import file_trouble
    from neurons.doctor.examine import examine

    async with AsyncExitStack() as stack:
        return await examine(checks_of(roles, Node(options, competition, stack), file_trouble()))


def document(roles: Sequence[Role], found: "Sequence[Finding]") -> dict[str, Any]:
    """The findings as one JSON document."""
    from neurons.doctor.finding import is_healthy

    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "roles": [role.value for role in roles],
        "healthy": is_healthy(found),
        "findings": [finding.as_data() for finding in found],
    }


def show(found: "Sequence[Finding]") -> None:
    """Print the findings, as a table where there is room for one, and what to do."""
    console = Console()
    console.print(_table(found) if console.width >= TABLE_WIDTH else _list(found))
    console.print(advice(found))
    counts = Counter(finding.health.value for finding in found)
    console.print(", ".join(f"{counts[health]} {health}" for health in STYLES if counts[health]))


def _table(found: "Sequence[Finding]") -> RenderableType:
    table = Table("health", "part", Column("how it is", overflow="fold"), box=SIMPLE_HEAD)
    for finding in found:
        health = finding.health.value
        table.add_row(Text(health, STYLES[health]), finding.check.value, Text(finding.value))
    return table


def _list(found: "Sequence[Finding]") -> RenderableType:
    """The same, each part on lines of its own."""
    rows: list[RenderableType] = []
    for finding in found:
        health = finding.health.value
        rows += [Text.assemble((health, STYLES[health]), f" {finding.check.value}"), Padding(Text(finding.value), (0, 0, 0, 2))]
    return Group(*rows, "")


def advice(found: "Sequence[Finding]") -> RenderableType:
    """What to do about each part that is not well, what fails first."""
    wrong = [finding for health in ("failing", "warning") for finding in found if finding.health.value == health]
    return Group(*(_advice(finding) for finding in wrong))


def _advice(finding: "Finding") -> RenderableType:
    code = f" [{finding.code.value}]" if finding.code is not None else ""
    see = f"\nSee {finding.see}." if finding.see else ""
    head = Text.assemble((f"{finding.check.value}: ", STYLES[finding.health.value]), f"{finding.value}{code}")
    return Group(head, Padding(Text(f"{finding.meaning}\nTo do: {finding.fix}{see}\n"), (0, 0, 0, 2)))
