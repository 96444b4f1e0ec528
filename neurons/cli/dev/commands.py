"""`voice dev`: the development chain and the local hub."""

from pathlib import Path
from typing import Annotated

import typer

from neurons.cli.dev import fault, rules
from neurons.cli.options import AsJson, DevChainOptions, DevWalletOptions, Netuid, address, shared_options
from neurons.cli.output import answer

app = typer.Typer(help="The development chain and the local model hub.", no_args_is_help=True)
app.add_typer(fault.app, name="fault")
app.command("set")(rules.change)
app.command("reveal")(rules.reveal)

OnHotkey = Annotated[
    str | None, typer.Option("--on", parser=address, metavar="ADDRESS", help="Another hotkey (default: the wallet's).")
]


@app.command()
@shared_options
def create(
    options: DevWalletOptions,
    netuid: Netuid = None,
    block_seconds: Annotated[float, typer.Option(min=0.05, help="Seconds from block to block.")] = 12.0,
) -> None:
    """Create a chain with one subnet, owned by the wallet; a missing wallet is made without a password."""
    from neurons.chain import wallets
    from neurons.devchain import operations
    from neurons.settings import ChainSettings

    settings = options.settings(ChainSettings, netuid=netuid)
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
    from voice_api.runtime.reachable import check_free

    logs.configure()
    check_free(host, port)
    uvicorn.run(create_hub(root), host=host, port=port, log_level="warning", access_log=False)


@app.command()
@shared_options
def faucet(
    options: DevWalletOptions,
    amount: Annotated[float, typer.Argument(min=0.0, help="Tokens to give.")],
) -> None:
    """Give tokens to the wallet's coldkey."""
    from neurons.devchain import operations
    from neurons.devchain.genesis import RAO

    keys = options.keys()
    block = operations.faucet(options.file, keys.coldkeypub.ss58_address, round(amount * RAO))
    typer.echo(f"{keys.coldkeypub.ss58_address} has {amount:g} more from block {block} on")


@app.command()
@shared_options
def register(
    options: DevWalletOptions,
    stake: Annotated[float, typer.Option(min=0.0, help="Tokens staked on the hotkey (validators).")] = 0.0,
) -> None:
    """Register the wallet's hotkey on the subnet; a full subnet drops the neuron that earns least and is not immune."""
    from neurons.devchain import operations
    from neurons.devchain.genesis import RAO
    from scoring.types import Hotkey as HotkeyAddress

    keys = options.keys()
    hotkey = HotkeyAddress(keys.hotkey.ss58_address)
    uid = operations.register(options.file, hotkey, keys.coldkeypub.ss58_address, round(stake * RAO))
    typer.echo(f"{hotkey} holds uid {uid}")


@app.command()
@shared_options
def stake(
    options: DevWalletOptions,
    amount: Annotated[float, typer.Argument(min=0.0, help="Tokens from the coldkey's balance.")],
    on: OnHotkey = None,
) -> None:
    """Stake the wallet's tokens on a hotkey; validator permits follow at the next epoch."""
    keys = options.keys()
    _moved(options.file, on or keys.hotkey.ss58_address, keys.coldkeypub.ss58_address, amount)


@app.command()
@shared_options
def unstake(
    options: DevWalletOptions,
    amount: Annotated[float, typer.Argument(min=0.0, help="Tokens; more than there are means all.")],
    on: OnHotkey = None,
) -> None:
    """Take the wallet's stake on a hotkey back into its balance."""
    keys = options.keys()
    _moved(options.file, on or keys.hotkey.ss58_address, keys.coldkeypub.ss58_address, -amount)


def _moved(path: Path, hotkey: str, coldkey: str, amount: float) -> None:
    from neurons.devchain import operations
    from neurons.devchain.genesis import RAO
    from scoring.types import Hotkey

    block = operations.stake(path, Hotkey(hotkey), coldkey, round(amount * RAO))
    typer.echo(
        f"{hotkey} has {'up to ' if amount < 0 else ''}{abs(amount):g} {'more' if amount >= 0 else 'less'} from block {block} on"
    )


@app.command()
@shared_options
def blocks(
    options: DevChainOptions,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The number of blocks.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the chain's newest blocks and their events."""
    from dataclasses import asdict

    from neurons.cli.dev import tables
    from neurons.devchain import operations

    found = operations.blocks(options.file, limit)
    answer(as_json, [asdict(block) for block in found], lambda: tables.show_blocks(found))


@app.command()
@shared_options
def show(options: DevChainOptions, as_json: AsJson = False) -> None:
    """Show the chain as it is now: neurons, stakes, weights, permits, commitments, hyperparameters and faults."""
    from dataclasses import asdict

    from neurons.cli.dev import tables
    from neurons.devchain.overview import overview

    found = overview(options.file)
    answer(as_json, asdict(found), lambda: tables.show_overview(found))
