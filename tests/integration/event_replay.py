"""The events, folded: they must say of every submission and evaluation what its own row says."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from voice_api.db.database import Connection, Pool, read
from voice_api.db.states import EventKind

Key = tuple[EventKind, int]
EVENTS = """
select kind, case kind when 'submission' then submission_id else evaluation_id end as id, from_state, to_state
from events
order by events.id
"""
STATES = """
select 'submission' as kind, id, state from submissions union all select 'evaluation', id, state from evaluations
"""


@dataclass(frozen=True, slots=True)
class Event:
    """One step in a life; `from_state` is None where it begins. `id` is the submission's or evaluation's."""

    kind: EventKind
    id: int
    from_state: str | None
    to_state: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the events contradict the row, or one event the one before it; None: there is no such thing on that side."""

    kind: EventKind
    id: int
    events_say: str | None
    instead_of: str | None


async def replayed(pool: Pool) -> tuple[Difference, ...]:
    """Every difference between the event log and the tables, as of one moment; empty when they agree."""
    async with pool.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        events = [read(Event, row) async for row in connection.cursor(EVENTS)]
        stored = await _stored(connection)
    folded, breaks = fold(events)
    return (*breaks, *compare(folded, stored))


def fold(events: Iterable[Event]) -> tuple[dict[Key, str], tuple[Difference, ...]]:
    """Where each thing stands after all events, in their order, and each event that did not start where the one before had ended."""
    states: dict[Key, str] = {}
    breaks = []
    for event in events:
        key = (event.kind, event.id)
        if states.get(key) != event.from_state:
            breaks.append(Difference(event.kind, event.id, event.from_state, states.get(key)))
        states[key] = event.to_state
    return states, tuple(breaks)


def compare(folded: Mapping[Key, str], stored: Mapping[Key, str]) -> Iterator[Difference]:
    """Where the folded events and the stored rows differ."""
    for kind, number in sorted(folded.keys() | stored.keys()):
        says, holds = folded.get((kind, number)), stored.get((kind, number))
        if says != holds:
            yield Difference(kind, number, says, holds)


async def _stored(connection: Connection) -> dict[Key, str]:
    rows: Any = await connection.fetch(STATES)
    return {(EventKind(row["kind"]), row["id"]): row["state"] for row in rows}
