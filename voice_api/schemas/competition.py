"""The rules on the wire: every constant that decides money."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from scoring.competition import Competition
from scoring.types import RoundNumber
from voice_api.schemas.wire import Hex32, Wire


class CompetitionOut(Wire):
    """A version of the rules."""

    hash: Annotated[Hex32, Field(description="SHA-256 of the rules' JSON, its keys sorted, without spaces: receipts name it.")]
    from_round: Annotated[RoundNumber, Field(description="The first round that it is in force in.", examples=[0])]
    rules: Annotated[
        Mapping[str, Any],
        Field(description="As they are hashed.", examples=[{"track": [{"name": "small", "share": 1.0, "pay": {"king": 0.65}}]}]),
    ]

    @classmethod
    def of(cls, rules: Competition) -> Self:
        """The version as it is published."""
        return cls(hash=rules.hash, from_round=RoundNumber(rules.from_round), rules=rules.model_dump(mode="json"))
