"""`voice validator weights`, `replay`, `explain` and `what-if`: the reasons of a vector. Nothing here is signed or sent."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.options import (
    MOST_NETUID,
    AsJson,
    ChainOptions,
    CompetitionFile,
    NetworkOptions,
    SharedOptions,
    address,
    answer,
    keys_of,
    open_chain,
    shared_options,
    track_of,
)
from scoring.foreign_words import printable

if TYPE_CHECKING:
    from neurons.settings import ValidatorSettings
    from neurons.validator.weights.decision import Decision
    from neurons.validator.weights.view import Data, PlanView

Validator = Annotated[
    str | None,
    typer.Option("--validator", parser=address, metavar="ADDRESS", help="Whose ledger, by its hotkey; by default the wallet's."),
]
SupposedTrack = Annotated[
    str | None,
    typer.Option("--track", help="The track of the model (default: that of its newest submission).", show_default=False),
]


@shared_options
def weights(
    options: ChainOptions,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan from the ledger and the chain as they are now.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many attempts are shown.")] = 20,
    validator: Validator = None,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the last attempts to set weights with their outcomes, or the weights that would be set now."""
    from neurons.validator.weights import view as weight_view

    settings = _settings(options, competition)
    if not dry_run:
        attempts, decision = asyncio.run(weight_view.attempts(settings, _whose(settings, validator), open_chain(settings), limit))
        found = [weight_view.attempt_facts(each) for each in attempts]
        answer(as_json, found, lambda: _show_attempts(found))
        _say(decision)
        return
    planned = weight_view.planned(_view(settings, validator))
    answer(as_json, planned, lambda: _show_plan(planned))


@shared_options
def replay(
    options: NetworkOptions,
    snapshot: Annotated[str, typer.Argument(metavar="HASH", help="A snapshot's hash, as `voice validator weights` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Compute the vector of a snapshot again, and compare it with what was sent, and with what the chain holds now."""
    from neurons.validator.weights import view as weight_view

    settings = _settings(options)
    found = weight_view.replays(snapshot, asyncio.run(weight_view.replayed(settings, open_chain(settings), snapshot)))
    answer(as_json, found, lambda: _show_replays(found))
    raise typer.Exit(0 if found["equal"] else 1)


@shared_options
def explain(
    options: ChainOptions,
    uid: Annotated[int, typer.Argument(metavar="UID", min=0, max=MOST_NETUID, help="A registered uid.")],
    validator: Validator = None,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Say why a uid gets what it gets now: by track its share, rank, evidence, lineage, duel, and what it lacks."""
    from neurons.validator.weights import view as weight_view

    view = _view(_settings(options, competition), validator)
    found = weight_view.explained(view, uid)
    answer(as_json, found, lambda: _show_explained(found))
    _say(view.decision)


@shared_options
def what_if(
    options: ChainOptions,
    hotkey: Annotated[str, typer.Option("--hotkey", parser=address, metavar="ADDRESS", help="Whose model.")],
    score: Annotated[float, typer.Option("--score", min=0.0, max=1.0, help="The mean that its record is to have.")],
    track: SupposedTrack = None,
    validator: Validator = None,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the weights if a hotkey's model had this score, beside those of now: with more than the margin it takes the top."""
    from neurons.validator.weights import view as weight_view
    from neurons.validator.weights import what_if as supposing
    from scoring.types import Hotkey

    view = _view(_settings(options, competition), validator)
    names = [each.name for each in view.rules.track]
    rules = track_of(view.rules, track or supposing.track_of(view.snapshot, Hotkey(hotkey), names))
    supposed = supposing.supposed(view.snapshot, Hotkey(hotkey), score, rules)
    changes = weight_view.changes(view.snapshot, supposed)
    found = {"track": rules.name, "hotkey": hotkey, "score": score, "uids": changes}
    answer(as_json, found, lambda: _show_changes(changes, f"if {_short(hotkey)} scored {score:g} in {rules.name}"))
    _say(view.decision)


def _view(settings: "ValidatorSettings", validator: str | None) -> "PlanView":
    from neurons.validator.weights import view as weight_view

    work: Coroutine[Any, Any, PlanView] = weight_view.plan_now(settings, _whose(settings, validator), open_chain(settings))
    return asyncio.run(work)


def _say(decision: "Decision | None") -> None:
    """Say beside the answer that the last plan is held, or that no weights are set at all, and why."""
    from neurons.validator.weights.decision import NotYet

    if decision is None:
        typer.echo("The chain does not answer: whether weights are due is not known.", err=True)
    elif decision.held:
        typer.echo(f"The last plan is held, and nothing is burned for it: {decision.held}.", err=True)
    elif isinstance(decision, NotYet) and decision.block is None:
        typer.echo(f"No weights are set: {decision.why}.", err=True)


def _settings(options: SharedOptions, competition: Path | None = None) -> "ValidatorSettings":
    from neurons.settings import ValidatorSettings

    return options.settings(ValidatorSettings, competition=competition)


def _whose(settings: "ValidatorSettings", validator: str | None) -> Any:
    """The hotkey whose ledger is asked for; no key is unlocked."""
    from scoring.types import Hotkey

    if validator is not None:
        return Hotkey(validator)
    return Hotkey(keys_of(settings).hotkey.ss58_address)


def _show_attempts(attempts: Sequence["Data"]) -> None:
    """Newest first, each from its sending to its end."""
    if not attempts:
        Console().print("No attempt to set weights was made yet.")
        return
    table = Table("block", Column("snapshot", no_wrap=True), "outcome", box=SIMPLE_HEAD)
    for each in attempts:
        table.add_row(str(each["block"]), each["snapshot_hash"], Text(printable(_outcome(each))))
    Console().print(table)


def _outcome(each: "Data") -> str:
    words = [each["outcome"].replace("_", " ") + (f" ({each['refusal']})" if each["refusal"] else "")]
    if each["reveal_round"] is not None:
        opens = datetime.fromisoformat(each["opens_at"])
        words.append(f"sealed until round {each['reveal_round']} of the beacon ({opens:%-d %b %H:%M} UTC)")
    if each["applied_block"] is not None:
        words.append(f"seen to count in block {each['applied_block']}")
    if each["next_block"] is not None:
        words.append(f"again from block {each['next_block']} on")
    if each["carried"] is not None:
        words.append(f"an older plan: {each['carried']}")
    if each["unreadable"] is not None:
        words.append(f"no plan to hold: {each['unreadable']['why']} (code {each['unreadable']['code']})")
    return "; ".join([*words, *([each["error"]] if each["error"] else [])])


def _show_plan(data: "Data") -> None:
    """A row for each registered uid, with its share and the reason."""
    console, values = Console(), dict(data["vector"])
    table = Table("uid", Column("hotkey", no_wrap=True), "share", "u16", "why", box=SIMPLE_HEAD)
    for line in data["lines"]:
        facts = str(line["uid"]), _short(line["hotkey"]), _share(line["share"]), str(values.get(line["uid"], ""))
        table.add_row(*facts, Text(printable(line["reason"])))
    console.print(table)
    console.print(Text(printable(f"Ledger {data['ledger_hash']} after round {data['round']}")))
    for track, throne in data["thrones"].items():
        console.print(Text(printable(f"{track}: {throne}")))
    console.print(f"Burned to uid {data['owner']}: {_share(data['burn']) or '0'}; snapshot {data['snapshot_hash']}")
    console.print(Text(_when(data)))


def _when(data: "Data") -> str:
    if data["due"] and data["why"]:
        return f"Due now, as the last plan carried over, and not as the table has it: {data['why']}."
    if data["due"]:
        return "Due now. Nothing was signed."
    before = "" if data["next_block"] is None else f" before block {data['next_block']}"
    held = f" The last plan is held: {data['held']}." if data["held"] else ""
    return f"Not due{before}: {data['why']}.{held}"


def _show_replays(data: "Data") -> None:
    """The vector, what each track gives to whom, and for each attempt whether it was this one."""
    console = Console(soft_wrap=True)
    first = data["attempts"][0]
    console.print(" ".join(f"{uid}:{value}" for uid, value in first["vector"]))
    for track, shares in first["tracks"].items():
        console.print(f"{track}: {', '.join(f'uid {uid} {_share(share)}' for uid, share in shares.items())}")
    console.print(f"burned: {_share(first['burn']) or '0'}")
    for it in data["attempts"]:
        sent = "equal to" if it["vector"] == it["sent"] else "DIFFERENT from"
        kept = "" if it["hash_holds"] else "; the snapshot that was kept has ANOTHER hash"
        chain = {
            True: "it counts on the chain now",
            False: "other weights count on the chain now",
            None: "the chain cannot be read",
        }[it["counts_on_chain"]]
        console.print(f"{it['validator']}, block {it['block']} ({it['outcome']}): {sent} what was sent{kept}; {chain}")


def _show_explained(found: "Data") -> None:
    """A fact a line, the tracks one after the other."""
    burned = found["weight"] - found["share"]
    facts = {
        "hotkey": found["hotkey"],
        "share": f"{found['share']:.6f}" + (f", and {burned:.6f} that nobody earned" if burned > 0 else ""),
        "as of": f"round {found['round']}, block {found['block']}",
    }
    if not found["tracks"]:
        facts["lacks"] = found["reason"]
    table = Table(Column(style="bold", no_wrap=True), Column(overflow="fold"), show_header=False, box=None)
    for name, value in (*facts.items(), *(fact for each in found["tracks"] for fact in _in_track(each).items())):
        table.add_row(name, Text(printable(str(value))))
    Console().print(table)


def _in_track(each: "Data") -> dict[str, str]:
    """What is said of a uid in one track; the throne's own line only where the evidence has not named it."""
    facts = {
        "track": each["track"],
        "  submission": each["entrant"],
        "  share": _share(each["share"]) or "0",
        "  place": {None: "none", 0: "king"}.get(each["place"], f"{(each['place'] or 0) + 1}"),
        "  rank": "none" if each["rank"] is None else str(each["rank"]),
        "  evidence": each["evidence"] or "none",
        "  lineage": each["lineage"] or "nothing is known",
        "  lacks": each["lacks"] or "nothing",
    }
    return facts if each["throne"] in each["evidence"] else facts | {"  throne": each["throne"]}


def _show_changes(found: Sequence["Data"], supposed: str) -> None:
    """Before and after, side by side."""
    table = Table("uid", Column("hotkey", no_wrap=True), "now", supposed, "then", box=SIMPLE_HEAD)
    for row in found:
        after = row["after"]
        uid = "" if row["uid"] is None else str(row["uid"])
        shares = _share(row["before"]["share"]), _share(after["share"])
        table.add_row(uid, _short(row["hotkey"]), *shares, Text(printable(after["reason"])))
    Console().print(table)


def _short(hotkey: str) -> str:
    return hotkey if len(hotkey) < 16 else f"{hotkey[:8]}…{hotkey[-4:]}"


def _share(value: float) -> str:
    return f"{value:.4f}" if value else ""
