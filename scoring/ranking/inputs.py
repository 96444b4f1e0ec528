"""All that folding a round is given besides its receipts: with both anybody computes the ledger's next entry."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from scoring.types import Block, Entrant


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """A round's inputs: where it began, its rules, the receipts that count, and the submissions that left."""

    start: Block
    """The round's first block."""
    block: Block | None
    """The block of the metagraph by which eligibility was decided; None where nobody decided."""
    competition_hash: str
    counted: Mapping[str, str]
    """The hash of each receipt that counts, with its commitment's tiebreak, which decides inside one block."""
    distrusted: Mapping[Entrant, str]
    """Submissions whose receipts do not count, each with the reason."""
    gone: Mapping[Entrant, str]
    """Submissions that left, each with the reason."""

    @property
    def refusal(self) -> str:
        """The most frequent reason why no receipt of the round counts; '' where one counts, or where there is none at all."""
        if self.counted or not self.distrusted:
            return ""
        (reason, count), *_ = Counter(self.distrusted.values()).most_common(1)
        alike = "" if count == len(self.distrusted) else f" ({count} of them)"
        return f"none of {len(self.distrusted)} receipts counts: {reason}{alike}"

    def to_json(self) -> dict[str, Any]:
        """The inputs as plain JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inputs that `to_json` wrote; raises ValueError for anything else."""
        try:
            inputs = cls(**data)
        except TypeError as exc:
            raise ValueError(f"these are no inputs of a round: {exc}") from exc
        maps = (inputs.counted, inputs.distrusted, inputs.gone)
        if not all(isinstance(part, Mapping) for part in maps) or type(inputs.start) is not int:
            raise ValueError("the inputs have not the form of such")
        return inputs
