"""Pages from a real database: with rows of a whole life, and without any."""

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.builders.crawler import ReadPage
from voice_api.db.operations import Operations
from voice_api.settings import ApiSettings
from voice_api.web.pages.how import FACTORS, GATES, WORDS

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
PAGES = ("/", "/rounds", "/queue", "/weights", "/status", "/how")
HOSTILE = "<script>alert('x')</script>\u202e\x1b[31m"


@pytest.fixture
async def browser(
    serve: Serve, api_settings: Callable[..., ApiSettings], stack: "ValidatorBed"
) -> Callable[[], Awaitable[httpx.AsyncClient]]:
    """Open a browser on an API that answers as the bed's validator."""

    async def open_it() -> httpx.AsyncClient:
        transport = await serve(api_settings(hotkey=stack.hotkey))
        return httpx.AsyncClient(base_url="http://voice.test", transport=transport, headers={"Accept": "text/html"})

    return open_it


async def play(stack: "ValidatorBed", *blocks: int) -> None:
    """Open, judge, close and fold a round at each of these blocks, then set weights."""
    for block in blocks:
        stack.chain.block = block
        assert await stack.tick()
        for score in (500_000, 600_000):
            await stack.judge(await stack.claim(), score)
        assert await stack.tick()
        assert await stack.tick()
    for _ in range(3):
        await stack.set_weights()


async def shown(client: httpx.AsyncClient, path: str) -> str:
    """A page's HTML, which must be whole."""
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8"), path
    assert answer.text.endswith("</html>")
    return answer.text


async def at(client: httpx.AsyncClient, source: str) -> Any:
    """The value that a source names."""
    path, _, pointer = source.partition("#")
    found = (await client.get(path)).json()
    for part in pointer.split("/")[1:]:
        found = found[int(part)] if isinstance(found, list) else found[part]
    return found


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_without_anything_says_what_is_waited_for(
    serve: Serve, api_settings: Callable[..., ApiSettings], path: str
) -> None:
    """An empty database makes no page fail, and no table stand empty without a word."""
    async with httpx.AsyncClient(base_url="http://voice.test", transport=await serve(api_settings())) as client:
        text = await shown(client, path)
    assert "<tbody>\n</tbody>" not in text
    assert f'href="{path}" aria-current="page"' in text


@pytest.mark.parametrize("path", [*PAGES[1:], "/rounds/2", "/rounds/4"])
async def test_every_number_is_what_the_api_says(
    browser: Callable[[], Awaitable[httpx.AsyncClient]], stack: "ValidatorBed", path: str
) -> None:
    """Each number of a page that names its source has the value that stands there, and each link of a head leads to an explanation."""
    await play(stack, 725, 1085, 1445)
    async with await browser() as client:
        text = await shown(client, path)
        page = ReadPage()
        page.feed(text)
        for value, source in page.numbers:
            assert str(await at(client, source)) == value, source
        explained = ReadPage()
        explained.feed(await shown(client, "/how"))
        anchors = {link.partition("#")[2] for link in page.links if link.startswith("/how#")}
    assert anchors <= set(explained.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.numbers or path in ("/how", "/queue")


async def test_a_round_shows_who_spoke_and_when_it_was_folded(
    browser: Callable[[], Awaitable[httpx.AsyncClient]], stack: "ValidatorBed"
) -> None:
    """Hash, end and score of each; the ledger's entry once it is folded."""
    await play(stack, 725)
    async with await browser() as client:
        text = await shown(client, "/rounds/2")
        listed = await shown(client, "/rounds")
    assert f"<code>0x{720:064x}</code>" in text
    assert ("0.5000" in text, "0.6000" in text, 'href="/v1/ledger/2"' in text) == (True, True, True)
    assert "not yet" not in listed


async def test_weights_say_who_is_paid_and_why(
    browser: Callable[[], Awaitable[httpx.AsyncClient]], stack: "ValidatorBed"
) -> None:
    """The king's share with its reason, and those without one with theirs; one attempt has a page of its own."""
    await play(stack, 725, 1085, 1445)
    async with await browser() as client:
        text = await shown(client, "/weights")
        (snapshot,) = set(re.findall(r'href="/weights/([0-9a-f]{64})"', text))
        assert (await shown(client, f"/weights/{snapshot}")).count("small: king") == 1
        unknown = await client.get(f"/weights/{'0' * 64}")
    assert ("100.00 %" in text, "small: king" in text, "it has not taken the top" in text) == (True, True, True)
    assert unknown.status_code == 404


async def test_the_queue_says_what_waits(browser: Callable[[], Awaitable[httpx.AsyncClient]], stack: "ValidatorBed") -> None:
    """One runs, one waits for a worker that is not there."""
    assert await stack.tick()
    await stack.claim()
    async with await browser() as client:
        text = await shown(client, "/queue")
    assert (text.count("it runs"), text.count("no worker takes work now")) == (1, 1)


async def test_the_status_names_incidents_and_no_host(
    browser: Callable[[], Awaitable[httpx.AsyncClient]], stack: "ValidatorBed"
) -> None:
    """What is parked or drained is counted in words; hosts, operators and their reasons are not told."""
    assert await stack.tick()
    operations = Operations(stack.pool)
    await operations.drain("secret-host", actor="secret-operator", reason="secret-reason")
    await operations.park((await stack.claim()).evaluation_id, actor="secret-operator", reason="secret-reason")
    async with await browser() as client:
        text, told = await shown(client, "/status"), (await client.get("/v1/status")).text
    assert ("evaluations were set aside by the operator" in text, "hosts are drained" in text) == (True, True)
    assert "secret" not in text + told


async def test_the_status_is_shown_while_the_database_is_away(serve: Serve, api_settings: Callable[..., ApiSettings]) -> None:
    """The page says which part is missing, and what is not known meanwhile."""
    transport = await serve(api_settings(database_url="postgresql://postgres@/voice?host=/nonexistent"))
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport) as client:
        text = await shown(client, "/status")
    assert ("Requests cannot be served now: database" in text, "Not known while PostgreSQL is away" in text) == (True, True)


def test_the_words_are_the_glossarys() -> None:
    """A word of the explanation means what docs/glossary.md says; every factor and every gate has its words."""
    from tests.unit.test_glossary import MEANINGS

    assert {word: MEANINGS[word] for word in WORDS} == dict(WORDS)
    assert (set(FACTORS), set(GATES)) == (set(type(next(iter(FACTORS)))), set(type(next(iter(GATES)))))
