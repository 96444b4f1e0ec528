"""Builders of near-copies: what a worker orders that found one."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from scoring.receipts.near_copies import NearCopy
from scoring.types import Entrant, Micro, Nano, SubmissionId
from voice_api.db.copies import NearCopyOrder

MEASURED = NearCopy(
    entrant=Entrant("h3@101"),
    original=Entrant("h2@100"),
    distance=Nano(1_250_000),
    by_files=False,
    base=None,
    compared=9_000,
    sound=Micro(400_000),
    prompts=8,
)


def a_near_copy(submission: int, original: int, **overrides: Any) -> NearCopyOrder:
    """A submission to be set aside as another one's near-copy, whose owner has three days to object."""
    order = NearCopyOrder(
        submission_id=SubmissionId(submission),
        original_id=SubmissionId(original),
        found=MEASURED,
        most_distance=Nano(50_000_000),
        least_sound=Micro(970_000),
        appeal=timedelta(days=3),
        reason=f"near submission {original}",
    )
    return replace(order, **overrides)
