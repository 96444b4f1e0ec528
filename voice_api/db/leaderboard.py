"""What the leaderboard shows beside a ledger: the submissions that it ranks, those that it does not, and their last scores."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from scoring.types import Block, Entrant, EvaluationId, Hotkey, Micro, RoundNumber, Uid, entrant, parse_entrant
from voice_api.db.database import Pool, read, sql
from voice_api.db.ledger import LedgerMark
from voice_api.db.states import SubmissionState
from voice_api.db.submissions import Submission

TREND = 20
"""So many of a submission's last scores are shown."""
_STATES = {state.value: state for state in SubmissionState}


class RoundScore(NamedTuple):
    """A submission's score in one round, with its standard error; both in 1e-6. A page has thousands, so they are tuples."""

    evaluation_id: EvaluationId
    round: RoundNumber
    score: Micro
    stderr: Micro


@dataclass(frozen=True, kw_only=True)
class ListedSubmission:
    """A submission, the uid of its hotkey (None: not registered), and the number of rounds in which it was scored."""

    columns: Mapping[str, Any]
    """A submission's columns as the database gives them: the table as data is written from them, which is most of what is asked."""
    entrant: Entrant
    """Its name."""
    state: SubmissionState
    uid: Uid | None
    scored_rounds: int
    trend: tuple[RoundScore, ...]
    """Its last scores, oldest round first."""

    @cached_property
    def submission(self) -> Submission:
        """The submission."""
        return read(Submission, self.columns)


@dataclass(frozen=True, slots=True)
class LeaderboardVersion:
    """What ranks are computed from: the ledger's head (None: nothing was folded), and the registry's block (None: there is none)."""

    mark: LedgerMark | None
    block: Block | None


class LeaderboardRows:
    """Submissions as lines of the leaderboard."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def version(self, validator: Hotkey) -> LeaderboardVersion:
        """What the ranks of a validator's ledger are computed from."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(sql("leaderboard.version"), validator)
        mark = None if row["round"] is None else LedgerMark(row["round"], row["state_hash"])
        return LeaderboardVersion(mark, row["block"])

    async def named(self, entrants: Sequence[Entrant]) -> tuple[ListedSubmission, ...]:
        """Submissions by their names, in no order; none of unknown ones."""
        if not entrants:
            return ()
        return tuple(_listed(row) for row in await self._fetch("leaderboard.named", *_columns(entrants), TREND))

    async def searched(self, entrants: Sequence[Entrant], search: str) -> frozenset[Entrant]:
        """Those of these submissions whose repository's name holds a text, in whatever case."""
        rows = await self._fetch("leaderboard.searched", *_columns(entrants), search)
        return frozenset(entrant(row["hotkey"], row["commit_block"]) for row in rows)

    async def rest(
        self,
        without: Sequence[Entrant],
        *,
        after: Entrant | None = None,
        track: str | None = None,
        search: str = "",
        limit: int = 100,
    ) -> tuple[ListedSubmission, ...]:
        """All other submissions but superseded ones: scored, then waiting, then copies, rejected and quarantined ones, by commit.

        Those after one of them, if named; of those that were judged in a track, or whose hotkey or repository holds a text or
        whose uid it is, if asked.
        """
        hotkey, block = (None, None) if after is None else parse_entrant(after)
        asked = (*_columns(without), hotkey, block, track, search, limit, TREND)
        return tuple(_listed(row) for row in await self._fetch("leaderboard.rest", *asked))

    async def _fetch(self, name: str, *arguments: object) -> Collection[Any]:
        async with self._pool.connection() as connection:
            rows: Collection[Any] = await connection.fetch(sql(name), *arguments)
        return rows


def _columns(entrants: Sequence[Entrant]) -> tuple[list[str], list[int]]:
    pairs = [parse_entrant(name) for name in entrants]
    return [hotkey for hotkey, _ in pairs], [block for _, block in pairs]


def _listed(row: Mapping[str, Any]) -> ListedSubmission:
    return ListedSubmission(
        columns=row,
        entrant=entrant(row["hotkey"], row["commit_block"]),
        state=_STATES[row["state"]],
        uid=row["uid"],
        scored_rounds=row["scored_rounds"],
        trend=_trend(row),
    )


def _trend(row: Mapping[str, Any]) -> tuple[RoundScore, ...]:
    if not row["rounds"]:
        return ()
    newest_first = zip(row["evaluations"], row["rounds"], row["scores"], row["stderrs"], strict=True)
    return tuple(map(RoundScore._make, newest_first))[::-1]
