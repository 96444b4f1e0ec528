"""Which development chain, and whose keys, a command of `voice dev` is about."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.options import given

if TYPE_CHECKING:
    import bittensor as bt

ChainFile = Annotated[Path | None, typer.Option("--chain", help="The chain's file (default: VOICE_DEVCHAIN).")]


def chain_file(chain: Path | None) -> Path:
    """The chain's file."""
    from neurons.settings import ChainSettings

    return ChainSettings(**given(devchain=chain)).devchain


def wallet_of(chain: Path | None, wallet: str | None, hotkey: str | None, path: Path | None) -> "tuple[Path, bt.Wallet]":
    """The chain's file and the wallet that was named."""
    from neurons.chain import wallets
    from neurons.settings import ChainSettings

    settings = ChainSettings(**given(devchain=chain, wallet=wallet, wallet_hotkey=hotkey, wallet_path=path))
    return settings.devchain, wallets.load(settings.wallet, settings.wallet_hotkey, settings.wallet_path)
