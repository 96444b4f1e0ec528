"""`voice wallet`: make one, and what settings and other people call it."""

import sys
from typing import Annotated

import typer

from neurons.cli.options import AsJson, WalletOptions, answer, shared_options
from neurons.settings import ChainSettings
from scoring.errors import Code, PlatformError

app = typer.Typer(help="Wallets on this machine.", no_args_is_help=True)


@app.command()
@shared_options
def create(
    options: WalletOptions,
    no_password: Annotated[
        bool,
        typer.Option("--no-password", help="Leave the coldkey unencrypted: for a development chain, where it is worth nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a wallet with a hotkey; keys that are there already are kept.

    The words that make a key again are shown on a terminal, once, and never to a file or a pipe. With --json they are no part of the
    document: standard error shows them where that is a terminal.
    """
    from neurons.chain import wallets

    settings = options.settings(ChainSettings)
    password = None if no_password or wallets.has_coldkey(settings.wallet, settings.wallet_path) else _asked_password()
    made: list[str] = []
    is_shown = (sys.stderr if as_json else sys.stdout).isatty()

    def words(key: str, mnemonic: str) -> None:
        made.append(key)
        if is_shown:
            typer.echo(f"The words of the {key}: write them down, nothing else makes it again.\n  {mnemonic}", err=as_json)

    wallet = wallets.create(settings.wallet, settings.wallet_hotkey, settings.wallet_path, password=password, words=words)
    coldkey, hotkey, where = wallet.coldkeypub.ss58_address, wallet.hotkey.ss58_address, settings.wallet_path / settings.wallet
    document = {"coldkey": coldkey, "hotkey": hotkey, "folder": str(where.expanduser()), "made": made}
    answer(as_json, document, lambda: typer.echo(f"coldkey {coldkey}\nhotkey  {hotkey}"))
    if made and not is_shown:
        typer.echo(f"The words of {' and '.join(made)} are shown on a terminal only: keep a copy of {where}.", err=True)


def _asked_password() -> str:
    """The coldkey's new password, asked for twice; raises PlatformError(ARGUMENT_INVALID) where nobody can be asked."""
    if not sys.stdin.isatty():
        raise PlatformError(
            Code.ARGUMENT_INVALID,
            "A coldkey's password is asked for on a terminal, and this is none: run it there, or give --no-password.",
        )
    return str(typer.prompt("A password for the coldkey", hide_input=True, confirmation_prompt=True, err=True))


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
