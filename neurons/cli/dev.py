"""`voice dev`: the development chain and the local hub."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from neurons.cli.options import AsJson, Netuid, Wallet, WalletHotkey, WalletPath, given

if TYPE_CHECKING:
    import bittensor as bt

    from neurons.settings import ChainSettings

app = typer.Typer(help="The development chain and the local model hub.", no_args_is_help=True)

ChainFile = Annotated[Path | None, typer.Option("--chain", help="The chain's file (default: VOICE_DEVCHAIN).")]


@app.command()
def create(
    chain: ChainFile = None,
    netuid: Netuid = None,
    wallet: Wallet = None,
    wallet_hotkey: WalletHotkey = None,
    wallet_path: WalletPath = None,
    block_seconds: Annotated[float, typer.Option(min=0.05, help="Seconds from block to block.")] = 12.0,
) -> None:
    """Create a chain with one subnet, owned by the wallet; a missing wallet is made without a password."""
    from neurons import wallets
    from neurons.devchain import operations
    from neurons.settings import ChainSettings

    settings = ChainSettings(
        **given(devchain=chain, netuid=netuid, wallet=wallet, wallet_hotkey=wallet_hotkey, wallet_path=wallet_path)
    )
    owner = wallets.create(settings.wallet, settings.wallet_hotkey, settings.wallet_path)
    operations.create(
        settings.devchain,
        netuid=settings.netuid,
        block_seconds=block_seconds,
        owner_coldkey=owner.coldkeypub.ss58_address,
        owner_hotkey=owner.hotkey.ss58_address,
    )
    typer.echo(f"created {settings.devchain}: subnet {settings.netuid}, a block every {block_seconds:g} s")


@app.command()
def hub(
    root: Annotated[Path, typer.Option(help="The folder of repositories.")],
    port: Annotated[int, typer.Option(help="The port to listen on.")],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve a folder of repositories as the model hub does."""
    import uvicorn

    from neurons.cli import logs
    from neurons.localnet.hub_server import create_hub
    from neurons.localnet.ports import check_free

    logs.configure()
    check_free(host, port)
    uvicorn.run(create_hub(root), host=host, port=port, log_level="warning", access_log=False)


@app.command()
def faucet(
    amount: Annotated[float, typer.Argument(min=0.0, help="Tokens to give.")],
    chain: ChainFile = None,
    wallet: Wallet = None,
    wallet_hotkey: WalletHotkey = None,
    wallet_path: WalletPath = None,
) -> None:
    """Give tokens to the wallet's coldkey."""
    from neurons.devchain import operations
    from neurons.devchain.genesis import RAO

    settings, keys = _wallet(chain, wallet, wallet_hotkey, wallet_path)
    block = operations.faucet(settings.devchain, keys.coldkeypub.ss58_address, round(amount * RAO))
    typer.echo(f"{keys.coldkeypub.ss58_address} has {amount:g} more from block {block} on")


@app.command()
def register(
    chain: ChainFile = None,
    wallet: Wallet = None,
    wallet_hotkey: WalletHotkey = None,
    wallet_path: WalletPath = None,
    stake: Annotated[float, typer.Option(min=0.0, help="Tokens staked on the hotkey (validators).")] = 0.0,
) -> None:
    """Register the wallet's hotkey on the subnet."""
    from neurons.devchain import operations
    from neurons.devchain.genesis import RAO
    from scoring.types import Hotkey as HotkeyAddress

    settings, keys = _wallet(chain, wallet, wallet_hotkey, wallet_path)
    hotkey = HotkeyAddress(keys.hotkey.ss58_address)
    uid = operations.register(settings.devchain, hotkey, keys.coldkeypub.ss58_address, round(stake * RAO))
    typer.echo(f"{hotkey} holds uid {uid}")


@app.command()
def blocks(
    chain: ChainFile = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest blocks.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the chain's newest blocks and what happened in them."""
    import json
    from dataclasses import asdict

    from neurons.devchain import operations
    from neurons.settings import ChainSettings

    found = operations.blocks(ChainSettings(**given(devchain=chain)).devchain, limit)
    if as_json:
        typer.echo(json.dumps([asdict(block) for block in found]))
        return
    table = Table("block", "hash", "events")
    for block in found:
        table.add_row(str(block.number), block.hash[:14], "\n".join(block.events))
    Console().print(table)


def _wallet(chain: Path | None, wallet: str | None, hotkey: str | None, path: Path | None) -> "tuple[ChainSettings, bt.Wallet]":
    from neurons import wallets
    from neurons.settings import ChainSettings

    settings = ChainSettings(**given(devchain=chain, wallet=wallet, wallet_hotkey=hotkey, wallet_path=path))
    return settings, wallets.load(settings.wallet, settings.wallet_hotkey, settings.wallet_path)
