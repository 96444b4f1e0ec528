"""`voice validator ledger export|join|reset` and `voice validator diff`: ledgers that others can take over, and compare."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.options import MOST_BLOCK, AsJson, CompetitionFile, WalletOptions, address, given, set_by, shared_options
from scoring.foreign_words import printable

if TYPE_CHECKING:
    from neurons.settings import ValidatorSettings
    from neurons.validator.evidence import Evidence
    from neurons.validator.follow.diff import Divergence
    from neurons.validator.follow.ledger_source import LedgerSource
    from neurons.validator.follow.rebuild import Loss, StoredReceipts
    from scoring.types import Hotkey, RoundNumber
    from voice_api.db.ledger import Ledger

app = typer.Typer(help="The validator's ledger: written to a file, taken over from another, or reset.", no_args_is_help=True)
_SHOWN = 60
"""Rows of the table; --json has all."""
_ONLY_DIFF = "they came from a followed or joined validator. Nobody can join by this file; `voice validator diff` takes it."
_OWN = "own"
"""Names this validator's ledger as a side of `diff`."""

Out = Annotated[Path | None, typer.Option("--out", help="The file to write (default: the standard output).")]
Source = Annotated[str, typer.Argument(metavar="URL|FILE", help="Another validator's API, or a file of `ledger export`.")]
Trusted = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        parser=address,
        metavar="ADDRESS",
        help="A hotkey whose certificates count; may be repeated.",
        show_default=set_by("VOICE_TRUST"),
    ),
]
Until = Annotated[
    int | None, typer.Option("--until", min=0, max=MOST_BLOCK, help="The last round to take over (default: all of them).")
]
Side = Annotated[str, typer.Argument(help="own, an API's URL (with ?validator=HOTKEY for another than its own), or a file.")]


@app.command("export")
@shared_options
def export(options: WalletOptions, out: Out = None) -> None:
    """Write the own ledger with all that was judged, a line of JSON for each round: whoever has it can fold it again.

    Receipts that this database lacks are not in it, as those of a validator that is followed: nobody can join by such a file.
    """
    from neurons.validator.follow import ledger_source
    from neurons.validator.follow.ledger_source import OwnLedger

    settings, me = _validator(options)

    async def run() -> ledger_source.WrittenLedger:
        async with _own(settings, me) as (ledger, evidence):
            source = OwnLedger(ledger, evidence)
            if out is None:
                return await ledger_source.write(source, me, sys.stdout.buffer)
            return await ledger_source.save(source, me, out)

    written = asyncio.run(run())
    typer.echo(f"{written.rounds} rounds", err=True)
    if written.unproved:
        typer.echo(f"{written.unproved} of them count receipts that this database lacks: {_ONLY_DIFF}", err=True)


@app.command("join")
@shared_options
def join(
    options: WalletOptions,
    source: Source,
    trust: Trusted = None,
    until: Until = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            help="After a loss: a folder or s3://BUCKET/PREFIX with the receipts that the other does not have, your own store.",
            show_default=False,
        ),
    ] = None,
    competition: CompetitionFile = None,
) -> None:
    """Take over another's ledger: each round is folded again from its receipts first, and the first that does not follow ends it.

    With --store a validator that lost rounds takes them back from one that followed it: receipts come from the own store, and who left
    in a round is the other's word.

    Begun again it goes on where it stood. With --until the own validator folds the rounds after that one.
    """
    from neurons.validator.follow import rebuild
    from scoring.competition import load
    from scoring.receipts.certificate import Trust
    from scoring.types import Hotkey, RoundNumber
    from voice_api import keys

    settings, me = _validator(options, competition)
    issuers = frozenset(map(Hotkey, trust or ())) or settings.trust or frozenset({me})
    # What was taken back since does not undo what was folded then: revocations count for rounds to come.
    believed = Trust(issuers, frozenset(), keys.verify)

    async def run() -> int:
        async with _own(settings, me) as (own, _), _opened(source, settings, me) as theirs:
            schedule = load(settings.competition)
            last = None if until is None else RoundNumber(until)
            return await rebuild.join(theirs, own, schedule, believed, _count_aloud, until=last, stored=_stored(store))

    typer.echo(f"{asyncio.run(run())} rounds taken over")


def _stored(place: str | None) -> "StoredReceipts | None":
    """The receipts of a store that was named."""
    from voice_api.settings import StoreSettings
    from workers.evaluation.audio_store import EvidenceStore

    if place is None:
        return None
    settings = StoreSettings(**given(store_place=place))
    return None if settings.store_place is None else EvidenceStore(settings.files(settings.store_place))


def _count_aloud(number: "RoundNumber") -> None:
    typer.echo(f"round {number}", err=True)


@app.command("reset")
@shared_options
def reset(
    options: WalletOptions,
    since: Annotated[
        int, typer.Option("--from", min=0, max=MOST_BLOCK, help="The first round to delete (default: the whole ledger).")
    ] = 0,
    validator: Annotated[
        str | None, typer.Option("--validator", parser=address, metavar="ADDRESS", help="Whose ledger (default: the wallet's).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete them; without it nothing is changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what deleting the own ledger loses; with --yes delete it: a validator then folds again, by today's settings.

    For a ledger that parted from the others. It takes the database URL of the tables' owner, and the validator is stopped first.
    """
    from neurons.validator.follow import rebuild
    from scoring.types import RoundNumber

    settings, me = _validator(options, validator=validator)

    async def run() -> "Loss":
        async with _own(settings, me) as (ledger, evidence):
            found = await rebuild.loss(ledger, evidence, RoundNumber(since))
            if yes:
                await ledger.reset(RoundNumber(since))
            return found

    found = asyncio.run(run())
    if as_json:
        typer.echo(json.dumps({"validator": me, **asdict(found), "deleted": yes}))
        return
    typer.echo("\n".join(_told(found, me, yes)))


def _told(loss: "Loss", me: "Hotkey", deleted: bool) -> list[str]:
    """Sentences about a reset, for people."""
    if not loss.rounds:
        return [f"The ledger of {me} has no such entry: there is nothing to delete."]
    count = len(loss.rounds)
    lines = [
        f"{count} entries of the ledger of {me} {'are deleted' if deleted else 'would be deleted'}: rounds {_numbers(loss.rounds)}.",
        f"Lost with them: the kings ({_kings(loss)}), every record and every duel as they stand after those rounds.",
        f"{count - len(loss.missing)} of the rounds are at hand and are folded again, by today's VOICE_TRUST and VOICE_REVOCATIONS.",
    ]
    if loss.missing:
        command = f"`voice validator ledger join URL|FILE --until {loss.missing[-1]}`"
        lines.append(f"Not at hand: rounds {_numbers(loss.missing)}. {command} takes over the rounds up to the last of those.")
    lines.append(
        "Until then the last weights are sent again, if they paid anybody. Receipts, audio, rounds and attempts to set weights stay."
    )
    return lines if deleted else [*lines, "Nothing was changed: --yes deletes."]


def _kings(loss: "Loss") -> str:
    return ", ".join(f"{track}: {king}" for track, king in loss.kings.items()) or "there is none"


def _numbers(rounds: "Sequence[RoundNumber]") -> str:
    """The first and the last of them, and how many those are."""
    return str(rounds[0]) if len(rounds) == 1 else f"{rounds[0]} to {rounds[-1]} ({len(rounds)})"


@shared_options
def diff(
    options: WalletOptions,
    one: Side,
    other: Side,
    as_json: AsJson = False,
) -> None:
    """Find the first round in which two ledgers differ, and in which part: exit 0 if they are the same, 1 if not.

    One that is only shorter differs in nothing yet.
    """
    from neurons.validator.follow.diff import diff as compare

    settings, me = _validator(options) if _OWN in (one, other) else (None, None)

    async def run() -> "Divergence":
        async with AsyncExitStack() as stack:
            mine, theirs = [await stack.enter_async_context(_opened(name, settings, me)) for name in (one, other)]
            return await compare(mine, theirs)

    found = asyncio.run(run())
    (_print_diff_json if as_json else _print_diff)(found, one, other)
    raise typer.Exit(0 if found.round is None else 1)


def _validator(
    options: WalletOptions, competition: Path | None = None, validator: str | None = None
) -> "tuple[ValidatorSettings, Hotkey]":
    """The settings, and the hotkey that was named, or the wallet's by its public key: nothing here is signed."""
    from neurons.chain import wallets
    from neurons.settings import ValidatorSettings
    from scoring.types import Hotkey

    settings = options.settings(ValidatorSettings, competition=competition)
    if validator is not None:
        return settings, Hotkey(validator)
    return settings, wallets.hotkey_address(settings.wallet, settings.wallet_hotkey, settings.wallet_path)


@asynccontextmanager
async def _own(settings: "ValidatorSettings", me: "Hotkey") -> "AsyncIterator[tuple[Ledger, Evidence]]":
    """The own ledger; its evidence is whoever's it follows, and its own where it judges tracks itself."""
    from neurons.api_client.client import VoiceApi
    from neurons.validator.evidence import OwnEvidence, RemoteEvidence
    from voice_api.db.database import open_pool
    from voice_api.db.ledger import Ledger
    from voice_api.db.rounds import Rounds

    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(open_pool(settings.database_url.get_secret_value(), size=2))
        ledger = Ledger(pool, me)
        if settings.follow and not settings.tracks:
            api = await stack.enter_async_context(VoiceApi(settings.follow))
            yield ledger, RemoteEvidence(api)
        else:
            yield ledger, OwnEvidence(Rounds(pool))


@asynccontextmanager
async def _opened(name: str, settings: "ValidatorSettings | None", me: "Hotkey | None") -> "AsyncIterator[LedgerSource]":
    """The ledger that a text names."""
    import httpx

    from neurons.api_client.client import VoiceApi
    from neurons.validator.evidence import RemoteEvidence
    from neurons.validator.follow.ledger_source import FileLedger, OwnLedger, RemoteLedger
    from scoring.types import Hotkey

    if name == _OWN and settings is not None and me is not None:
        async with _own(settings, me) as (ledger, evidence):
            yield OwnLedger(ledger, evidence)
    elif name.startswith(("http://", "https://")):
        url = httpx.URL(name)
        whose = url.params.get("validator")
        async with VoiceApi(str(url.copy_with(query=None))) as api:
            yield RemoteLedger(name, api, RemoteEvidence(api), Hotkey(address(whose)) if whose else None)
    else:
        yield await asyncio.to_thread(FileLedger, Path(name))


def _print_diff_json(found: "Divergence", one: str, other: str) -> None:
    rows = [{"part": row.part, "what": row.what, "one": row.one, "other": row.other} for row in found.rows]
    facts = {"one": one, "other": other, "round": found.round, "same": found.same, "read": found.ends, "rows": rows}
    typer.echo(json.dumps(facts))


def _print_diff(found: "Divergence", one: str, other: str) -> None:
    console = Console(soft_wrap=True)
    if found.round is None:
        console.print(_nothing_differs(found, one, other))
        return
    table = Table(
        "part",
        Column("what", overflow="fold"),
        Column(printable(one), overflow="fold"),
        Column(printable(other), overflow="fold"),
    )
    for row in found.rows[:_SHOWN]:
        table.add_row(*(Text(printable(text)) for text in (row.part, row.what, row.one, row.other)))
    Console().print(table)
    if len(found.rows) > _SHOWN:
        console.print(f"… and {len(found.rows) - _SHOWN} more: --json shows all")
    console.print(Text(f"They part in round {found.round}, after {found.same} that are the same.", "bold red"))
    if found.rows[0].part == "rounds":
        console.print("A ledger that lacks a round stays another from there on, unless it is reset and takes that round over.")


def _nothing_differs(found: "Divergence", one: str, other: str) -> Text:
    mine, theirs = found.ends
    if mine is None or theirs is None:
        empty = [printable(name) for name, end in ((one, mine), (other, theirs)) if end is None]
        return Text(f"Nothing was compared: no round is in {' or '.join(empty)}.", "bold yellow")
    ahead = "" if mine == theirs else f"; {printable(one if mine > theirs else other)} goes on"
    return Text(f"The same in {found.same} rounds{ahead}.", "bold green")
