"""Reads as clients of all kinds make them: HEAD, misspelt parameters, and scripts of other sites."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from pydantic import ValidationError

from scoring.errors import Code
from voice_api.settings import ApiSettings
from voice_api.web import openapi, reference

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
Settings = Callable[..., ApiSettings]
API = "http://voice.test"
SITE = "https://site.example"
ASKED = {"Origin": SITE, "Access-Control-Request-Method": "GET"}


@pytest.fixture
async def browser(serve: Serve, api_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody, of an API without settings for other sites."""
    async with httpx.AsyncClient(base_url=API, transport=await serve(api_settings())) as client:
        yield client


@pytest.fixture
async def shared(serve: Serve, api_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody, of an API that one other site's scripts may read."""
    async with httpx.AsyncClient(base_url=API, transport=await serve(api_settings(cors_origins=(SITE,)))) as client:
        yield client


async def test_head_has_the_headers_of_get_and_no_body(browser: httpx.AsyncClient) -> None:
    """Whatever the answer is, also where nothing is found."""
    steady = ("/v1/leaderboard", "/v1/queue", "/v1/errors", "/openapi.json", "/healthz", "/")
    for path in (*steady, "/v1/rounds/7", "/nothing"):
        got, head = await browser.get(path), await browser.head(path)
        assert (path, head.status_code, head.content) == (path, got.status_code, b"")
        changing = {"x-request-id"} if path in steady else {"x-request-id", "content-length"}
        kept = [{name: value for name, value in each.headers.items() if name not in changing} for each in (got, head)]
        assert kept[0] == kept[1], path


async def test_head_of_a_stream_ends(listen: Callable[[ApiSettings], str], api_settings: Settings) -> None:
    """The news have no end, their headers do."""
    async with httpx.AsyncClient(base_url=listen(api_settings())) as client, asyncio.timeout(10):
        head = await client.head("/v1/live")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


async def test_an_unknown_parameter_is_refused(browser: httpx.AsyncClient) -> None:
    """Misspelt, in another case, where there is none, and before anything is looked up; the answer names those that there are."""
    for target, names in {
        "/v1/leaderboard?limt=3": "no parameter 'limt'; there are after, limit, search, track",
        "/v1/submissions?limit=3&State=queued": "no parameter 'State'; there are after, hotkey, limit, state",
        "/v1/errors?a=1&b=2": "no parameter 'a, b'; there is none here",
        "/v1/submissions/7?limit=1": "no parameter 'limit'; there is none here",
    }.items():
        answer = await browser.get(target)
        assert (answer.status_code, answer.json()["code"]) == (422, Code.REQUEST_INVALID), target
        assert names in answer.json()["detail"]


async def test_a_pages_address_may_carry_anything(browser: httpx.AsyncClient) -> None:
    """What others append to a link does no harm."""
    assert (await browser.get("/?utm_source=elsewhere")).status_code == 200


async def test_other_sites_read_nothing_unless_they_are_named(browser: httpx.AsyncClient, shared: httpx.AsyncClient) -> None:
    """No header without the setting, and none for a site that it does not name."""
    for client, origin in ((browser, SITE), (shared, "https://elsewhere.example")):
        answer = await client.get("/v1/queue", headers={"Origin": origin})
        asked = await client.options("/v1/queue", headers={**ASKED, "Origin": origin})
        assert answer.status_code == 200
        assert not {"access-control-allow-origin"} & {*answer.headers, *asked.headers}


async def test_a_named_site_reads_without_credentials(shared: httpx.AsyncClient) -> None:
    """Errors too; with the headers that caches and players need, but never with anybody's cookies."""
    for path in ("/v1/queue", "/openapi.json", "/v1/rounds/7"):
        answer = await shared.get(path, headers={"Origin": SITE})
        assert answer.headers["access-control-allow-origin"] == SITE
        assert "ETag" in answer.headers["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in answer.headers
    asked = await shared.options("/v1/queue", headers={**ASKED, "Access-Control-Request-Headers": "range"})
    assert (asked.status_code, asked.headers["access-control-allow-methods"]) == (200, "GET, HEAD")
    assert "access-control-allow-origin" not in (await shared.get("/", headers={"Origin": SITE})).headers


async def test_no_site_writes_or_reads_an_answer_to_a_write(shared: httpx.AsyncClient) -> None:
    """A browser that asks whether it may is not told so, and one that does not ask cannot read the answer."""
    asked = await shared.options("/v1/registry", headers={**ASKED, "Access-Control-Request-Method": "POST"})
    written = await shared.post("/v1/registry", content=b"{}", headers={"Origin": SITE})
    assert not {"access-control-allow-origin", "access-control-allow-methods"} & {*asked.headers, *written.headers}
    assert (asked.status_code, written.status_code) == (405, 401)


async def test_every_site_may_read_where_the_setting_says_so(serve: Serve, api_settings: Settings) -> None:
    """`*` is said as it is."""
    async with httpx.AsyncClient(base_url=API, transport=await serve(api_settings(cors_origins=("*",)))) as client:
        assert (await client.get("/v1/queue", headers={"Origin": SITE})).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "origins", [("*", SITE), ("site.example",), (f"{SITE}/",), (f"{SITE}/page",), ("ftp://site.example",)], ids=str
)
def test_what_names_no_site_is_refused(api_settings: Settings, origins: tuple[str, ...]) -> None:
    """Before the process starts: a browser would match it with nothing."""
    with pytest.raises(ValidationError, match=r"\*"):
        api_settings(cors_origins=origins)


async def test_the_document_names_the_public_address(serve: Serve, api_settings: Settings) -> None:
    """Where it is set; without it clients take the address that they asked."""
    async with httpx.AsyncClient(base_url=API, transport=await serve(api_settings(public_url="https://voice.example"))) as client:
        document: openapi.Json = (await client.get("/openapi.json")).json()
    assert document["servers"] == [{"url": "https://voice.example"}]
    assert "servers" not in reference.description()
