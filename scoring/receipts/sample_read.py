"""The samples of a receipt as they are read back, and the forms of its fields."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from scoring.foreign_words import MOST_CHARACTERS
from scoring.report import Factor, Gate, SampleReport
from scoring.schema import StrictModel
from scoring.types import MICRO, Micro

Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_./+-]{1,96}$")]
Count = Annotated[int, Field(ge=0, lt=2**63)]
ScoreField = Annotated[int, Field(ge=0, le=MICRO)]
ShareField = Annotated[float, Field(ge=0.0, le=1.0)]
FlagValue = Annotated[float, Field(ge=0.0, le=100.0)]  # a share, or dB
Seconds = Annotated[float, Field(ge=0.0)]
Sentence = Annotated[str, Field(max_length=MOST_CHARACTERS)]


class SampleRead(StrictModel):
    """A sample in a receipt."""

    prompt: Word
    group: Word
    score: ScoreField
    gate: Gate | None
    metrics: Mapping[Word, float]
    utilities: Mapping[Factor, float]
    pcm_sha256: Hash | Literal[""]
    rate: Count
    seconds: Seconds
    reason: Sentence
    heard: Sentence

    def report(self) -> SampleReport:
        """As it was judged."""
        return SampleReport(
            prompt_id=self.prompt,
            group_id=self.group,
            score=Micro(self.score),
            gate=self.gate,
            metrics=self.metrics,
            utilities=self.utilities,
            pcm_sha256=self.pcm_sha256,
            seconds=self.seconds,
            rate=self.rate,
            reason=self.reason,
            heard=self.heard,
        )
