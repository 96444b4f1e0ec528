"""Weights: each validator's last attempts to set them, and the reason for each uid's share."""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from scoring.types import Hotkey, Uid
from scoring.weights.explanation import explain_all
from scoring.weights.plan import CarriedOver, Snapshot
from voice_api.db.weights import StoredAttempt, WeightAttempt, Weights, of_snapshot
from voice_api.web.dependencies import ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.route import Route
from voice_api.web.routes.receipts import Digest

router = APIRouter(prefix="/weights", include_in_schema=False, route_class=Route)

ROWS = 10


@dataclass(frozen=True, slots=True)
class ValidatorAttempts:
    """A validator's last attempts, newest first, and the last one that can be read."""

    validator: Hotkey
    attempts: tuple[StoredAttempt, ...]

    @property
    def newest(self) -> WeightAttempt | None:
        """The last one whose plan can be read."""
        return next((attempt for attempt in self.attempts if isinstance(attempt, WeightAttempt)), None)

    @property
    def reasons(self) -> Mapping[Uid, str]:
        """Of that one, why each uid gets its share."""
        return {} if self.newest is None else reasons_of(self.newest)


@router.get("", response_class=HTMLResponse)
async def weights(service: ServiceDep) -> HTMLResponse:
    """Every validator that sets weights from here."""
    rows = [
        ValidatorAttempts(line.validator, await Weights(service.stores.pool, line.validator).page(limit=ROWS))
        for line in await service.stores.pages.validators()
        if line.outcome is not None
    ]
    return page("weights.html", path="/weights", title="Weights", validators=rows)


@router.get("/{snapshot_hash}", response_class=HTMLResponse)
async def one(snapshot_hash: Digest, service: ServiceDep) -> HTMLResponse:
    """One attempt with its whole plan."""
    made = (await of_snapshot(service.stores.pool, snapshot_hash))[0]
    title = f"Weights of block {made.attempt.block}"
    reasons = reasons_of(made.attempt)
    return page("attempt.html", path="/weights", title=title, validator=made.validator, attempt=made.attempt, reasons=reasons)


def reasons_of(attempt: WeightAttempt) -> Mapping[Uid, str]:
    """Why each uid gets its share; a plan that is sent again says why it is, for all alike."""
    match attempt.plan_input:
        case Snapshot() as snapshot:
            return {uid: explained.reason for uid, explained in explain_all(snapshot, attempt.plan).items()}
        case CarriedOver(why=why):
            return {line.uid: f"an older plan is sent again: {why}" for line in attempt.plan.lines}
