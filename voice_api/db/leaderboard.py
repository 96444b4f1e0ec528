"""What the leaderboard shows beside a ledger: the submissions that it ranks, those that it does not, and their last scores."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from scoring.types import Entrant, EvaluationId, Micro, RoundNumber, SubmissionId, Uid, entrant, parse_entrant
from voice_api.db.database import Pool, read, sql
from voice_api.db.submissions import Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSubmission:
    """A submission, the uid of its hotkey (None: not registered), and the number of rounds in which it was scored."""

    submission: Submission
    uid: Uid | None
    scored_rounds: int

    @property
    def entrant(self) -> Entrant:
        """Its name."""
        return entrant(self.submission.hotkey, self.submission.commit_block)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundScore:
    """A submission's score in one round, with its standard error; both in 1e-6."""

    submission_id: SubmissionId
    evaluation_id: EvaluationId
    round: RoundNumber
    score: Micro
    stderr: Micro


class LeaderboardRows:
    """Submissions as lines of the leaderboard."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def named(self, entrants: Sequence[Entrant]) -> tuple[ListedSubmission, ...]:
        """Submissions by their names, in no order; none of unknown ones."""
        return tuple(_listed(row) for row in await self._fetch("leaderboard.named", *_columns(entrants)))

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
        asked = (*_columns(without), hotkey, block, track, search, limit)
        return tuple(_listed(row) for row in await self._fetch("leaderboard.rest", *asked))

    async def trends(self, submissions: Sequence[SubmissionId], most: int) -> Mapping[SubmissionId, tuple[RoundScore, ...]]:
        """At most so many last scores of each submission, oldest round first; no entry for one without any."""
        rows = [read(RoundScore, row) for row in await self._fetch("leaderboard.trends", list(submissions), most)]
        return {key: tuple(scores) for key, scores in groupby(rows, key=lambda row: row.submission_id)}

    async def _fetch(self, name: str, *arguments: object) -> Collection[Any]:
        async with self._pool.connection() as connection:
            rows: Collection[Any] = await connection.fetch(sql(name), *arguments)
        return rows


def _columns(entrants: Sequence[Entrant]) -> tuple[list[str], list[int]]:
    pairs = [parse_entrant(name) for name in entrants]
    return [hotkey for hotkey, _ in pairs], [block for _, block in pairs]


def _listed(row: Mapping[str, Any]) -> ListedSubmission:
    return read(ListedSubmission, row, submission=read(Submission, row))
