"""The queue: running and waiting evaluations."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from voice_api.db.evaluations import QueueRow
from voice_api.db.processes import LIVE
from voice_api.db.states import EvaluationState, QueueName
from voice_api.schemas import QueuePage, QueueRowOut
from voice_api.schemas.queue import NO_WAIT, Throughput, estimate
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.openapi import READ_ERRORS
from voice_api.web.route import Limit, Route, cut

router = APIRouter(prefix="/v1/queue", tags=["queue"], route_class=Route)


@router.get("", responses=READ_ERRORS)
async def page(
    service: ServiceDep,
    after: Annotated[int, Query(ge=0, lt=2**31, description="The last position of the page before.")] = 0,
    limit: Limit = 50,
) -> QueuePage:
    """Evaluations in the order in which they are served, running ones first, and how long each will wait."""
    rows = await service.stores.queue.pending_page(after, limit + 1)
    shown, last = cut(rows, limit)
    throughputs, now = await _throughputs(service, shown), datetime.now(UTC)
    items = []
    for row in shown:
        runs = row.state is EvaluationState.RUNNING
        wait = NO_WAIT if runs else estimate(row.ahead, throughputs[row.queue], due_in=row.due_at - now)
        items.append(QueueRowOut.of(row, wait))
    return QueuePage(items=tuple(items), next=last.position if last else None)


async def _throughputs(service: Service, rows: Sequence[QueueRow]) -> dict[QueueName, Throughput]:
    """The throughput of each queue in which something waits."""
    queues = {row.queue for row in rows if row.state is EvaluationState.QUEUED}
    if not queues:
        return {}
    live = [worker.queue for worker in await service.stores.workers.live(LIVE) if not worker.draining]
    running = await service.stores.watch.running()
    return {name: Throughput(live.count(name), running[name], await service.stores.queue.durations(name)) for name in queues}
