"""The public table on the wire."""

from typing import Annotated

from pydantic import Field

from scoring.types import Uid
from voice_api.schemas.submissions import SubmissionOut
from voice_api.schemas.wire import Wire


class LeaderboardRowOut(Wire):
    """One line of the table; rank 1 is the best."""

    rank: Annotated[int | None, Field(description="None without a score or a registration.", examples=[1])]
    king: Annotated[bool, Field(description="Whether it holds the top.")]
    uid: Annotated[Uid | None, Field(description="None once its hotkey is no longer registered.", examples=[17])]
    scored_rounds: Annotated[int, Field(examples=[31])]
    submission: SubmissionOut


class LeaderboardOut(Wire):
    """The public table."""

    rows: tuple[LeaderboardRowOut, ...]
