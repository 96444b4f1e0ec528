"""All that folding a round reads, in one value: whoever has it folds to the same ledger."""

from dataclasses import dataclass

from scoring.types import RoundNumber
from voice_api.db.ledger_records import Roll
from voice_api.db.rounds import EvaluationResult, Round, Rounds


@dataclass(frozen=True, slots=True)
class RoundEvidence:
    """A round, who stood when it closed (None: nobody called), and every evaluation. Final once the round is closed."""

    round: Round
    roll: Roll | None
    results: tuple[EvaluationResult, ...]


async def read(rounds: Rounds, number: RoundNumber) -> RoundEvidence:
    """The evidence of a round as it stands; raises PlatformError(NOT_FOUND)."""
    stored = await rounds.get(number)  # first: what is read of a round after it closed is final
    return RoundEvidence(stored, await rounds.roll(number), await rounds.results(number))
