"""Options that several commands share, under the names every operator's fingers know."""

from pathlib import Path
from typing import Annotated, Any

import typer

Network = Annotated[str | None, typer.Option("--network", "-n", "--subtensor.network", help="dev, local, test, finney or ws://…")]
Netuid = Annotated[int | None, typer.Option("--netuid", help="The subnet's number.")]
Wallet = Annotated[str | None, typer.Option("--wallet", "-w", "--wallet.name", help="The wallet's name.")]
WalletHotkey = Annotated[str | None, typer.Option("--wallet-hotkey", "-H", "--wallet.hotkey", help="The hotkey's name.")]
WalletPath = Annotated[Path | None, typer.Option("--wallet-path", "--wallet.path", help="The folder of the wallets.")]
CompetitionFile = Annotated[Path | None, typer.Option("--competition", help="The competition's TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def given(**options: Any) -> dict[str, Any]:
    """The options that were given: what was not is left to the environment."""
    return {name: value for name, value in options.items() if value is not None}
