"""Prompts on the wire: what a round asked, drawn again from its block hash under its rules."""

from typing import Annotated, Self

from pydantic import Field

from prompts.groups import Group, GroupKind, Prompt, TextKind
from prompts.voices import Attribute
from scoring.types import BlockHash, RoundNumber
from voice_api.schemas.wire import Wire


class PromptOut(Wire):
    """One thing that models were asked to say."""

    prompt_id: Annotated[str, Field(examples=["g03.a"])]
    group_id: Annotated[str, Field(examples=["g03"])]
    group_kind: Annotated[
        GroupKind,
        Field(
            description="One prompt, the same text under opposite descriptions, or two texts under one description.",
            examples=["single"],
        ),
    ]
    contrast: Annotated[
        Attribute | None, Field(description="In which a counterfactual pair differs; it goes low, high.", examples=[None])
    ]
    kind: Annotated[TextKind, Field(description="What the text has for its reader to do.", examples=["everyday"])]
    text: Annotated[str, Field(examples=["Open the gate before the rain comes."])]
    description: Annotated[
        str, Field(description="The voice that was asked for.", examples=["A man speaks at an ordinary pace."])
    ]

    @classmethod
    def of(cls, group: Group, prompt: Prompt) -> Self:
        """A prompt of a group as it is published."""
        return cls(
            prompt_id=prompt.id,
            group_id=group.id,
            group_kind=group.kind,
            contrast=group.contrast,
            kind=prompt.kind,
            text=prompt.text,
            description=prompt.description,
        )


class TrackPromptsOut(Wire):
    """What a round asked of a track."""

    track: Annotated[str, Field(examples=["small"])]
    prompts: Annotated[tuple[PromptOut, ...], Field(description="In the round's own order; none where `why` says so.")]
    why: Annotated[str, Field(description="Why the prompts are not known here; '' where they are.", examples=[""])]


class RoundPromptsOut(Wire):
    """What a round asked: anybody draws the same from its block hash and its rules."""

    round: Annotated[RoundNumber, Field(examples=[1_204])]
    block_hash: Annotated[BlockHash, Field(examples=["0x" + "1f" * 32])]
    competition_hash: Annotated[str, Field(description="The rules that it was opened under.", examples=["c0" * 32])]
    tracks: tuple[TrackPromptsOut, ...]
