"""Validators' ledgers, for whoever follows, joins or compares."""

from typing import Annotated

from fastapi import APIRouter, Query

from scoring.types import Hotkey, RoundNumber
from voice_api.db.ledger import Ledger
from voice_api.schemas.ledger import LedgerEntryOut, LedgerLineOut, LedgerPage
from voice_api.schemas.wire import NO_NUL
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS, READ_ERRORS
from voice_api.web.route import Limit, Position, RoundKey, Route, cut

router = APIRouter(prefix="/v1/ledger", tags=["ledger"], route_class=Route)

Whose = Annotated[
    Hotkey | None,
    Query(
        min_length=1,
        max_length=64,
        pattern=NO_NUL,
        description="A validator's hotkey; without it the one that the API answers as.",
    ),
]


@router.get("", responses=READ_ERRORS)
async def page(service: ServiceDep, validator: Whose = None, after: Position = None, limit: Limit = 50) -> LedgerPage:
    """A validator's ledger, oldest round first."""
    ledger = Ledger(service.stores.pool, validator or service.settings.hotkey)
    shown, last = cut(await ledger.outline(None if after is None else RoundNumber(after), limit + 1), limit)
    return LedgerPage(items=tuple(LedgerLineOut.of(line) for line in shown), next=last.round if last else None)


@router.get("/{round_number}", responses=LOOKUP_ERRORS)
async def get(round_number: RoundKey, service: ServiceDep, validator: Whose = None) -> LedgerEntryOut:
    """One entry: with the round's receipts its inputs give its state."""
    whose = validator or service.settings.hotkey
    return LedgerEntryOut.whole(whose, await Ledger(service.stores.pool, whose).get(round_number))
