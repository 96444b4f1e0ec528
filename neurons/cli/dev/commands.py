"""`voice dev`: the development chain with its rules and faults, and the local model hub."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from neurons.cli.dev import tables
from neurons.cli.options import (
    DEV_NETUID,
    LAST_PORT,
    MOST_BLOCK,
    MOST_ID,
    MOST_SECONDS,
    MOST_TOKENS,
    AsJson,
    DevChainOptions,
    DevWalletOptions,
    Netuid,
    address,
    answer,
    shared_options,
)
from neurons.devchain.faults import FaultKind, FaultPlan
from neurons.devchain.genesis import RAO
from neurons.settings import ChainSettings
from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, Uid

app = typer.Typer(help="The development chain and the local model hub.", no_args_is_help=True)
faults = typer.Typer(help="Let the development chain's node fail.", no_args_is_help=True)
app.add_typer(faults, name="fault")

OnHotkey = Annotated[
    str | None, typer.Option("--on", parser=address, metavar="ADDRESS", help="Another hotkey (default: the wallet's).")
]


@app.command()
@shared_options
def create(
    options: DevWalletOptions,
    netuid: Netuid = None,
    block_seconds: Annotated[float, typer.Option(min=0.05, max=MOST_SECONDS, help="Seconds from block to block.")] = 12.0,
) -> None:
    """Create a chain with one subnet, owned by the wallet; a missing wallet is made without a password."""
    from neurons.chain import wallets
    from neurons.devchain import operations

    settings = options.settings(ChainSettings, netuid=netuid)
    subnet = DEV_NETUID if settings.netuid is None else settings.netuid
    owner = wallets.create(settings.wallet, settings.wallet_hotkey, settings.wallet_path)
    operations.create(
        settings.devchain,
        netuid=subnet,
        block_seconds=block_seconds,
        owner_coldkey=owner.coldkeypub.ss58_address,
        owner_hotkey=owner.hotkey.ss58_address,
    )
    typer.echo(f"created {settings.devchain}: subnet {subnet}, a block every {block_seconds:g} s")


@app.command()
def hub(
    root: Annotated[Path, typer.Option(help="The folder of repositories.")],
    port: Annotated[int, typer.Option(min=0, max=LAST_PORT, help="The port to listen on.")],
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Serve a folder of repositories as the model hub does."""
    import uvicorn

    from neurons.localnet.hub_server import create_hub
    from voice_api.runtime.reachable import check_free

    check_free(host, port)
    uvicorn.run(create_hub(root), host=host, port=port, log_level="warning", access_log=False)


@app.command()
@shared_options
def faucet(
    options: DevWalletOptions,
    amount: Annotated[float, typer.Argument(min=0.0, max=MOST_TOKENS, help="Tokens to give.")],
) -> None:
    """Give tokens to the wallet's coldkey."""
    from neurons.devchain import operations

    keys = options.keys()
    block = operations.faucet(options.file, keys.coldkeypub.ss58_address, round(amount * RAO))
    typer.echo(f"{keys.coldkeypub.ss58_address} has {amount:g} more from block {block} on")


@app.command()
@shared_options
def register(
    options: DevWalletOptions,
    stake: Annotated[float, typer.Option(min=0.0, max=MOST_TOKENS, help="Tokens staked on the hotkey (validators).")] = 0.0,
) -> None:
    """Register the wallet's hotkey on the subnet; a full subnet drops the neuron that earns least and is not immune."""
    from neurons.devchain import operations

    keys = options.keys()
    hotkey = Hotkey(keys.hotkey.ss58_address)
    uid = operations.register(options.file, hotkey, keys.coldkeypub.ss58_address, round(stake * RAO))
    typer.echo(f"{hotkey} holds uid {uid}")


@app.command()
@shared_options
def stake(
    options: DevWalletOptions,
    amount: Annotated[float, typer.Argument(min=0.0, max=MOST_TOKENS, help="Tokens from the coldkey's balance.")],
    on: OnHotkey = None,
) -> None:
    """Stake the wallet's tokens on a hotkey; validator permits follow at the next epoch."""
    keys = options.keys()
    _moved(options.file, on or keys.hotkey.ss58_address, keys.coldkeypub.ss58_address, amount)


@app.command()
@shared_options
def unstake(
    options: DevWalletOptions,
    amount: Annotated[float, typer.Argument(min=0.0, max=MOST_TOKENS, help="Tokens; more than there are means all.")],
    on: OnHotkey = None,
) -> None:
    """Take the wallet's stake on a hotkey back into its balance."""
    keys = options.keys()
    _moved(options.file, on or keys.hotkey.ss58_address, keys.coldkeypub.ss58_address, -amount)


def _moved(path: Path, hotkey: str, coldkey: str, amount: float) -> None:
    from neurons.devchain import operations

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
    from neurons.devchain import operations

    found = operations.blocks(options.file, limit)
    answer(as_json, [asdict(block) for block in found], lambda: tables.show_blocks(found))


@app.command()
@shared_options
def show(options: DevChainOptions, as_json: AsJson = False) -> None:
    """Show the chain as it is now: neurons, stakes, weights, permits, commitments, hyperparameters and faults."""
    from neurons.devchain.overview import overview

    found = overview(options.file)
    answer(as_json, asdict(found), lambda: tables.show_overview(found))


@app.command("set")
@shared_options
def change(
    options: DevChainOptions,
    name: Annotated[str, typer.Argument(help="A hyperparameter as `voice dev show` names it, or owner_hotkey.")],
    value: Annotated[str, typer.Argument(help="A whole number, 0 or 1 for a switch; a hotkey's address for owner_hotkey.")],
) -> None:
    """Set a hyperparameter from the next block on."""
    from neurons.devchain import operations

    if name == "owner_hotkey":
        block = operations.own(options.file, Hotkey(address(value)))
    else:
        try:
            number = int(value)
        except ValueError as exc:
            raise PlatformError(Code.ARGUMENT_INVALID, f"{name} is a whole number, not {value}") from exc
        block = operations.change(options.file, name, number)
    typer.echo(f"{name} is {value} from block {block} on")


@app.command()
@shared_options
def reveal(
    options: DevWalletOptions,
    weights: Annotated[list[str], typer.Argument(metavar="UID=WEIGHT...", help="The weights that were sealed.")],
    sealed_in: Annotated[
        int | None,
        typer.Option("--block", min=0, max=MOST_BLOCK, help="The block that holds them (default: the earliest that waits)."),
    ] = None,
    hotkey: Annotated[
        str | None,
        typer.Option("--hotkey", parser=address, metavar="ADDRESS", help="The validator's hotkey (default: the wallet's)."),
    ] = None,
) -> None:
    """Open a validator's sealed weights, as the beacon would; offline, the weights must be given."""
    from bittensor.intents import normalize

    from neurons.devchain import operations

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


@faults.command("add")
@shared_options
def add_fault(
    options: DevChainOptions,
    kind: Annotated[
        FaultKind, typer.Argument(help="stall: no answer; drop: the connection breaks; stale: the head stands still; error.")
    ],
    call: Annotated[
        str,
        typer.Option(
            help="The calls that fail: submit, query, runtime_call, connect, SubtensorModule.*, … (patterns with * and ?)."
        ),
    ] = "*",
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="The share of them that fails, above 0 and at most 1.")] = 1.0,
    seconds: Annotated[float, typer.Option(min=0.0, max=MOST_SECONDS, help="Seconds that a stall lasts.")] = 3_600.0,
    name: Annotated[str, typer.Option(help="The error, by the chain's name.")] = "Unavailable",
    after: Annotated[bool, typer.Option("--after", help="The call takes effect; only its answer is lost.")] = False,
    until_block: Annotated[
        int | None, typer.Option(min=1, max=MOST_BLOCK, help="The block at which it is over (default: when cleared).")
    ] = None,
    pid: Annotated[
        int | None, typer.Option(min=1, max=MOST_BLOCK, help="Only this process's node fails (default: everybody's).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Begin a fault at the newest block; running processes meet it with their next call."""
    from neurons.devchain import operations

    fault = operations.add_fault(
        options.file,
        FaultPlan(kind=kind, call=call, share=share, seconds=seconds, name=name, after=after, until_block=until_block, pid=pid),
    )
    answer(as_json, {"id": fault}, lambda: typer.echo(f"fault {fault}: {kind.value} of {call}"))


@faults.command("list")
@shared_options
def list_faults(options: DevChainOptions, as_json: AsJson = False) -> None:
    """Show the faults, those that are over too, and how often each struck."""
    from neurons.devchain import operations

    found = operations.faults(options.file)
    answer(as_json, [asdict(fault) for fault in found], lambda: tables.show_faults(found))


@faults.command("clear")
@shared_options
def clear_fault(
    options: DevChainOptions,
    fault: Annotated[int | None, typer.Argument(min=0, max=MOST_ID, help="The fault's number (default: all).")] = None,
) -> None:
    """End and forget a fault, or all."""
    from neurons.devchain import operations

    cleared = operations.clear_faults(options.file, fault)
    if fault is not None and not cleared:
        raise PlatformError(Code.ARGUMENT_INVALID, f"there is no fault {fault}; `voice dev fault list` shows them")
    typer.echo(f"{cleared} cleared")
