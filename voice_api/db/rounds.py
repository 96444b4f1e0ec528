"""Rounds, from opening to the ledger."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from scoring.errors import Code, PlatformError
from scoring.report import GroupReport
from scoring.types import EvaluationId, RoundNumber
from voice_api.db.pool import Connection, Pool
from voice_api.db.records import Entry, EvaluationResult, JsonObject, LedgerEntry, NewRound, Round
from voice_api.db.rows import read
from voice_api.db.sql import sql
from voice_api.db.states import RoundState
from voice_api.errors import OutOfOrder


class Rounds:
    """A round is opened once, closed once (its results are then final), and folded once, in order."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self, new: NewRound, entries: Sequence[Entry]) -> bool:
        """Write a round with everything it asks for, and wake the dispatcher; False, and nothing changed, if it exists."""
        async with self._pool.transaction() as connection:
            arguments = (new.round, new.start_block, new.block_hash, new.deadline_block, new.competition_hash)
            if not await connection.fetchrow(sql("rounds.open"), *arguments):
                return False
            await connection.execute(
                sql("rounds.add_entries"),
                new.round,
                [entry.submission_id for entry in entries],
                [entry.queue for entry in entries],
                [entry.priority for entry in entries],
            )
            await connection.execute(sql("rounds.note_entries"), new.round)
            await connection.execute(sql("rounds.notify"), sorted({entry.queue for entry in entries}))
        return True

    async def unfolded(self) -> tuple[Round, ...]:
        """Open and closed rounds that are not in the ledger yet, oldest first: the first one is to be folded next."""
        async with self._pool.connection() as connection:
            return tuple(read(Round, row) for row in await connection.fetch(sql("rounds.unfolded")))

    async def latest(self) -> Round | None:
        """The newest round, or None."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("rounds.latest"))
        return read(Round, row) if row else None

    async def get(self, number: RoundNumber) -> Round:
        """One round; raises PlatformError(NOT_FOUND)."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("rounds.get"), number)
        if row is None:
            raise PlatformError(Code.NOT_FOUND, f"there is no round {number}")
        return read(Round, row)

    async def page(self, after: RoundNumber | None = None, limit: int = 50) -> tuple[Round, ...]:
        """Rounds with numbers above `after`, oldest first; the last one's number is the next page's `after`."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("rounds.page"), -1 if after is None else after, limit)
        return tuple(read(Round, row) for row in rows)

    async def close(self, number: RoundNumber) -> bool:
        """End a round: what has no verdict is parked and its workers are shut out. False if it was not open."""
        async with self._pool.transaction() as connection:
            await connection.execute(sql("rounds.lock_closing"))
            if not await connection.fetchrow(sql("rounds.close"), number):
                return False
            await connection.execute(sql("rounds.park_rest"), number)
        return True

    async def results(self, number: RoundNumber) -> tuple[EvaluationResult, ...]:
        """Every evaluation of a round, in the order in which it was asked for; final once the round is closed."""
        async with self._pool.connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(sql("rounds.results"), number)
            scores = await connection.fetch(sql("rounds.group_scores"), number)
            spoken = await connection.fetch(sql("rounds.samples"), number)
        groups: defaultdict[EvaluationId, list[GroupReport]] = defaultdict(list)
        for row in scores:
            groups[row["evaluation_id"]].append(read(GroupReport, row))
        samples: defaultdict[EvaluationId, list[JsonObject]] = defaultdict(list)
        for row in spoken:
            sample = dict(row)
            samples[sample.pop("evaluation_id")].append(sample)
        return tuple(_result(row, groups, samples) for row in rows)

    async def fold(self, entry: LedgerEntry) -> None:
        """Append a closed round to the ledger; raises OutOfOrder unless it is its turn and `previous` is the head's hash."""
        async with self._pool.transaction() as connection:
            await connection.execute(sql("rounds.lock_ledger"))
            await _refuse_out_of_order(connection, entry)
            await connection.execute(sql("rounds.append"), entry.round, entry.state_hash, entry.previous, entry.state, entry.king)
            await connection.execute(sql("rounds.mark_folded"), entry.round)

    async def head(self) -> LedgerEntry | None:
        """The ledger's last entry, or None before the first."""
        async with self._pool.connection() as connection:
            return await _head(connection)


def _result(
    row: Mapping[str, Any],
    groups: Mapping[EvaluationId, Sequence[GroupReport]],
    samples: Mapping[EvaluationId, Sequence[JsonObject]],
) -> EvaluationResult:
    key = row["evaluation_id"]
    return read(EvaluationResult, row, groups=tuple(groups.get(key, ())), samples=tuple(samples.get(key, ())))


async def _head(connection: Connection) -> LedgerEntry | None:
    row = await connection.fetchrow(sql("rounds.head"))
    return read(LedgerEntry, row) if row else None


async def _refuse_out_of_order(connection: Connection, entry: LedgerEntry) -> None:
    turn = await connection.fetchrow(sql("rounds.earliest_unfolded"))
    if turn is None or turn["round"] != entry.round:
        raise OutOfOrder(f"it is not the turn of round {entry.round} to be folded")
    if turn["state"] != RoundState.CLOSED:
        raise OutOfOrder(f"round {entry.round} is not closed")
    head = await _head(connection)
    if entry.previous != (head.state_hash if head else ""):
        raise OutOfOrder(f"round {entry.round} does not follow the ledger's head")
