"""Duels on the wire: as they stand, round by round, and the groups that decided."""

from typing import Annotated, Self

from pydantic import Field

from scoring.ranking.duel import IN_WORDS, DuelOutcome
from scoring.types import EvaluationId, Micro, RoundNumber, SubmissionId
from voice_api.db.duels import DuelGroup, NotedDuel
from voice_api.schemas.leaderboard import EntrantOut
from voice_api.schemas.wire import Page, Wire


class DuelStepOut(Wire):
    """A duel at a round's end; leads in integers of 1e-6."""

    round: Annotated[RoundNumber, Field(examples=[1_204])]
    outcome: Annotated[DuelOutcome, Field(examples=["open"])]
    wealth: Annotated[float, Field(description="The evidence: it starts at 1, and crowns at the threshold.", examples=[41.7])]
    lead: Annotated[
        Micro | None,
        Field(
            description="Mean of the challenger's group scores less the king's; null before the first, and where it ended without a "
            "crown by groups whose sum the ledger does not keep.",
            examples=[31_000],
        ),
    ]
    groups: Annotated[int, Field(examples=[128])]
    rounds: Annotated[int, Field(description="In which both were scored.", examples=[4])]


class DuelOut(DuelStepOut):
    """A duel as it stood last."""

    track: Annotated[str, Field(examples=["small"])]
    opened: Annotated[RoundNumber, Field(description="At this round's end it opened; its key, with the track.", examples=[1_190])]
    challenger: EntrantOut
    king: EntrantOut
    challenger_submission: Annotated[
        SubmissionId | None, Field(description="Null where it is not in this database.", examples=[412])
    ]
    king_submission: Annotated[SubmissionId | None, Field(examples=[388])]
    threshold: Annotated[float, Field(description="The evidence that crowns.", examples=[620.0])]
    margin: Annotated[Micro, Field(description="The lead that the challenger must exceed, in 1e-6.", examples=[12_500])]
    why: Annotated[str, Field(description="The reason of its state.", examples=["the evidence decides nothing yet"])]
    then: Annotated[str, Field(description="What follows for the challenger.", examples=["the duel goes on"])]

    @classmethod
    def of(cls, duel: NotedDuel) -> Self:
        """The duel as it is published."""
        return cls(**_fields(duel))


class DuelPage(Page[DuelOut]):
    """Duels, the one that opened last first; `next` is the next page's `after`, null on the last page."""

    next: Annotated[str | None, Field(description="opened:track", examples=[None])]


class DuelGroupOut(Wire):
    """What both sides scored on one group of a round that counted; scores in integers of 1e-6."""

    round: Annotated[RoundNumber, Field(examples=[1_204])]
    group_id: Annotated[str, Field(examples=["g03"])]
    kind: Annotated[str, Field(examples=["single"])]
    difference: Annotated[Micro, Field(description="The challenger's score less the king's.", examples=[181_000])]
    challenger_score: Annotated[Micro, Field(examples=[811_000])]
    king_score: Annotated[Micro, Field(examples=[630_000])]
    challenger_evaluation: Annotated[
        EvaluationId, Field(description="Its samples are at /v1/evaluations/{id}/samples.", examples=[28_113])
    ]
    king_evaluation: Annotated[EvaluationId, Field(examples=[28_101])]
    prompt_ids: Annotated[tuple[str, ...], Field(description="The group's prompts, in the round's order.", examples=[["g03.a"]])]


class DuelDetail(DuelOut):
    """A duel with its curve and the groups that decided it."""

    curve: Annotated[tuple[DuelStepOut, ...], Field(description="Each round from its opening on.")]
    deciding: Annotated[tuple[DuelGroupOut, ...], Field(description="Its groups as judged here, the widest difference first.")]

    @classmethod
    def whole(cls, curve: tuple[NotedDuel, ...], groups: tuple[DuelGroup, ...]) -> Self:
        """The duel as it is published, from its rounds and groups."""
        return cls(
            **_fields(curve[-1]),
            curve=tuple(DuelStepOut.model_validate(step) for step in curve),
            deciding=tuple(DuelGroupOut.model_validate(group) for group in groups),
        )


def _fields(duel: NotedDuel) -> dict[str, object]:
    said = IN_WORDS[duel.outcome]
    names = (name for name in DuelOut.model_fields if name not in ("why", "then"))
    return {name: getattr(duel, name) for name in names} | {"why": said.why, "then": said.then}
