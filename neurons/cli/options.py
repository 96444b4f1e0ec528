"""Options that several commands share, each group read as one object; and the wallet and the chain that they name."""

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from neurons.settings import ChainSettings
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    import bittensor as bt

    from neurons.chain.adapter import Chain
    from scoring.competition import Competition, Schedule, Track

    Settings = TypeVar("Settings", bound=ChainSettings)


DEV = "dev"
"""The network of development, on this machine alone."""
DEV_NETUID = 1
"""Its subnet, where nobody names another."""
MOST_NETUID = 2**16 - 1
"""The largest number of a subnet, and of a neuron in it."""
MOST_TOKENS = 21_000_000.0
"""There will never be more."""
MOST_BLOCK = 2**32 - 1
"""The largest number that a chain, or a competition, has for a block, a round or a seed."""
MOST_ID = 2**63 - 1
"""The largest number of a row."""
MOST_SECONDS = 86_400.0
"""Nobody waits longer than a day."""
LAST_PORT = 65_535


def set_by(name: str, otherwise: str = "") -> str:
    """What a help names as an option's default: the environment variable of the setting that it stands for, and the default of that."""
    return f"{name}, else {otherwise}" if otherwise else name


Netuid = Annotated[
    int | None, typer.Option("--netuid", min=0, max=MOST_NETUID, help="The subnet's number.", show_default=set_by("VOICE_NETUID"))
]
CompetitionFile = Annotated[
    Path | None,
    typer.Option(
        "--competition",
        help="The competition's TOML file.",
        show_default=set_by("VOICE_COMPETITION", "the one of the installed version"),
    ),
]
TrackOption = Annotated[
    str | None, typer.Option("--track", help="The track, by its name (default: the first one).", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def load(path: Path) -> "Schedule":
    """The competition of a file, which whoever only asks for help does not read; raises what `scoring.competition.load` does."""
    from scoring import competition

    return competition.load(path)


def track_of(rules: "Competition", name: str | None) -> "Track":
    """A track by its name, the first one for None; raises PlatformError(ARGUMENT_INVALID)."""
    names = [track.name for track in rules.track]
    if name is not None and name not in names:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no track is called {name}; there are {', '.join(names)}")
    return rules.named(name or names[0])


@dataclass(frozen=True, kw_only=True)
class SharedOptions:
    """A group of options; its fields are named as the settings that they stand for."""

    def settings(self, kind: "type[Settings]", **others: Any) -> "Settings":
        """The settings with these options and `others`; the environment fills in the rest."""
        return kind(**given(**{field.name: getattr(self, field.name) for field in fields(self)}, **others))


@dataclass(frozen=True, kw_only=True)
class NetworkOptions(SharedOptions):
    """Options that name a chain and a subnet."""

    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            "-n",
            "--subtensor.network",
            help="dev, local, test, finney or ws://…",
            show_default=set_by("BT_NETWORK"),
        ),
    ] = None
    netuid: Netuid = None


@dataclass(frozen=True, kw_only=True)
class WalletOptions(SharedOptions):
    """Options that name a wallet and a hotkey in it."""

    wallet: Annotated[
        str | None,
        typer.Option("--wallet", "-w", "--wallet.name", help="The wallet's name.", show_default=set_by("BT_WALLET", "default")),
    ] = None
    wallet_hotkey: Annotated[
        str | None,
        typer.Option(
            "--wallet-hotkey",
            "-H",
            "--wallet.hotkey",
            help="The hotkey's name.",
            show_default=set_by("BT_WALLET_HOTKEY", "default"),
        ),
    ] = None
    wallet_path: Annotated[
        Path | None,
        typer.Option(
            "--wallet-path",
            "--wallet.path",
            help="The folder of the wallets.",
            show_default=set_by("BT_WALLET_PATH", "~/.bittensor/wallets"),
        ),
    ] = None

    def keys(self) -> "bt.Wallet":
        """The wallet; raises PlatformError(WALLET_MISSING)."""
        return keys_of(self.settings(ChainSettings))


@dataclass(frozen=True, kw_only=True)
class ChainOptions(WalletOptions, NetworkOptions):
    """Options that name a chain, a subnet, a wallet and a hotkey."""


@dataclass(frozen=True, kw_only=True)
class DevChainOptions(SharedOptions):
    """The option that names a development chain."""

    devchain: Annotated[
        Path | None,
        typer.Option("--chain", help="The chain's file.", show_default=set_by("VOICE_DEVCHAIN", ".voice/devchain.sqlite")),
    ] = None

    @property
    def file(self) -> Path:
        """The chain's file."""
        return self.settings(ChainSettings).devchain


@dataclass(frozen=True, kw_only=True)
class DevWalletOptions(WalletOptions, DevChainOptions):
    """Options that name a development chain, a wallet and a hotkey."""


def shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take a group of options as its first parameter: its help shows them behind the command's own."""
    signature = inspect.signature(command)
    (name, first), *own = signature.parameters.items()
    group: type[SharedOptions] = first.annotation
    hints = get_type_hints(group, include_extras=True)
    shared = [inspect.Parameter(f.name, first.kind, default=None, annotation=hints[f.name]) for f in fields(group)]
    # Typer calls by name, so that an option may stand before an argument that has no default.
    shown = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in (*(option for _, option in own), *shared)]

    @wraps(command)
    def run(**values: Any) -> None:
        chosen = group(**{option.name: values.pop(option.name) for option in shared})
        command(**{name: chosen}, **values)

    run.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in shown}
    return run


def address(text: str) -> str:
    """An ss58 address as it stands on a command line: one that is none ends the command, and the error names the option."""
    from voice_api.keys import hotkey

    try:
        return hotkey(text)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc


def given(**options: Any) -> dict[str, Any]:
    """Keep the options that were given; the environment decides the others."""
    return {name: value for name, value in options.items() if value is not None}


def keys_of(settings: ChainSettings) -> "bt.Wallet":
    """The wallet that the settings name; raises PlatformError(WALLET_MISSING)."""
    from neurons.chain import wallets

    return wallets.load(settings.wallet, settings.wallet_hotkey, settings.wallet_path)


def open_chain(settings: ChainSettings, turn: int = 0) -> "Chain":
    """The subnet's chain that the settings name, open within `async with`; `turn` says with which of its endpoints to begin.

    It is the development chain where the network is `dev`, else one that the SDK knows. Raises PlatformError(SETTING_INVALID) for a
    network that nobody knows, ChainUnavailable when it cannot be reached.
    """
    from neurons.chain.adapter import Chain, rpc_substrate
    from neurons.devchain.substrate import DevSubstrate

    subnet = subnet_of(settings)
    dev = settings.network == DEV
    substrate = DevSubstrate(settings.devchain) if dev else rpc_substrate(settings.network, settings.fallbacks, turn)
    return Chain(substrate, subnet, settings.chain_timeout)


def subnet_of(settings: ChainSettings) -> int:
    """The subnet's number, of which the development chain has one alone; raises PlatformError(SETTING_INVALID) where none is set."""
    if not settings.network:
        why = "no network is named: give --network (dev, local, test, finney or ws://…), or set BT_NETWORK, or network in voice.toml"
        raise PlatformError(Code.SETTING_INVALID, why)
    if settings.netuid is not None:
        return settings.netuid
    if settings.network == DEV:
        return DEV_NETUID
    why = f"no subnet of {settings.network} is named: give --netuid, or set VOICE_NETUID, or netuid in voice.toml"
    raise PlatformError(Code.SETTING_INVALID, why)


def answer(as_json: bool, data: Any, show: Callable[[], None]) -> None:
    """Print a command's result: its data as JSON for machines, or a view of it for people."""
    if as_json:
        typer.echo(json.dumps(data))
    else:
        show()
