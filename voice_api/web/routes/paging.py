"""Pages by key: a page's `next` is the next one's `after`, so that what is added meanwhile shifts nothing."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

from fastapi import Path, Query

from scoring.types import EvaluationId, RoundNumber, SubmissionId
from voice_api.schemas import MOST_ROWS

Row = TypeVar("Row")

_ID = Path(ge=1, lt=2**63, examples=[412])
SubmissionKey = Annotated[SubmissionId, _ID]
EvaluationKey = Annotated[EvaluationId, _ID]
RoundKey = Annotated[RoundNumber, Path(ge=0, lt=2**31, examples=[1_204])]
After = Annotated[int, Query(ge=0, lt=2**63, description="`next` of the page before.", examples=[0])]
Position = Annotated[int | None, Query(ge=0, lt=2**31, description="`next` of the page before.")]
"""The position in a list whose keys begin at 0."""
Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page.", examples=[50])]


def cut(rows: Sequence[Row], limit: int) -> tuple[Sequence[Row], Row | None]:
    """At most `limit` of the rows, and the last of those if there are more."""
    shown = rows[:limit]
    return shown, shown[-1] if len(rows) > limit else None
