"""`voice operator`: parked evaluations, workers, and orders; each order has a reason, and leaves an event."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import uuid4

import typer
from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.options import MOST_ID, AsJson, WalletOptions, address, answer, keys_of, shared_options
from neurons.cli.output import confirm
from neurons.settings import ApiClientSettings
from scoring.errors import Code, PlatformError, with_advice
from scoring.foreign_words import printable
from scoring.types import MICRO, NANO, EvaluationId

if TYPE_CHECKING:
    from neurons.api_client.client import VoiceApi
    from voice_api.schemas.copies import NearCopyOut
    from voice_api.schemas.evaluations import EvaluationOut
    from voice_api.schemas.operations import Ordered, StuckOut, WorkerOut

    Crew = tuple[Sequence[WorkerOut], Mapping[EvaluationId, EvaluationOut]]

app = typer.Typer(help="An operator's views and orders, with a hotkey that VOICE_API_OPERATORS names.", no_args_is_help=True)

Reason = Annotated[str, typer.Option("--reason", "-r", help="The reason, kept in the event.", show_default=False)]
Moment = "a time like 2026-11-22T09:00 (UTC), or an age like 90m"

Answer = TypeVar("Answer")
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@app.command()
@shared_options
def stuck(options: WalletOptions, as_json: AsJson = False) -> None:
    """List evaluations of open rounds that were parked and wait for an operator."""
    found = _ask(lambda api: api.stuck(), options)
    answer(as_json, [row.model_dump(mode="json") for row in found], lambda: _show_stuck(found))


@app.command("near-copies")
@shared_options
def near_copies(options: WalletOptions, as_json: AsJson = False) -> None:
    """List submissions that were set aside as near-copies and wait for `unquarantine` or `confirm-copy`."""
    found = _ask(lambda api: api.near_copies(undecided=True), options)
    answer(as_json, [row.model_dump(mode="json") for row in found], lambda: _show_near_copies(found))


@app.command()
@shared_options
def workers(options: WalletOptions, as_json: AsJson = False) -> None:
    """List live workers and their work."""

    async def ask(api: "VoiceApi") -> "Crew":
        live = await api.workers()
        held = [worker.evaluation_id for worker in live if worker.evaluation_id is not None]
        return live, {row.id: row for row in await asyncio.gather(*map(api.evaluation, held))}

    live, evaluations = _ask(ask, options)
    data = [worker.model_dump(mode="json") for worker in live]
    answer(as_json, data, lambda: _show_workers(live, evaluations, datetime.now(UTC)))


@app.command()
@shared_options
def requeue(
    options: WalletOptions,
    reason: Reason,
    evaluation: Annotated[
        int | None, typer.Argument(metavar="[ID]", min=1, max=MOST_ID, help="One evaluation.", show_default=False)
    ] = None,
    host: Annotated[str | None, typer.Option("--host", help="Everything that ran or got stuck on this host.")] = None,
    code: Annotated[
        int | None, typer.Option("--code", min=1000, max=9999, help="Everything that got stuck or waits because of this code.")
    ] = None,
    since: Annotated[str, typer.Option("--since", help=f"With --host or --code: claimed from then on; {Moment}.")] = "24h",
    until: Annotated[str, typer.Option("--until", help="With --host or --code: claimed before then; now by default.")] = "now",
    as_json: AsJson = False,
) -> None:
    """Judge again, at once and with a fresh budget: one evaluation, or all of a host or of a code in a window of time."""
    if [evaluation, host, code].count(None) != 2:
        raise PlatformError(Code.ARGUMENT_INVALID, "Name one of an evaluation's ID, --host and --code.")
    fields: dict[str, Any] = {"evaluation_id": evaluation}
    verb = "requeue"
    if evaluation is None:
        now = datetime.now(UTC)
        by = {"host": host} if host is not None else {"code": code}
        verb, fields = f"requeue-by-{next(iter(by))}", {**by, "since": moment(since, now), "until": moment(until, now)}
    ordered = _order(verb, {**fields, "reason": reason}, options)
    _print_order("requeued" if ordered.evaluations else "there is nothing to requeue", ordered, as_json)


def _about_a_number(verb: str, field: str, done: str) -> Callable[..., None]:
    @shared_options
    def command(
        options: WalletOptions,
        number: Annotated[int, typer.Argument(metavar="ID", min=1, max=MOST_ID, help=f"The {field.removesuffix('_id')}'s id.")],
        reason: Reason,
        as_json: AsJson = False,
    ) -> None:
        _print_order(done, _order(verb, {field: number, "reason": reason}, options), as_json)

    return command


def _about_a_name(verb: str, field: str, done: str) -> Callable[..., None]:
    parser = address if field == "hotkey" else None

    @shared_options
    def command(
        options: WalletOptions,
        name: Annotated[str, typer.Argument(metavar=field.upper(), parser=parser, help=f"The {field}.")],
        reason: Reason,
        as_json: AsJson = False,
    ) -> None:
        _print_order(f"{done} {name}", _order(verb, {field: name, "reason": reason}, options), as_json)

    return command


for _verb, _field, _done, _explanation in (
    ("park", "evaluation_id", "parked", "Set an evaluation aside until it is released or requeued."),
    ("release", "evaluation_id", "released", "Queue a parked evaluation again, while its round is open."),
    ("quarantine", "submission_id", "quarantined", "Stop judging a submission until it is brought back."),
    (
        "unquarantine",
        "submission_id",
        "brought back",
        "Bring a submission back to where it stood; what was set aside as a near-copy stands as a model of its own.",
    ),
    (
        "confirm-copy",
        "submission_id",
        "a copy for good",
        "End a near-copy's quarantine as a copy for good, once its owner had the time to object.",
    ),
):
    app.command(_verb, help=_explanation)(_about_a_number(_verb, _field, _done))
for _verb, _field, _done, _explanation in (
    ("unban", "hotkey", "unbanned", "Accept a hotkey's new submissions again; rejected ones stay rejected."),
    ("drain", "host", "draining", "Give a host no new work; its present work may end."),
    ("undrain", "host", "no longer draining", "Let a host work again."),
):
    app.command(_verb, help=_explanation)(_about_a_name(_verb, _field, _done))


@app.command()
@shared_options
def ban(
    options: WalletOptions,
    hotkey: Annotated[str, typer.Argument(metavar="HOTKEY", parser=address, help="Its ss58 address.")],
    reason: Reason,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Reject everything of a hotkey, now and from now on. The reason is public."""
    confirm(f"Reject everything of {hotkey}, now and from now on?", yes)
    ordered = _order("ban", {"hotkey": hotkey, "reason": reason}, options)
    _print_order(f"banned {hotkey}", ordered, as_json)


def _order(verb: str, fields: dict[str, Any], options: WalletOptions) -> "Ordered":
    """Send an order once, however often it must be sent."""

    from voice_api.schemas.operations import ORDERS, Verb

    try:
        order = ORDERS[Verb(verb)].model_validate(fields)
    except ValidationError as exc:
        wrong = exc.errors()[0]
        name = ".".join(str(part) for part in wrong["loc"]) or verb
        raise PlatformError(Code.ARGUMENT_INVALID, f"{name}: {wrong['msg']}.") from exc
    return _ask(lambda api: api.order(Verb(verb), order, uuid4().hex), options)


def _ask(question: "Callable[[VoiceApi], Coroutine[Any, Any, Answer]]", options: WalletOptions) -> Answer:
    """Ask the API with the operator's keys."""
    from neurons.api_client.client import VoiceApi

    settings = options.settings(ApiClientSettings)
    keys = keys_of(settings)

    async def ask() -> Answer:
        async with VoiceApi(settings.api_url, keys, settings.api_hotkey) as api:
            return await question(api)

    return asyncio.run(ask())


def _print_order(done: str, ordered: "Ordered", as_json: bool) -> None:
    changed = [("evaluations", ordered.evaluations), ("submissions", ordered.submissions)]
    parts = [f"{noun} {', '.join(map(str, ids))}" for noun, ids in changed if ids]
    answer(as_json, ordered.model_dump(mode="json"), lambda: typer.echo(": ".join((done, *parts))))


def moment(text: str, now: datetime) -> datetime:
    """`90m` before `now`, `now` itself, or an ISO 8601 time, in UTC where it names no zone; raises ARGUMENT_INVALID."""
    if text == "now":
        return now
    try:
        if ago := _AGO.fullmatch(text):
            return now - int(ago[1]) * _UNITS[ago[2]]
        named = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as exc:  # the second: an age that lies before the year 1
        raise PlatformError(
            Code.ARGUMENT_INVALID, f"{text} is neither a time like 2026-11-22T09:00 nor an age like 90m."
        ) from exc
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def _show_stuck(rows: "Sequence[StuckOut]") -> None:
    """Show each parked evaluation with its code and advice."""
    if not rows:
        Console().print("Nothing waits for an operator.")
        return
    table = Table(
        "evaluation",
        "submission",
        "round",
        "queue",
        "parked",
        "host",
        "failures",
        Column("why", overflow="fold"),
        box=SIMPLE_HEAD,
    )
    for row in rows:
        why = printable(f"[{row.code}] {with_advice(row.reason, row.code)}" if row.code else row.reason or "")
        table.add_row(
            str(row.evaluation_id),
            str(row.submission_id),
            str(row.round),
            row.queue.value,
            f"{row.parked_why.value}, {row.finished_at:%m-%d %H:%M}",
            printable(row.host or ""),
            str(row.failures),
            Text(why),
        )
    Console().print(table)


def _show_near_copies(rows: "Sequence[NearCopyOut]") -> None:
    """Show each near-copy with its measures, beside their thresholds."""
    if not rows:
        Console().print("No near-copy waits for an operator.")
        return
    table = Table("submission", "near", "weights", "told by", "sounds", "may object until", box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(
            str(row.submission_id),
            str(row.original_id),
            _beside(row.distance, "≤", row.most_distance, NANO),
            "files" if row.by_files else "sketches",
            _beside(row.sound, "≥", row.least_sound, MICRO),
            f"{row.appeal_until:%m-%d %H:%M}",
        )
    Console().print(table)


def _beside(measure: int | None, mark: str, threshold: int, unit: int) -> str:
    """A measure, and whether it is beyond its threshold."""
    if measure is None:
        return "not measured"
    beyond = measure <= threshold if mark == "≤" else measure >= threshold
    return f"{measure / unit:.6f}{f' {mark} {threshold / unit:g}' if beyond else ''}"


def _show_workers(rows: "Sequence[WorkerOut]", evaluations: "Mapping[EvaluationId, EvaluationOut]", now: datetime) -> None:
    """Show each worker with its work, and when it was last seen."""
    if not rows:
        Console().print("No worker lives.")
        return
    table = Table("worker", "host", "queue", "does", "since", "seen", box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(
            printable(row.name),
            printable(row.host),
            row.queue.value,
            _does(row, evaluations),
            f"{row.started_at:%m-%d %H:%M}",
            f"{max(0, round((now - row.seen_at).total_seconds()))} s ago",
        )
    Console().print(table)


def _does(row: "WorkerOut", evaluations: "Mapping[EvaluationId, EvaluationOut]") -> str:
    drains = "draining" if row.draining else ""
    if row.evaluation_id is None:
        return drains or "waits"
    found = evaluations.get(row.evaluation_id)
    stage = f" {found.stage} {found.done}/{found.total}" if found and found.stage else ""
    return f"evaluation {row.evaluation_id}{stage}" + (", then ends" if drains else "")
