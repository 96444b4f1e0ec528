"""`voice wallet address`: what settings and other people call a wallet."""

from typing import Annotated

import typer

from neurons.cli.options import WalletOptions, shared_options
from neurons.settings import ChainSettings

app = typer.Typer(help="Wallets on this machine.", no_args_is_help=True)


@app.command()
@shared_options
def address(
    options: WalletOptions,
    coldkey: Annotated[bool, typer.Option("--coldkey", help="The coldkey's address, instead of the hotkey's.")] = False,
) -> None:
    """Print the ss58 address of a wallet's hotkey: what VOICE_TRUST, VOICE_API_HOTKEY and other settings name. No key is unlocked."""
    from neurons.chain import wallets

    settings = options.settings(ChainSettings)
    if coldkey:
        typer.echo(wallets.coldkey_address(settings.wallet, settings.wallet_path))
    else:
        typer.echo(wallets.hotkey_address(settings.wallet, settings.wallet_hotkey, settings.wallet_path))
