"""A recording that a miner has judged, on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from scoring.errors import Code
from voice_api.db.states import ValidationState
from voice_api.schemas.wire import Hex32, ScoreOut, Ss58, Wire

MOST_CHARACTERS = 500
"""The longest text, and the longest description."""


class ValidationOut(Wire):
    """A recording as it stands: score, metrics, utilities and reasons once `state` is done; code and reason when it failed.

    Code 33xx says what is wrong with the recording or its text, 2xxx that we failed: ask again.
    """

    id: Annotated[UUID, Field(examples=["5f0c1bb0-6a3f-4c5e-9d0a-1f6a7d1c2b3e"])]
    hotkey: Ss58
    text: Annotated[str, Field(examples=["Open the gate before the rain comes."])]
    description: Annotated[str, Field(examples=["A deep-voiced man speaks rather slowly."])]
    sha256: Annotated[Hex32, Field(description="Of the upload.")]
    state: ValidationState
    attempt: int
    score: ScoreOut
    gate: Annotated[str | None, Field(description="Why the score is 0, if a gate closed.", examples=["wrong_words"])]
    metrics: Annotated[Mapping[str, float] | None, Field(description="Raw numbers by name.", examples=[{"wer": 0.0}])]
    utilities: Annotated[
        Mapping[str, float] | None, Field(description="0 … 1 by factor, more is better.", examples=[{"intelligibility": 1.0}])
    ]
    reasons: Annotated[
        tuple[str, ...],
        Field(
            description="What cost points, the most costly first.",
            examples=[["cleanliness 0.52: treble -31 (human -20, bad -45)"]],
        ),
    ]
    code: Annotated[Code | None, Field(examples=[None])]
    reason: Annotated[str | None, Field(examples=[None])]
    created_at: datetime
    finished_at: datetime | None
