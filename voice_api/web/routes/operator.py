"""An operator's orders and views, signed by its hotkey: each order leaves an event with its reason behind.

Live workers are shown here alone: host names are not public.
"""

from fastapi import APIRouter, Response

from scoring.types import EvaluationId
from voice_api.db.processes import LIVE
from voice_api.schemas.operations import (
    CodeWindow,
    EvaluationOrder,
    HostOrder,
    HostWindow,
    HotkeyOrder,
    Ordered,
    StuckOut,
    StuckPage,
    SubmissionOrder,
    WorkerOut,
    WorkersOut,
)
from voice_api.web.auth import Operator, WatchingOperator
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import ORDER_ERRORS, WATCH_ERRORS
from voice_api.web.route import After, Limit, Route, cut

router = APIRouter(prefix="/v1/operator", tags=["operator"], route_class=Route)


@router.post("/requeue", responses=ORDER_ERRORS)
async def requeue(order: EvaluationOrder, by: Operator) -> Ordered:
    """Due at once, with a fresh budget, and taken from whoever holds it; while its round is open."""
    await by.stores.operations.requeue(order.evaluation_id, actor=by.hotkey, reason=order.reason)
    return Ordered(evaluations=(order.evaluation_id,))


@router.post("/requeue-by-host", responses=ORDER_ERRORS)
async def requeue_by_host(order: HostWindow, by: Operator) -> Ordered:
    """Requeue what runs on a host, or got stuck there, if it was last claimed in the window."""
    found = await by.stores.operations.requeue_by_host(order.host, order.since, order.until, actor=by.hotkey, reason=order.reason)
    return Ordered(evaluations=found)


@router.post("/requeue-by-code", responses=ORDER_ERRORS)
async def requeue_by_code(order: CodeWindow, by: Operator) -> Ordered:
    """Requeue what got stuck or waits because of a code, if it was last claimed in the window."""
    found = await by.stores.operations.requeue_by_code(order.code, order.since, order.until, actor=by.hotkey, reason=order.reason)
    return Ordered(evaluations=found)


@router.post("/park", responses=ORDER_ERRORS)
async def park(order: EvaluationOrder, by: Operator) -> Ordered:
    """Set an evaluation aside, taken from whoever holds it, until it is released or requeued."""
    await by.stores.operations.park(order.evaluation_id, actor=by.hotkey, reason=order.reason)
    return Ordered(evaluations=(order.evaluation_id,))


@router.post("/release", responses=ORDER_ERRORS)
async def release(order: EvaluationOrder, by: Operator) -> Ordered:
    """Queue again what an operator parked; while its round is open."""
    await by.stores.operations.release(order.evaluation_id, actor=by.hotkey, reason=order.reason)
    return Ordered(evaluations=(order.evaluation_id,))


@router.post("/quarantine", responses=ORDER_ERRORS)
async def quarantine(order: SubmissionOrder, by: Operator) -> Ordered:
    """Judge a submission no more until it is brought back."""
    await by.stores.operations.quarantine(order.submission_id, actor=by.hotkey, reason=order.reason)
    return Ordered(submissions=(order.submission_id,))


@router.post("/unquarantine", responses=ORDER_ERRORS)
async def unquarantine(order: SubmissionOrder, by: Operator) -> Ordered:
    """Bring a submission back to where it stood; one that was set aside as a near-copy never is again."""
    await by.stores.operations.unquarantine(order.submission_id, actor=by.hotkey, reason=order.reason)
    return Ordered(submissions=(order.submission_id,))


@router.post("/confirm-copy", responses=ORDER_ERRORS)
async def confirm_copy(order: SubmissionOrder, by: Operator) -> Ordered:
    """End a near-copy's quarantine as a copy for good, once its owner had the time to object."""
    await by.stores.operations.confirm_copy(order.submission_id, actor=by.hotkey, reason=order.reason)
    return Ordered(submissions=(order.submission_id,))


@router.post("/ban", responses=ORDER_ERRORS)
async def ban(order: HotkeyOrder, by: Operator) -> Ordered:
    """Reject a hotkey's submissions, now and from now on; the answer names those rejected now."""
    return Ordered(submissions=await by.stores.operations.ban(order.hotkey, actor=by.hotkey, reason=order.reason))


@router.post("/unban", responses=ORDER_ERRORS)
async def unban(order: HotkeyOrder, by: Operator) -> Ordered:
    """Accept a hotkey's new submissions again; what was rejected stays so."""
    await by.stores.operations.unban(order.hotkey, actor=by.hotkey, reason=order.reason)
    return Ordered()


@router.post("/drain", responses=ORDER_ERRORS)
async def drain(order: HostOrder, by: Operator) -> Ordered:
    """Give a host nothing new; what runs there may end."""
    await by.stores.operations.drain(order.host, actor=by.hotkey, reason=order.reason)
    return Ordered()


@router.post("/undrain", responses=ORDER_ERRORS)
async def undrain(order: HostOrder, by: Operator) -> Ordered:
    """Let a host work again."""
    await by.stores.operations.undrain(order.host, actor=by.hotkey, reason=order.reason)
    return Ordered()


@router.get("/stuck", responses=WATCH_ERRORS)
async def stuck(service: ServiceDep, _: WatchingOperator, after: After = 0, limit: Limit = 50) -> StuckPage:
    """Evaluations of open rounds that wait for an operator, by id."""
    shown, last = cut(await service.stores.operations.stuck(EvaluationId(after), limit + 1), limit)
    return StuckPage(items=tuple(StuckOut.model_validate(row) for row in shown), next=last.evaluation_id if last else None)


@router.get("/workers", responses=WATCH_ERRORS)
async def workers(response: Response, service: ServiceDep, _: WatchingOperator) -> WorkersOut:
    """Workers that were seen in the last minute, and what each works on."""
    response.headers["Cache-Control"] = "no-store"
    return WorkersOut(workers=tuple(WorkerOut.model_validate(row) for row in await service.stores.workers.live(LIVE)))
