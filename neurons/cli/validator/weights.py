"""`voice validator weights`, `replay`, `explain` and `what-if`: the reasons of a vector. Nothing here is signed or sent."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from neurons.cli.options import (
    AsJson,
    ChainOptions,
    CompetitionFile,
    NetworkOptions,
    SharedOptions,
    address,
    keys_of,
    shared_options,
)
from neurons.cli.output import answer

if TYPE_CHECKING:
    from neurons.settings import ValidatorSettings
    from neurons.validator.weights.view import PlanView

Validator = Annotated[
    str | None,
    typer.Option("--validator", parser=address, metavar="ADDRESS", help="Whose ledger, by its hotkey; by default the wallet's."),
]
Answer = TypeVar("Answer")


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
    from neurons.cli.validator import weight_tables
    from neurons.validator.weights import view as weight_view

    settings = _settings(options, competition)
    if not dry_run:
        attempts, refusal = asyncio.run(weight_view.attempts(settings, _whose(settings, validator), limit))
        answer(as_json, [weight_tables.attempt(each) for each in attempts], lambda: weight_tables.show_attempts(attempts))
        if refusal:
            typer.echo(f"The last plan is held, and nothing is burned for it: {refusal}.", err=True)
        return
    view, decision = asyncio.run(weight_view.due_now(settings, _whose(settings, validator)))
    answer(as_json, weight_tables.planned(view, decision), lambda: weight_tables.show_plan(view, decision))


@shared_options
def replay(
    options: NetworkOptions,
    snapshot: Annotated[str, typer.Argument(metavar="HASH", help="A snapshot's hash, as `voice validator weights` shows it.")],
    as_json: AsJson = False,
) -> None:
    """Compute the vector of a snapshot again, and compare it with what was sent, and with what the chain holds now."""
    from neurons.cli.validator import weight_tables
    from neurons.validator.weights import view as weight_view

    settings = _settings(options)
    found = asyncio.run(weight_view.replayed(settings, snapshot))
    answer(as_json, weight_tables.replays(snapshot, found), lambda: weight_tables.show_replays(found))
    raise typer.Exit(0 if all(each.replayed.holds for each in found) else 1)


@shared_options
def explain(
    options: ChainOptions,
    uid: Annotated[int, typer.Argument(metavar="UID", min=0, help="A registered uid.")],
    validator: Validator = None,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Say why a uid gets what it gets now: share, rank, evidence, lineage, duel, and what it lacks."""
    from neurons.cli.validator import weight_tables

    view = _view(_settings(options, competition), validator)
    found = weight_tables.explained(view, uid)
    answer(as_json, found, lambda: weight_tables.show_explained(found))


@shared_options
def what_if(
    options: ChainOptions,
    hotkey: Annotated[str, typer.Option("--hotkey", parser=address, metavar="ADDRESS", help="Whose model.")],
    score: Annotated[float, typer.Option("--score", min=0.0, max=1.0, help="The mean that its record is to have.")],
    validator: Validator = None,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the weights if a hotkey's model had this score, beside those of now. The top still changes hands by a duel alone."""
    from neurons.cli.validator import weight_tables
    from neurons.validator.weights import what_if as supposing
    from scoring.types import Hotkey

    view = _view(_settings(options, competition), validator)
    supposed = supposing.supposed(view.snapshot, Hotkey(hotkey), score, view.rules)
    changes = weight_tables.changes(view.snapshot, supposed)
    answer(as_json, changes, lambda: weight_tables.show_changes(changes, hotkey, score))


def _view(settings: "ValidatorSettings", validator: str | None) -> "PlanView":
    from neurons.validator.weights import view as weight_view

    work: Coroutine[Any, Any, PlanView] = weight_view.plan_now(settings, _whose(settings, validator))
    return asyncio.run(work)


def _settings(options: SharedOptions, competition: Path | None = None) -> "ValidatorSettings":
    from neurons.settings import ValidatorSettings

    return options.settings(ValidatorSettings, competition=competition)


def _whose(settings: "ValidatorSettings", validator: str | None) -> Any:
    """The hotkey whose ledger is asked for; no key is unlocked."""
    from scoring.types import Hotkey

    if validator is not None:
        return Hotkey(validator)
    return Hotkey(keys_of(settings).hotkey.ss58_address)
