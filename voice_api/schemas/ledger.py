"""Validators' ledgers on the wire."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from scoring.types import Entrant, Hotkey, RoundNumber
from voice_api.db.ledger import LedgerLine
from voice_api.db.ledger_records import LedgerEntry
from voice_api.schemas.canonical import digest
from voice_api.schemas.wire import Hex32, Ss58, Wire

_KING = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY@433012"


class LedgerLineOut(Wire):
    """One entry, without what it holds: validators that fold the same show the same hashes."""

    validator: Ss58
    round: Annotated[RoundNumber, Field(examples=[1_204])]
    state_hash: Annotated[Hex32, Field(description="SHA-256 over `previous` and the state.")]
    previous: Annotated[str, Field(description="The entry before's; '' in the first one.", examples=["b7" * 32])]
    king: Annotated[Entrant | None, Field(description="Who holds the top after it: hotkey@commit_block.", examples=[_KING])]
    inputs_hash: Annotated[Hex32, Field(description="SHA-256 of the inputs' JSON, its keys sorted, without spaces.")]
    competition_hash: Annotated[str | None, Field(description="The rules that it was folded under.", examples=["c0" * 32])]

    @classmethod
    def of(cls, line: LedgerLine) -> Self:
        """As it is published."""
        return cls(**_heading(line.validator, line))


class LedgerPage(Wire):
    """Entries, oldest first; `next` is the next page's `after`, absent on the last page."""

    items: tuple[LedgerLineOut, ...]
    next: Annotated[RoundNumber | None, Field(examples=[None])]


class LedgerEntryOut(LedgerLineOut):
    """One entry: with the round's receipts its inputs give its state."""

    state: Annotated[Mapping[str, Any], Field(description="All that the past says.", examples=[{"king": _KING, "records": []}])]
    inputs: Annotated[
        Mapping[str, Any],
        Field(
            description="What folding took besides the receipts.",
            examples=[{"start": 433_440, "counted": {"7e" * 32: "3b" * 32}}],
        ),
    ]

    @classmethod
    def whole(cls, validator: Hotkey, entry: LedgerEntry) -> Self:
        """As it is published."""
        return cls(**_heading(validator, entry), state=entry.state, inputs=entry.inputs)

    def entry(self) -> LedgerEntry:
        """As the store has it."""
        return LedgerEntry(self.round, self.state_hash, self.previous, self.state, self.inputs, self.king)


def _heading(validator: Hotkey, entry: LedgerLine | LedgerEntry) -> dict[str, Any]:
    return {
        "validator": validator,
        "round": entry.round,
        "state_hash": entry.state_hash,
        "previous": entry.previous,
        "king": entry.king_entrant,
        "inputs_hash": digest(entry.inputs),
        "competition_hash": entry.inputs.get("competition_hash"),
    }
