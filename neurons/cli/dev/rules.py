"""`voice dev set` and `voice dev reveal`: acts of the chain's owner and of the public beacon."""

from typing import Annotated

import typer

from neurons.cli.options import DevChainOptions, DevWalletOptions, address, shared_options
from scoring.errors import Code, PlatformError

_OWNER = "owner_hotkey"


@shared_options
def change(
    options: DevChainOptions,
    name: Annotated[str, typer.Argument(help="A hyperparameter as `voice dev show` names it, or owner_hotkey.")],
    value: Annotated[str, typer.Argument(help="A whole number, 0 or 1 for a switch; a hotkey's address for owner_hotkey.")],
) -> None:
    """Set a hyperparameter from the next block on."""
    from neurons.devchain import operations
    from scoring.types import Hotkey

    path = options.file
    block = operations.own(path, Hotkey(address(value))) if name == _OWNER else operations.change(path, name, _whole(name, value))
    typer.echo(f"{name} is {value} from block {block} on")


@shared_options
def reveal(
    options: DevWalletOptions,
    weights: Annotated[list[str], typer.Argument(metavar="UID=WEIGHT...", help="The weights that were sealed.")],
    sealed_in: Annotated[
        int | None, typer.Option("--block", min=0, help="The block that holds them (default: the earliest that waits).")
    ] = None,
    hotkey: Annotated[
        str | None,
        typer.Option("--hotkey", parser=address, metavar="ADDRESS", help="The validator's hotkey (default: the wallet's)."),
    ] = None,
) -> None:
    """Open a validator's sealed weights, as the beacon would; offline, the weights must be given."""
    from bittensor.intents import normalize

    from neurons.devchain import operations
    from scoring.types import Hotkey, Uid

    whose = hotkey or options.keys().hotkey.ss58_address
    pairs = [_pair(text) for text in weights]
    uids, values = normalize([uid for uid, _ in pairs], [weight for _, weight in pairs])
    row = {Uid(uid): value for uid, value in zip(uids, values, strict=True)}
    block = operations.reveal(options.file, Hotkey(whose), row, sealed_in)
    typer.echo(f"the weights of {whose} are open from block {block} on")


def _pair(text: str) -> tuple[int, float]:
    uid, _, weight = text.partition("=")
    try:
        found = int(uid), float(weight)
    except ValueError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{text} is not UID=WEIGHT, like 3=0.65") from exc
    if not (0 <= found[0] < 2**16 and 0 <= found[1] < float("inf")):
        raise PlatformError(Code.ARGUMENT_INVALID, f"{text}: a uid is from 0 to 65535, a weight finite and at least 0")
    return found


def _whole(name: str, value: str) -> int:
    try:
        return int(value)
    except ValueError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{name} is a whole number, not {value}") from exc
