"""A validator that folded rounds, and its evidence by both ways."""

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from neurons.api_client.client import VoiceApi
from neurons.validator.evidence import Evidence, OwnEvidence, RemoteEvidence
from tests.integration.conftest import ValidatorBed
from tests.integration.conftest import new_submission as new_submission
from tests.integration.conftest import stack as stack
from tests.integration.conftest import writer as writer
from voice_api.settings import ApiSettings
from voice_api.web.app import create_app


@pytest.fixture(params=["own database", "another's API"])
async def evidence(
    request: pytest.FixtureRequest, stack: ValidatorBed, database_url: str, redis_url: str
) -> AsyncIterator[Evidence]:
    """The same rounds, read directly and over HTTP."""
    if request.param == "own database":
        yield OwnEvidence(stack.store.rounds)
        return
    settings = ApiSettings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        hotkey=stack.hotkey,
        rate_address_per_minute=100_000,
    )
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        VoiceApi("http://voice.test", transport=httpx.ASGITransport(app)) as api,
    ):
        yield RemoteEvidence(api)
