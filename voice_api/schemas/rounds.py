"""Rounds on the wire."""

from typing import Annotated

from pydantic import Field

from scoring.types import Block, RoundNumber
from voice_api.db.rounds import Round
from voice_api.db.states import RoundState
from voice_api.schemas.wire import HashIn, Hex32, Page, Wire


class RoundOut(Wire):
    """A round as it stands; its prompts follow from `block_hash` and the competition, so anybody can draw them again."""

    round: Annotated[RoundNumber, Field(examples=[1_204])]
    start_block: Annotated[Block, Field(examples=[433_440])]
    block_hash: HashIn
    deadline_block: Annotated[Block, Field(examples=[434_160])]
    competition_hash: Hex32
    state: RoundState
    pending: Annotated[int, Field(description="Evaluations without an end.", examples=[3])]

    def stored(self) -> Round:
        """Convert it to the store's record."""
        return Round(**self.model_dump())


class RoundPage(Page[RoundOut]):
    """Rounds, oldest first; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[RoundNumber | None, Field(examples=[None])]
