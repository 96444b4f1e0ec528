"""Errors as a browser sees them, and as everybody else does."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from structlog.testing import capture_logs

from scoring.errors import EXPLANATIONS, Code
from voice_api.settings import ApiSettings
from voice_api.web.app import create_app

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
NOWHERE = "postgresql://postgres@/voice?host=/nonexistent"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        pytest.param("/submissions/77", 404, Code.NOT_FOUND, id="unknown submission"),
        pytest.param("/nowhere", 404, Code.NOT_FOUND, id="unknown path"),
        pytest.param("/submissions/none", 422, Code.REQUEST_INVALID, id="no number"),
    ],
)
async def test_a_browser_gets_a_page_and_a_program_a_problem(
    serve: Serve, api_settings: Callable[..., ApiSettings], path: str, status: int, code: Code
) -> None:
    """The same error twice: with what to do and a way home, or as JSON."""
    async with httpx.AsyncClient(base_url="http://voice.test", transport=await serve(api_settings())) as client:
        shown, told = await client.get(path, headers=BROWSER), await client.get(path)
    assert (shown.status_code, shown.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert (told.status_code, told.headers["content-type"], told.json()["code"]) == (status, "application/problem+json", code)
    assert EXPLANATIONS[code].advice in shown.text.replace("&#39;", "'")
    assert str(code.value) in shown.text
    assert 'href="/"' in shown.text
    assert shown.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")


async def test_no_character_of_a_query_is_a_bug(serve: Serve, api_settings: Callable[..., ApiSettings]) -> None:
    """The one that PostgreSQL does not hold is refused by name, and no failure of the service."""
    transport = await serve(api_settings(speech=True))
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport, headers=BROWSER) as client:
        for path in ("/listen?track=%00", "/listen/pair?track=a%00b", "/say?who=%00", "/?search=%00"):
            shown = await client.get(path)
            assert (path, shown.status_code, "NUL character" in shown.text) == (path, 422, True)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        pytest.param("/say", "who=%00&text=Hello there.", id="NUL in a name"),
        pytest.param("/listen/pair", "choice=tie&" * 10_000, id="ten thousand fields"),
    ],
)
async def test_no_form_is_a_bug(serve: Serve, api_settings: Callable[..., ApiSettings], path: str, form: str) -> None:
    """What no page of ours sends is refused, and not read to its end."""
    transport = await serve(api_settings(speech=True))
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport, headers=BROWSER) as client:
        shown = await client.post(path, content=form, headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (shown.status_code, "NUL character" in shown.text or "this is no vote: go back" in shown.text) == (422, True)


async def test_an_outage_has_a_page(serve: Serve, api_settings: Callable[..., ApiSettings]) -> None:
    """Without a database a page says that the service cannot answer now, and when to ask again."""
    transport = await serve(api_settings(database_url=NOWHERE))
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport) as client:
        shown = await client.get("/", headers=BROWSER)
    assert (shown.status_code, shown.headers["retry-after"]) == (503, "5")
    assert EXPLANATIONS[Code.DATABASE_UNAVAILABLE].meaning in shown.text


async def test_who_asks_too_often_is_told_on_a_page(serve: Serve, api_settings: Callable[..., ApiSettings]) -> None:
    """429 with the time to wait."""
    transport = await serve(api_settings(rate_address_per_minute=1))
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport, headers=BROWSER) as client:
        answers = [await client.get("/nowhere") for _ in range(3)]
    assert (answers[-1].status_code, answers[-1].headers["content-type"]) == (429, "text/html; charset=utf-8")
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60


async def test_a_bug_tells_a_browser_nothing_but_its_number(api_settings: Callable[..., ApiSettings]) -> None:
    """500: a page with the request's id, and no word of the error."""
    app = create_app(api_settings())
    async with app.router.lifespan_context(app):
        app.state.service = None
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(base_url="http://voice.test", transport=transport, headers=BROWSER) as client:
            with capture_logs():
                shown = await client.get("/rounds")
    assert (shown.status_code, shown.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert (shown.headers["x-request-id"] in shown.text, "NoneType" in shown.text) == (True, False)


async def test_words_of_the_caller_are_shown_as_words(serve: Serve, api_settings: Callable[..., ApiSettings]) -> None:
    """What was asked for is never markup."""
    async with httpx.AsyncClient(base_url="http://voice.test", transport=await serve(api_settings())) as client:
        shown = await client.get("/static/x/<script>alert(1)</script>", headers=BROWSER)
    assert "<script>alert" not in shown.text
