"""The public table on the wire."""

from typing import Self

from scoring.types import Uid
from voice_api.db.views import LeaderboardRow
from voice_api.schemas.submissions import SubmissionOut
from voice_api.schemas.wire import Wire


class LeaderboardRowOut(Wire):
    """One line of the table; rank 1 is the best."""

    rank: int | None
    king: bool
    uid: Uid | None
    scored_rounds: int
    submission: SubmissionOut

    @classmethod
    def of(cls, row: LeaderboardRow) -> Self:
        """From the stored row."""
        return cls.model_validate(row)


class LeaderboardOut(Wire):
    """The public table."""

    rows: tuple[LeaderboardRowOut, ...]
