"""The base of every model of the wire, and the fields that several models share."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from scoring.errors import Code
from scoring.types import Block, BlockHash, Hotkey, Micro

MOST_ROWS = 500

NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text holds every character but this one."""

Ss58 = Annotated[
    Hotkey, Field(min_length=1, max_length=64, pattern=NO_NUL, examples=["5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"])
]
HeightIn = Annotated[Block, Field(ge=0, lt=2**63, examples=[7_200])]
HashIn = Annotated[BlockHash, Field(pattern="^0x[0-9a-f]{64}$", examples=["0x" + "1f" * 32])]
Repo = Annotated[str, Field(max_length=61, pattern="^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$", examples=["miner/clear-voice"])]
Revision = Annotated[str, Field(pattern="^[0-9a-f]{40}$", examples=["2c" * 20])]
Hex32 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", examples=["d4" * 32])]
Tag = Annotated[str, Field(pattern="^[0-9a-f]{32}$", examples=["9b" * 16])]
CodeOut = Annotated[Code | None, Field(description="Stable code of the reason, 1xxx: the submission's own.", examples=[1103])]
ScoreOut = Annotated[Micro | None, Field(description="Integers of 1e-6, 0 … 1,000,000; more is better.", examples=[713_204])]


Item = TypeVar("Item")


class Wire(BaseModel):
    """Frozen, and nothing that is not declared."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class Page(Wire, Generic[Item]):
    """One page of a list; the next page is asked for with `next`, which is absent on the last page."""

    items: tuple[Item, ...]
    next: int | str | None
