"""Near-copies on the wire: who was set aside as whose, the measures beside their thresholds, and what an operator decided."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from scoring.types import Block, EvaluationId, Hotkey, Micro, Nano, RoundNumber, SubmissionId
from voice_api.db.copies import NearCopyDecision
from voice_api.schemas.wire import Page, Wire

_HOTKEY = Field(examples=["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"])


class NearCopyOut(Wire):
    """A submission that was set aside as the near-copy of an earlier one: `distance` or `sound` is beyond its threshold."""

    submission_id: Annotated[SubmissionId, Field(examples=[412])]
    hotkey: Annotated[Hotkey, _HOTKEY]
    commit_block: Annotated[Block, Field(examples=[433_012])]
    original_id: Annotated[SubmissionId, Field(description="The earlier submission.", examples=[377])]
    original_hotkey: Annotated[Hotkey, _HOTKEY]
    original_commit_block: Annotated[Block, Field(examples=[431_770])]
    distance: Annotated[
        Nano | None,
        Field(description="Of the weights, in integers of 1e-9: less is nearer.", examples=[1_250_000]),
    ]
    by_files: Annotated[
        bool,
        Field(description="Measured on both models' files, as everybody can again; else on their sketches.", examples=[True]),
    ]
    most_distance: Annotated[Nano, Field(description="Near up to here.", examples=[87_000_000])]
    compared: Annotated[int, Field(description="Numbers of trained tensors that the distance rests on.", examples=[15_204_352])]
    sound: Annotated[
        Micro | None, Field(description="Similarity of the sounds, in integers of 1e-6: more is nearer.", examples=[998_410])
    ]
    least_sound: Annotated[Micro, Field(description="Near from here on.", examples=[999_500])]
    prompts: Annotated[int, Field(description="Prompts whose sounds were compared.", examples=[8])]
    evaluation_id: Annotated[EvaluationId, Field(description="Whose receipt has these measures, signed.", examples=[28_113])]
    round: Annotated[RoundNumber, Field(examples=[1_204])]
    receipt_hash: Annotated[str | None, Field(examples=["9c" * 32])]
    found_at: datetime
    appeal_until: Annotated[
        datetime, Field(description="Until then its owner may object: no operator can end it as a copy before.")
    ]
    decision: Annotated[NearCopyDecision | None, Field(description="Absent while nothing was decided.", examples=[None])]
    decided_at: datetime | None


class NearCopyPage(Page[NearCopyOut]):
    """Near-copies by the id of the submission; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[SubmissionId | None, Field(examples=[412])]
