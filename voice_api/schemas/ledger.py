"""Validators' ledgers on the wire."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from scoring.canonical_json import digest
from scoring.ranking.state import Inputs, State
from scoring.types import Entrant, Hotkey, RoundNumber
from voice_api.db.ledger import EntryOutline, LedgerEntry
from voice_api.errors import LedgerInvalid
from voice_api.schemas.wire import Hex32, Page, Ss58, Wire

_KING = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY@433012"


class LedgerLineOut(Wire):
    """One entry without its state and inputs: validators that fold the same show the same hashes."""

    validator: Ss58
    round: Annotated[RoundNumber, Field(examples=[1_204])]
    state_hash: Annotated[Hex32, Field(description="SHA-256 over `previous` and the state.")]
    previous: Annotated[str, Field(description="The entry before's; '' in the first one.", examples=["b7" * 32])]
    kings: Annotated[
        Mapping[str, Entrant],
        Field(
            description="Who holds the top of each track after it, where anybody does: hotkey@commit_block.",
            examples=[{"small": _KING}],
        ),
    ]
    inputs_hash: Annotated[Hex32, Field(description="SHA-256 of the inputs' JSON, its keys sorted, without spaces.")]
    competition_hash: Annotated[str | None, Field(description="The rules that it was folded under.", examples=["c0" * 32])]

    @classmethod
    def of(cls, line: EntryOutline) -> Self:
        """The entry as it is published."""
        return cls(**_heading(line.validator, line))


class LedgerPage(Page[LedgerLineOut]):
    """Entries, oldest first; `next` is the next page's `after`, absent on the last page."""

    next: Annotated[RoundNumber | None, Field(examples=[None])]


class LedgerEntryOut(LedgerLineOut):
    """One entry: with the round's receipts its inputs give its state."""

    state: Annotated[
        Mapping[str, Any],
        Field(description="All that the past says.", examples=[{"round": 1_204, "tracks": [{"track": "small", "king": _KING}]}]),
    ]
    inputs: Annotated[
        Mapping[str, Any],
        Field(
            description="What folding took besides the receipts.",
            examples=[{"start": 433_440, "counted": {"7e" * 32: "3b" * 32}}],
        ),
    ]

    @classmethod
    def whole(cls, validator: Hotkey, entry: LedgerEntry) -> Self:
        """The entry as it is published."""
        return cls(**_heading(validator, entry), state=entry.state.to_json(), inputs=entry.inputs.to_json())

    def entry(self) -> LedgerEntry:
        """The published entry in the ledger's own types; raises LedgerInvalid for one that another release, or nobody, would write."""
        try:
            state, inputs = State.from_json(self.state), Inputs.from_json(self.inputs)
        except ValueError as exc:
            raise LedgerInvalid(f"round {self.round}: {exc}") from exc
        if self.kings != state.kings:
            raise LedgerInvalid(f"round {self.round}: the entry names other kings than its state")
        return LedgerEntry(round=self.round, state_hash=self.state_hash, previous=self.previous, state=state, inputs=inputs)


def _heading(validator: Hotkey, entry: EntryOutline | LedgerEntry) -> dict[str, Any]:
    return {
        "validator": validator,
        "round": entry.round,
        "state_hash": entry.state_hash,
        "previous": entry.previous,
        "kings": entry.kings,
        "inputs_hash": digest(entry.inputs.to_json()),
        "competition_hash": entry.inputs.competition_hash,
    }
