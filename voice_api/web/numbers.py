"""The API's numbers for Prometheus, as an application of their own: they are served on another port than everything else."""

from collections import Counter

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from voice_api.db.processes import LIVE
from voice_api.errors import DatabaseUnavailable
from voice_api.runtime.api_metrics import DatabaseNumbers
from voice_api.web.dependencies import Service


def numbers_of(app: FastAPI) -> Starlette:
    """`GET /metrics`: queue depth and age, live workers, validations, requests, and outcomes by code, as Prometheus reads them.

    Evaluations and submissions are counted at most every ten seconds. While the database is away only what this process counts
    itself, and that it is.
    """

    async def metrics(_: Request) -> Response:
        service: Service = app.state.service
        try:
            standing = await _standing(service)
        except DatabaseUnavailable:
            standing = None
        return Response(service.metrics.render(standing), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(routes=[Route("/metrics", metrics)])


async def _standing(service: Service) -> DatabaseNumbers:
    live = await service.stores.workers.live(LIVE)
    return DatabaseNumbers(
        depths=await service.caches.depths.get(service.stores.queue.depths),
        outcomes=await service.caches.outcomes.get(service.stores.submissions.outcomes),
        waiting=await service.stores.watch.waiting(),
        workers=Counter((worker.queue, worker.duty, worker.draining) for worker in live),
        gone=await service.stores.workers.gone(LIVE),
        bytes=await service.stores.watch.database_bytes(),
        validations=await service.stores.watch.validations(),
        speeches=await service.stores.speeches.counts(),
        led=await service.stores.watch.led(),
        registry_age=await service.stores.watch.registry_age(),
    )
