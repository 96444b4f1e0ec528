"""`voice upgrade check`: whether this release may take over a node, asked before anything is changed."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from neurons.cli.doctor.commands import Roles, document, show
from neurons.cli.options import AsJson, ChainOptions, CompetitionFile, answer, shared_options
from neurons.doctor.role import Role

if TYPE_CHECKING:
    from neurons.doctor.finding import Finding

app = typer.Typer(help="Whether this release may take over this node.", no_args_is_help=True)


@app.callback()
def upgrade() -> None:
    """Whether this release may take over this node."""


@app.command()
@shared_options
def check(options: ChainOptions, roles: Roles = None, competition: CompetitionFile = None, as_json: AsJson = False) -> None:
    """Look with the new release at what is here, before anything is changed; ends with 1 where something stands in the way.

    Whether it knows the database's schema, whether its rules are those of the open round, who is connected by which release, how long
    certificates hold, and whether packages and judges of this host are this release's.
    """
    from neurons.cli.doctor.suggest import suggested
    from neurons.doctor.finding import is_healthy
    from voice_api.db.database import release

    asked = tuple(dict.fromkeys(roles or suggested(options)))
    if not roles:
        typer.echo(f"asked as {', '.join(asked)}, by the settings of this host", err=True)
    found = asyncio.run(_examined(asked, options, competition))
    answer(as_json, {"release": release(), **document(asked, found)}, lambda: show(found))
    raise typer.Exit(0 if is_healthy(found) else 1)


async def _examined(roles: Sequence[Role], options: ChainOptions, competition: Path | None) -> "tuple[Finding, ...]":
    from neurons.cli.doctor.node import Node
    from neurons.cli.doctor.roles import upgrade_checks_of
    from neurons.doctor.examine import examine

    async with AsyncExitStack() as stack:
        return await examine(upgrade_checks_of(roles, Node(options, competition, stack)))
