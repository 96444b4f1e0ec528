"""What strangers' browsers and broken code get from the API: nothing."""

from collections.abc import AsyncIterator, Callable
from dataclasses import fields, replace
from typing import Any, NoReturn, TypeVar

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from scoring.errors import Code
from voice_api.settings import ApiSettings
from voice_api.web import openapi
from voice_api.web.app import create_app
from voice_api.web.dependencies import AnswerCaches, Service, Stores
from voice_api.web.middleware import BODY_BYTES, HEADERS

API = "http://voice.test"
Part = TypeVar("Part", Stores, AnswerCaches)
SECRET = "postgresql://voice:hunter2@db.internal/voice"


class Broken:
    """A store with a bug that tells too much."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(f"{name} of {SECRET} failed")


@pytest.fixture
async def app(api_settings: Callable[..., ApiSettings]) -> AsyncIterator[FastAPI]:
    """A running application."""
    app = create_app(api_settings())
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        yield client


async def test_a_bug_in_any_store_tells_nothing(app: FastAPI, browser: httpx.AsyncClient) -> None:
    """Whatever route runs into it, the answer is the coded 500, with the usual headers and no word of the error."""
    service: Service = app.state.service
    app.state.service = replace(service, stores=_broken(Stores), caches=_broken(AnswerCaches))
    document = app.openapi()
    tried = 0
    with capture_logs():
        for path, methods in document["paths"].items():
            if "get" not in methods or "security" in methods["get"] or path in {"/healthz", "/v1/errors", "/v1/competition"}:
                continue
            answer = await browser.get(_filled(path, methods["get"], document))
            if path.startswith(("/v1/samples", "/v1/votes/pairs")):
                assert answer.status_code == 404  # it asks no store of the database
                continue
            tried += 1
            assert (path, answer.status_code, answer.json()["code"]) == (path, 500, Code.INTERNAL)
            assert "hunter2" not in answer.text and "Traceback" not in answer.text and "RuntimeError" not in answer.text
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS
            assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert tried >= 10


@pytest.mark.parametrize("path", ["/", "/v1/leaderboard", "/v1/rounds/7", "/v1/nothing", "/healthz"])
async def test_no_other_origin_may_read(browser: httpx.AsyncClient, path: str) -> None:
    """Pages of other origins read nothing and preflights are refused: no answer has a header that allows it."""
    headers = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for answer in (await browser.get(path, headers=headers), await browser.options(path, headers=headers)):
        assert [name for name in answer.headers if name.startswith("access-control")] == []
    assert answer.status_code in {404, 405}


@pytest.mark.parametrize(
    "path", ["/v1/leaderboard/", "/v1/submissions/412/", "/v1/operator/ban/", "/healthz/", "//elsewhere.example/"]
)
async def test_nobody_is_sent_elsewhere(browser: httpx.AsyncClient, path: str) -> None:
    """A path with a slash too many is no path: a redirect would lead to the host that the request names."""
    for answer in (
        await browser.get(API + path, headers={"Host": "elsewhere.example"}),
        await browser.post(API + path, headers={"Host": "elsewhere.example"}),
    ):
        assert (answer.status_code, answer.json()["code"], "location" in answer.headers) == (404, Code.NOT_FOUND, False)


async def test_a_recording_may_be_larger_than_any_other_body(
    api_settings: Callable[..., ApiSettings], browser: httpx.AsyncClient
) -> None:
    """The one path that takes uploads has its own limit; every other path keeps the small one."""
    settings = api_settings()
    body = b"x" * (BODY_BYTES + 1)
    assert (await browser.post("/v1/registry", content=body)).status_code == 413
    assert (await browser.post("/v1/validations?text=x&description=x", content=body)).status_code == 401
    large = await browser.post("/v1/validations?text=x&description=x", content=b"x" * (settings.upload_bytes + 1))
    assert (large.status_code, large.json()["code"]) == (413, Code.BODY_TOO_LARGE)


def _broken(kind: type[Part]) -> Part:
    """The dependencies of one kind, each with a bug."""
    broken: dict[str, Any] = {field.name: Broken() for field in fields(kind)}
    return kind(**broken)


def _filled(path: str, operation: openapi.Json, document: openapi.Json) -> str:
    """The path with its parameters' examples."""
    for parameter in operation.get("parameters", []):
        value = openapi.example_of(parameter["schema"], document["components"]["schemas"])
        path = path.replace(f"{{{parameter['name']}}}", str(value))
    return path
