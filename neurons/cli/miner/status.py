"""`voice miner status`: the state of a hotkey's submissions, their place in the queue, and advice."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.miner.standing import Standings
from neurons.cli.options import AsJson, WalletOptions, address, answer, keys_of, shared_options
from neurons.settings import MinerSettings
from scoring.errors import EXPLANATIONS, with_advice
from scoring.foreign_words import printable
from scoring.types import MICRO, Hotkey, SubmissionId

if TYPE_CHECKING:
    from voice_api.schemas import QueueRowOut, SubmissionOut
    from voice_api.schemas.submissions import EventOut

    Turns = Mapping[SubmissionId, QueueRowOut]
    Events = Mapping[SubmissionId, Sequence[EventOut]]

_MINUTE, _HOUR = 60, 3600
_KEPT_STEPS, _KEPT_DUELS = 100, 100
"""The most steps of a submission, and the most duels, of which anything is said, also as data."""
_MOST_SHOWN = 500
_SHOWN_STEPS = 6
"""Steps of a submission that are told; those before are behind `GET /v1/submissions/{id}/events`."""
_GAP = 3
"""Columns of the terminal between two of the table."""
_SUFFIXES = {1: "st", 2: "nd", 3: "rd"}


@shared_options
def status(
    options: WalletOptions,
    hotkey: Annotated[
        str | None,
        typer.Option("--hotkey", parser=address, metavar="ADDRESS", help="The hotkey to show, instead of the wallet's."),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=_MOST_SHOWN, help="Only the newest so many submissions.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show a hotkey's submissions: state, place in the queue, reason and advice; rank, pay, rounds and duels, each with its why.

    Of those that wait it shows the history. What is shown of ranks, pay and duels is the ledger's, of the API's validator.
    """
    settings = options.settings(MinerSettings)
    whose = hotkey or keys_of(settings).hotkey.ss58_address
    found, turns, events, standings = asyncio.run(_read(settings, Hotkey(whose), limit))
    data = [_plain_data(item, turns, events) | standings.to_json(item) for item in found]
    answer(as_json, data, lambda: _show(whose, found, turns, events, standings))


def _show(hotkey: str, found: "Sequence[SubmissionOut]", turns: "Turns", events: "Events", standings: Standings) -> None:
    if not found:
        typer.echo(f"No submission of {hotkey} is known: has it been committed, and read by the model queue?")
        return
    console = Console(soft_wrap=True, highlight=False)
    Console(highlight=False).print(_listed(found, turns, console.width))
    for line in (line for item in found for line in standings.in_words(item)):
        console.print(line)
    for submission, steps in events.items():
        typer.echo(f"Submission {submission}, times in UTC: {history(steps)}")


async def _read(settings: MinerSettings, hotkey: Hotkey, limit: int) -> "tuple[list[SubmissionOut], Turns, Events, Standings]":
    """Read the hotkey's newest submissions, the first queue row of each that waits or runs, the events of those, and how all stand."""
    from neurons.api_client.client import VoiceApi
    from voice_api.schemas import MOST_ROWS

    async with VoiceApi(settings.api_url, None, settings.api_hotkey) as api:
        found = (await api.submissions(hotkey=hotkey))[-limit:]
        waiting = await api.queue() if found else []
        turns = {row.submission_id: row for row in reversed(waiting) if row.hotkey == hotkey}
        events = {item.id: (await api.events(item.id))[-_KEPT_STEPS:] for item in found if item.id in turns}
        rows = await api.leaderboard(limit=MOST_ROWS, search=hotkey) if found else []
        duels = await api.duels(hotkey=hotkey) if found else []
    return found, turns, events, Standings({row.entrant: row for row in rows}, duels[:_KEPT_DUELS])


def _plain_data(item: "SubmissionOut", turns: "Turns", events: "Events") -> dict[str, object]:
    turn = turns.get(item.id)
    return {
        **item.model_dump(mode="json"),
        "advice": None if item.code is None else EXPLANATIONS[item.code].advice,
        "queue": None if turn is None else turn.model_dump(mode="json"),
        "events": [event.model_dump(mode="json") for event in events.get(item.id, ())],
    }


def _listed(found: "Sequence[SubmissionOut]", turns: "Turns", width: int) -> RenderableType:
    """A table with a line each, or a paragraph each where a terminal of `width` columns has no room for it: no word breaks.

    What is empty for all is left out, so that the rest has room.
    """
    rows = [{name: printable(value) for name, value in _row(item, turns.get(item.id)).items()} for item in found]
    shown = [name for name in rows[0] if any(row[name] for row in rows)]
    columns = {
        name: max(len(word) for text in (name, *(row[name] for row in rows)) for word in text.split(" ")) for name in shown
    }
    if sum(columns.values()) + _GAP * len(columns) > width:
        return Group(*(Text("\n".join(f"{name}: {row[name]}" for name in shown if row[name]) + "\n") for row in rows))
    table = Table(*(Column(name, min_width=least) for name, least in columns.items()), box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(row[name]) for name in shown))
    return table


def _row(item: "SubmissionOut", turn: "QueueRowOut | None") -> dict[str, str]:
    return {
        "submission": str(item.id),
        "block": str(item.commit_block),
        "repo@revision": f"{item.repo}@{(item.revision or '')[:7]}" if item.repo else "",
        "track": item.track or "",
        "state": item.state.value,
        "place": "" if turn is None else str(turn.position),
        "starts in": "" if turn is None else starts_in(turn),
        "last score ± se": "" if item.score is None else f"{item.score / MICRO:.4f} ± {(item.stderr or 0) / MICRO:.4f}",
        "reason and advice": _advice(item),
    }


def _advice(item: "SubmissionOut") -> str:
    """Why it stands so, and what to do: by its code, or in the words of what was set aside as a near-copy."""
    return (item.reason or "") if item.code is None else f"[{item.code}] {with_advice(item.reason, item.code)}"


def starts_in(turn: "QueueRowOut") -> str:
    """The time until it starts: half of those like it start by the first number, nine in ten by the second."""
    if turn.state.value == "running":
        return f"runs: {turn.stage} {turn.done}/{turn.total}" if turn.stage else "runs"
    if turn.eta_p50_seconds is None or turn.eta_p90_seconds is None:
        return "not known"
    half, most = _spoken(turn.eta_p50_seconds), _spoken(turn.eta_p90_seconds)
    return half if half == most else f"{half} – {most}"


def _spoken(seconds: int) -> str:
    if seconds < _MINUTE:
        return f"{seconds} s"
    return f"{seconds / _MINUTE:.0f} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"


def history(events: "Sequence[EventOut]") -> str:
    """The last steps, oldest first, in UTC; a day is named where it changes. A verdict, which two steps say, is told once."""
    steps = list(_steps(events))[-_SHOWN_STEPS:]
    days = [None, *(at.date() for at, _ in steps)]
    return " → ".join(
        f"{words} {at:%H:%M}" if at.date() == day else f"{words} {at:%-d %b %H:%M}"
        for (at, words), day in zip(steps, days, strict=False)
    )


def _steps(events: "Sequence[EventOut]") -> Iterator[tuple[datetime, str]]:
    attempts: dict[int | None, int] = {}
    for event in events:
        if event.kind.value == "submission" and event.evaluation_id is not None:
            continue  # its evaluation's own step says so
        words = event.to_state.value
        if words == "running":
            attempts[event.evaluation_id] = attempts.get(event.evaluation_id, 0) + 1
            words += f" on its {_ordinal(attempts[event.evaluation_id])} attempt" if attempts[event.evaluation_id] > 1 else ""
        if event.code is not None:
            words += f" ({event.code.value} {event.code.slug.replace('-', ' ')})"
        if event.actor.value == "operator":
            words += " by the operator"
        yield event.at.astimezone(UTC), words


def _ordinal(number: int) -> str:
    suffix = "th" if number % 100 in (11, 12, 13) else _SUFFIXES.get(number % 10, "th")
    return f"{number}{suffix}"
