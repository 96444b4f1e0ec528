"""A validator's ledger: the chain of its entries, round by round."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from scoring.errors import Code, PlatformError
from scoring.ranking.duel_history import duel_rounds
from scoring.ranking.state import Inputs, State
from scoring.types import Entrant, Hotkey, RoundNumber
from voice_api.db.database import Connection, Pool, read, sql
from voice_api.db.duels import Duels
from voice_api.db.rounds import Round
from voice_api.db.states import RoundState
from voice_api.errors import LedgerInvalid, OutOfOrder

_NOT_THE_OWNER = "the role in DATABASE_URL may not delete entries of a ledger: name the tables' owner, as `voice db upgrade` does"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One round of a ledger: the state after it, chained by hash to the entry before."""

    round: RoundNumber
    state_hash: str
    previous: str
    """The `state_hash` of the entry before; '' in the first one."""
    state: State
    inputs: Inputs

    @property
    def kings(self) -> Mapping[str, Entrant]:
        """The submission that holds the top of each track after this round, where one does."""
        return self.state.kings


@dataclass(frozen=True, slots=True)
class LedgerMark:
    """What tells one head of a ledger from another."""

    round: RoundNumber
    state_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryOutline:
    """An entry of a validator's ledger without its state, which grows with the field."""

    validator: Hotkey
    round: RoundNumber
    state_hash: str
    previous: str
    inputs: Inputs
    kings: Mapping[str, Entrant]


class Ledger:
    """One validator's entries, in the order of their rounds; several validators may keep theirs in one database."""

    def __init__(self, pool: Pool, validator: Hotkey) -> None:
        self._pool, self._validator = pool, validator

    async def head(self) -> LedgerEntry | None:
        """The last entry, or None before the first."""
        async with self._pool.connection() as connection:
            return await self._head(connection)

    async def head_in_thread(self) -> LedgerEntry | None:
        """The last entry, or None before the first; it is read apart from the event loop: a large field's takes a while."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("ledger.head_text"), self._validator)
        return await asyncio.to_thread(_entry_of_text, row) if row else None

    async def get(self, number: RoundNumber) -> LedgerEntry:
        """The entry of one round; raises PlatformError(NOT_FOUND)."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("ledger.get"), self._validator, number)
        if row is None:
            raise PlatformError(Code.NOT_FOUND, f"the ledger of {self._validator} has no round {number}")
        return _entry(row)

    async def page(self, after: RoundNumber | None = None, limit: int = 50) -> tuple[LedgerEntry, ...]:
        """Entries of rounds above `after`, oldest first; the last one's round is the next page's `after`."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("ledger.page"), self._validator, -1 if after is None else after, limit)
        return tuple(_entry(row) for row in rows)

    async def outline(self, after: RoundNumber | None = None, limit: int = 50) -> tuple[EntryOutline, ...]:
        """Entries of rounds above `after` without their states, oldest first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("ledger.outline"), self._validator, -1 if after is None else after, limit)
        return tuple(_outline(row) for row in rows)

    async def last_judged(self) -> EntryOutline | None:
        """The last entry that any receipt reached, whether it counts or not; None while there is none."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("ledger.last_judged"), self._validator)
        return None if row is None else _outline(row)

    async def uncounted(self) -> int:
        """The number of rounds in a row, up to the last one, in which no receipt counts, or which none reached."""
        async with self._pool.connection() as connection:
            count: int = await connection.fetchval(sql("ledger.uncounted"), self._validator)
        return count

    async def kings(self, since: RoundNumber) -> Mapping[RoundNumber, Mapping[str, Entrant]]:
        """The kings by track after each round from `since` on, in their order; also of entries that this release cannot read."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("ledger.kings"), self._validator, since)
        return {row["round"]: row["kings"] for row in rows}

    async def reset(self, since: RoundNumber) -> int:
        """Delete the entries from a round on, and count them; raises PlatformError(SETTING_INVALID) for a role that may not.

        No process may do that but one with the rights of the tables' owner: a ledger is appended to, and never changed.
        """
        try:
            async with self._pool.transaction() as connection:
                await connection.execute(sql("ledger.lock"), self._validator)
                return len(await connection.fetch(sql("ledger.reset"), self._validator, since))
        except asyncpg.InsufficientPrivilegeError as exc:
            raise PlatformError(Code.SETTING_INVALID, _NOT_THE_OWNER) from exc

    async def waiting(self, limit: int = 50) -> tuple[Round, ...]:
        """Open and closed rounds above the head, oldest first: the first one is to be folded next."""
        async with self._pool.connection() as connection:
            return tuple(read(Round, row) for row in await connection.fetch(sql("ledger.waiting"), self._validator, limit))

    async def append(self, entry: LedgerEntry) -> None:
        """Append an entry; raises OutOfOrder unless `previous` is the head's hash and the round is the next one.

        Of the rounds of this database none may come before it or still be open; one that is not of this database (an entry that
        was taken over from elsewhere) must only lie above the head.
        """
        async with self._pool.transaction() as connection:
            await connection.execute(sql("ledger.lock"), self._validator)
            head = await self._head(connection)
            await _refuse_out_of_order(connection, self._validator, head, entry)
            await connection.execute(
                sql("ledger.append"),
                self._validator,
                entry.round,
                entry.state_hash,
                entry.previous,
                entry.state.to_json(),
                entry.inputs.to_json(),
                dict(entry.kings),
            )
            await Duels(self._pool, self._validator).note(
                connection, entry.round, duel_rounds(None if head is None else head.state, entry.state)
            )

    async def _head(self, connection: Connection) -> LedgerEntry | None:
        row = await connection.fetchrow(sql("ledger.head"), self._validator)
        return _entry(row) if row else None


async def _refuse_out_of_order(connection: Connection, validator: Hotkey, head: LedgerEntry | None, entry: LedgerEntry) -> None:
    if entry.previous != (head.state_hash if head else ""):
        raise OutOfOrder(f"round {entry.round} does not follow the ledger's head")
    if head is not None and entry.round <= head.round:
        raise OutOfOrder(f"round {entry.round} does not come after round {head.round}")
    turn = await connection.fetchrow(sql("ledger.waiting"), validator, 1)
    if turn is not None and turn["round"] < entry.round:
        raise OutOfOrder(f"round {turn['round']} is to be folded before round {entry.round}")
    if turn is not None and turn["round"] == entry.round and turn["state"] != RoundState.CLOSED:
        raise OutOfOrder(f"round {entry.round} is not closed")


def _entry_of_text(row: Mapping[str, Any]) -> LedgerEntry:
    return _entry({**row, "state": json.loads(row["state"]), "inputs": json.loads(row["inputs"])})


def _entry(row: Mapping[str, Any]) -> LedgerEntry:
    """An entry from its row; raises LedgerInvalid for one that another release wrote otherwise."""
    try:
        state = State.from_json(row["state"])
        inputs = Inputs.from_json(row["inputs"])
    except ValueError as exc:
        raise LedgerInvalid(f"the stored entry of round {row['round']} cannot be read: {exc}") from exc
    return LedgerEntry(round=row["round"], state_hash=row["state_hash"], previous=row["previous"], state=state, inputs=inputs)


def _outline(row: Mapping[str, Any]) -> EntryOutline:
    """An entry without its state, from its row; raises LedgerInvalid for one that another release wrote otherwise."""
    try:
        inputs = Inputs.from_json(row["inputs"])
    except ValueError as exc:
        raise LedgerInvalid(f"the stored entry of round {row['round']} cannot be read: {exc}") from exc
    return EntryOutline(
        validator=row["validator"],
        round=row["round"],
        state_hash=row["state_hash"],
        previous=row["previous"],
        inputs=inputs,
        kings=row["kings"],
    )


async def validators(pool: Pool) -> tuple[Hotkey, ...]:
    """The validators whose ledgers are in this database."""
    async with pool.connection() as connection:
        return tuple(Hotkey(row["validator"]) for row in await connection.fetch(sql("ledger.validators")))
