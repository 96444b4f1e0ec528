"""The voice API: an application factory."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from scoring.competition import Schedule, load
from scoring.errors import VoiceError
from voice_api.db.database import open_pool
from voice_api.runtime import reachable
from voice_api.runtime.api_metrics import ApiMetrics
from voice_api.runtime.disks import show_disks, show_store
from voice_api.settings import ApiSettings
from voice_api.web import openapi, problems
from voice_api.web.auth import open_nonces
from voice_api.web.dependencies import Service
from voice_api.web.edge.in_flight import InFlightLimit
from voice_api.web.middleware import BODY_BYTES, AddressLimit, BodyLimit, Guard
from voice_api.web.pages import api_reference, how, listen, miner, pair, say, static, submission
from voice_api.web.pages import duels as duels_page
from voice_api.web.pages import leaderboard as leaderboard_page
from voice_api.web.pages import queue as queue_page
from voice_api.web.pages import rounds as rounds_page
from voice_api.web.pages import status as status_page
from voice_api.web.pages import weights as weights_page
from voice_api.web.reading import CrossOriginReads, HeadAnswers
from voice_api.web.route import operation_name
from voice_api.web.routes import (
    competition,
    copies,
    duels,
    errors,
    evaluations,
    explain,
    health,
    leaderboard,
    ledger,
    live,
    openai_speech,
    operator,
    queue,
    receipts,
    registry,
    rounds,
    samples,
    speech,
    status,
    submissions,
    validations,
    votes,
    weights,
)

DESCRIPTION = """Miners compete to publish the best open text-to-speech model. Reading is open to everyone.
Writing takes a `btauth/1` signature of a hotkey that has the role: the model queue's for the registry and submissions, an operator's
for orders, a registered miner's for validations. Listeners vote, and anybody asks for a sentence, without one.
Errors are `application/problem+json` with stable codes. `/v1/live` tells what changes, as server-sent events."""
UPLOADS = "/v1/validations"
"""The one path that takes recordings."""
_REDIS_SECONDS = 3.0
PAGES = (
    leaderboard_page,
    listen,
    pair,
    say,
    submission,
    duels_page,
    rounds_page,
    queue_page,
    weights_page,
    status_page,
    how,
    miner,
    api_reference,
    static,
)
_PARTS = (
    leaderboard,
    explain,
    duels,
    submissions,
    copies,
    rounds,
    evaluations,
    receipts,
    samples,
    ledger,
    competition,
    weights,
    queue,
    validations,
    votes,
    speech,
    openai_speech,
    errors,
    registry,
    operator,
    status,
    live,
    health,
    *PAGES,
)


class _Lifespan(Protocol):
    def __call__(self, app: FastAPI) -> AbstractAsyncContextManager[None]: ...


def create_app(settings: ApiSettings) -> FastAPI:
    """Build the application; connections are opened by its lifespan, and it starts even while PostgreSQL or Redis is away.

    Raises PlatformError(COMPETITION_INVALID) for a competition that cannot be loaded.
    """
    metrics = ApiMetrics()
    _show_disks(metrics, settings)
    app = FastAPI(
        title="Voice Subnet",
        version="1",
        description=DESCRIPTION,
        lifespan=_lifespan(settings, load(settings.competition), metrics),
        docs_url=None,  # the framework's own pages load scripts from other hosts; ours is in pages/api_reference.py
        redoc_url=None,
        servers=[{"url": settings.public_url}] if settings.public_url else None,
        redirect_slashes=False,  # a redirect would lead to whatever host the caller named
        generate_unique_id_function=operation_name,
    )
    app.openapi = cache(partial(openapi.describe, app))  # type: ignore[method-assign]  # as the framework's manual has it
    app.add_middleware(HeadAnswers)
    app.add_middleware(BodyLimit, most=BODY_BYTES, most_at={UPLOADS: settings.upload_bytes})
    if settings.address_connections:
        app.add_middleware(InFlightLimit, most=settings.address_connections, refuse=problems.on_voice_error)
    app.add_middleware(AddressLimit, per_minute=settings.rate_address_per_minute, refuse=problems.on_voice_error)
    if settings.cors_origins:
        app.add_middleware(CrossOriginReads, origins=settings.cors_origins)
    app.add_middleware(Guard, metrics=metrics)
    app.add_exception_handler(VoiceError, problems.on_voice_error)
    app.add_exception_handler(RequestValidationError, problems.on_invalid_request)
    app.add_exception_handler(HTTPException, problems.on_http_error)
    app.add_exception_handler(ClientDisconnect, problems.on_disconnect)
    app.add_exception_handler(Exception, problems.on_bug)
    for part in _PARTS:
        app.include_router(part.router)
    return app


def _show_disks(metrics: ApiMetrics, settings: ApiSettings) -> None:
    """Show the disks of the store and of the listening copies, as far as they are folders, and the store's size."""
    places = {"store": settings.store_place, "copies": settings.copies_folder}
    show_disks(metrics.registry, {name: place for name, place in places.items() if isinstance(place, Path)})
    if settings.store_place is not None:
        show_store(metrics.registry, settings.files(settings.store_place))


def _lifespan(settings: ApiSettings, schedule: Schedule, metrics: ApiMetrics) -> _Lifespan:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = Redis.from_url(
            settings.redis_url.get_secret_value(),
            socket_timeout=_REDIS_SECONDS,
            socket_connect_timeout=_REDIS_SECONDS,
            retry=Retry(NoBackoff(), 0),  # a nonce that is stored twice is a replay; who asks is told to ask again
        )
        url, redis_url = settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
        patience = settings.database_patience.total_seconds()
        opened = open_pool(url, application="voice api", lazy=True, patience=patience)
        async with redis, opened as pool, reachable.told(url, redis_url):
            app.state.service = service = Service.over(settings, schedule, metrics, pool, redis)
            await open_nonces(redis)
            try:
                yield
            finally:
                service.news.stop()

    return lifespan
