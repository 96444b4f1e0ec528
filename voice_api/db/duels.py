"""Duels as a validator's ledger had them, round by round; an entry itself forgets one that has ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from scoring.errors import Code, PlatformError
from scoring.ranking.duel_history import DuelRound
from scoring.types import EvaluationId, Hotkey, Micro, RoundNumber, SubmissionId
from voice_api.db.database import Connection, Pool, read, sql


@dataclass(frozen=True, slots=True, kw_only=True)
class NotedDuel(DuelRound):
    """A duel at the end of a round of the ledger."""

    round: RoundNumber
    challenger_submission: SubmissionId | None
    """None where it is not in this database."""
    king_submission: SubmissionId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DuelGroup:
    """What both sides of a duel scored on one group of a round that counted; scores in 1e-6."""

    round: RoundNumber
    group_id: str
    kind: str
    difference: Micro
    """The challenger's score less the king's."""
    challenger_score: Micro
    king_score: Micro
    challenger_evaluation: EvaluationId
    king_evaluation: EvaluationId
    prompt_ids: Sequence[str]


class Duels:
    """One validator's duels."""

    def __init__(self, pool: Pool, validator: Hotkey) -> None:
        self._pool, self._validator = pool, validator

    async def note(self, connection: Connection, number: RoundNumber, found: Sequence[DuelRound]) -> None:
        """Keep what a round's entry says of duels, inside the transaction that appends it."""
        columns = (
            [each.track for each in found],
            [each.opened for each in found],
            [each.challenger for each in found],
            [each.king for each in found],
            [each.outcome for each in found],
            [each.wealth for each in found],
            [each.threshold for each in found],
            [each.margin for each in found],
            [each.lead for each in found],
            [each.groups for each in found],
            [each.rounds for each in found],
        )
        await connection.execute(sql("duels.note"), self._validator, number, *columns)

    async def page(
        self,
        after: tuple[RoundNumber, str] | None = None,
        limit: int = 50,
        track: str | None = None,
        hotkey: Hotkey | None = None,
    ) -> tuple[NotedDuel, ...]:
        """Each duel as it stood last, the one that opened last first, of a track and of a hotkey on either side, if asked.

        `after` is the round of opening and the track of the last one of the page before.
        """
        opened, of_track = (None, None) if after is None else after
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("duels.page"), self._validator, opened, of_track, track, hotkey, limit)
        return tuple(read(NotedDuel, row) for row in rows)

    async def curve(self, track: str, opened: RoundNumber) -> tuple[NotedDuel, ...]:
        """A duel by its track and the round at whose end it opened, round by round; raises PlatformError(NOT_FOUND)."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("duels.curve"), self._validator, track, opened)
        if not rows:
            raise PlatformError(Code.NOT_FOUND, f"no duel opened in the track {track} at the end of round {opened}")
        return tuple(read(NotedDuel, row) for row in rows)

    async def groups(self, track: str, opened: RoundNumber, limit: int = 500) -> tuple[DuelGroup, ...]:
        """A duel's groups, as they were judged in this database, the widest difference first."""
        async with self._pool.connection() as connection:
            rows = await connection.fetch(sql("duels.groups"), self._validator, track, opened, limit)
        return tuple(read(DuelGroup, row) for row in rows)
