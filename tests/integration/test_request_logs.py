"""The lines that a request leaves in the log carry its id, which its caller saw."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import httpx
import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from scoring.errors import Code, VoiceError
from voice_api.db.database import Pool
from voice_api.settings import ApiSettings
from voice_api.web.app import create_app
from voice_api.web.dependencies import Service


class Failing:
    """A pool with a fault that is ours."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def one(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(VoiceError(Code.WORKER_ERROR), id="a failure of ours"),
        pytest.param(RuntimeError("a bug"), id="a bug"),
    ],
)
async def test_a_failed_request_is_found_by_its_id(api_settings: Callable[..., ApiSettings], error: Exception) -> None:
    """The answer's X-Request-Id stands in the one line that says why."""
    app = create_app(api_settings())
    async with app.router.lifespan_context(app):
        service: Service = app.state.service
        app.state.service = replace(service, stores=replace(service.stores, pool=cast(Pool, Failing(error))))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        with capture_logs(processors=[merge_contextvars]) as lines:
            async with httpx.AsyncClient(base_url="http://voice.test", transport=transport) as browser:
                answer = await browser.get("/v1/leaderboard")
    assert answer.status_code == 500
    assert [(line["event"], line["request"]) for line in lines] == [("request failed", answer.headers["X-Request-Id"])]
