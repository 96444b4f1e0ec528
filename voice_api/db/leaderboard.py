"""What the leaderboard shows beside a ledger: the submissions that it ranks, those that it does not, and their last scores."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scoring.types import Block, Entrant, EvaluationId, Hotkey, Micro, RoundNumber, Uid, entrant, parse_entrant
from voice_api.db.database import Pool, read, sql
from voice_api.db.ledger import LedgerMark
from voice_api.db.submissions import Submission

TREND = 20
"""So many of a submission's last scores are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundScore:
    """A submission's score in one round, with its standard error; both in 1e-6."""

    evaluation_id: EvaluationId
    round: RoundNumber
    score: Micro
    stderr: Micro


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedSubmission:
    """A submission, the uid of its hotkey (None: not registered), and the number of rounds in which it was scored."""

    submission: Submission
    uid: Uid | None
    scored_rounds: int
    trend: tuple[RoundScore, ...]
    """Its last scores, oldest round first."""

    @property
    def entrant(self) -> Entrant:
        """Its name."""
        return entrant(self.submission.hotkey, self.submission.commit_block)


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
    """A row as it is shown; built by hand, because pages have very many."""
    return ListedSubmission(
        submission=read(Submission, row), uid=row["uid"], scored_rounds=row["scored_rounds"], trend=_trend(row)
    )


def _trend(row: Mapping[str, Any]) -> tuple[RoundScore, ...]:
    rounds = row["rounds"]
    if not rounds:
        return ()
    newest_first = zip(row["evaluations"], rounds, row["scores"], row["stderrs"], strict=True)
    found = [RoundScore(evaluation_id=key, round=number, score=score, stderr=err) for key, number, score, err in newest_first]
    return tuple(reversed(found))
