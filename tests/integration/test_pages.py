"""Pages from a real database: with rows of a whole life, without any, and with words of strangers."""

import html
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import bittensor as bt
import httpx
import pytest

from scoring.errors import Code
from scoring.report import Factor, Gate
from scoring.scores.reasons import GATES
from scoring.types import Block, Hotkey, SubmissionId
from tests.builders.crawler import ReadPage
from tests.builders.fought_duel import OPENED, Fought, fight
from tests.builders.ranking import SMALL
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.operations import Operations
from voice_api.db.rounds import NewRound
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.settings import ApiSettings
from voice_api.web.pages.how import FACTORS, WORDS
from voice_api.web.pages.leaderboard import ROWS

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
PAGES = ("/", "/duels", "/rounds", "/queue", "/weights", "/status", "/how")
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


async def test_pages_without_anything_say_what_is_waited_for(serve: Serve, api_settings: Callable[..., ApiSettings]) -> None:
    """An empty database makes no page fail, and no table stand empty without a word."""
    async with httpx.AsyncClient(base_url="http://voice.test", transport=await serve(api_settings())) as client:
        texts = {path: await shown(client, path) for path in PAGES}
    assert [path for path, text in texts.items() if "<tbody>\n</tbody>" in text] == []
    assert [path for path, text in texts.items() if f'href="{path}" aria-current="page"' not in text] == []


async def test_every_number_is_what_the_api_says(
    browser: Callable[[], Awaitable[httpx.AsyncClient]], stack: "ValidatorBed"
) -> None:
    """Each number of each page has the value that its source has, and leads to a paragraph that explains it."""
    await play(stack, 725, 1085, 1445)
    async with await browser() as client:
        pages = {path: read(await shown(client, path)) for path in (*PAGES, "/rounds/2", "/rounds/4", "/miners/h3", "/miners/h2")}
        numbers = {each: path for path, page in pages.items() for each in page.numbers}
        wrong = [(path, *each) for each, path in numbers.items() if str(await at(client, each[1])) != each[0]]
    anchors = {link.partition("#")[2] for page in pages.values() for link in page.links if link.startswith("/how#")}
    assert (wrong, anchors - set(pages["/how"].ids)) == ([], set())
    assert {path: page.unexplained for path, page in pages.items() if page.unexplained} == {}
    assert [path for path, page in pages.items() if len(page.ids) != len(set(page.ids))] == []
    assert [path for path, page in pages.items() if not page.numbers] == ["/queue"]


def read(text: str) -> ReadPage:
    """What a page links to and shows."""
    page = ReadPage()
    page.feed(text)
    return page


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


async def test_weights_of_another_release_are_named_and_lead_nowhere(
    browser: Callable[[], Awaitable[httpx.AsyncClient]], stack: "ValidatorBed"
) -> None:
    """A plan that cannot be read makes no page fail: its outcome stands, without a link that would."""
    await play(stack, 725, 1085, 1445)
    async with stack.pool.connection() as connection:
        await connection.execute("update weight_attempts set plan = '{}'")
    async with await browser() as client:
        text = await shown(client, "/weights")
    assert ("another release wrote it" in text, 'href="/weights/' in text) == (True, False)


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


async def test_the_status_names_missing_tables(
    serve: Serve, api_settings: Callable[..., ApiSettings], empty_database_url: str
) -> None:
    """Before migrations PostgreSQL is there: it is the tables that are not, and the page says what makes them."""
    transport = await serve(api_settings(database_url=empty_database_url))
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport) as client:
        text = await shown(client, "/status")
    assert ("now: migrations" in text, "`voice db upgrade` makes them" in text, "PostgreSQL is away" in text) == (
        True,
        True,
        False,
    )


async def test_words_of_strangers_are_never_markup(
    serve: Serve,
    api_settings: Callable[..., ApiSettings],
    stack: "ValidatorBed",
    new_submission: Callable[..., NewSubmission],
) -> None:
    """What a miner wrote in its commitment is shown as it is written, its controls and turned text as what they are."""
    hostile = new_submission(
        hotkey=Hotkey("h2\u202e<b>"),
        commit_block=Block(500),
        commitment=HOSTILE,
        repo=None,
        revision=None,
        tag=None,
        code=Code.COMMITMENT_MALFORMED,
        reason=HOSTILE,
    )
    await Submissions(stack.pool).add([hostile])
    async with httpx.AsyncClient(
        base_url="http://voice.test", transport=await serve(api_settings(hotkey=stack.hotkey))
    ) as client:
        for path in ("/", "/miners/h2%E2%80%AE%3Cb%3E", "/duels?hotkey=%E2%80%AE%3Cb%3E"):
            text = await shown(client, path)
            assert ("<script>alert" in text, "\u202e" in text, "\x1b" in text, "<b>" in text) == (False,) * 4, path
            assert html.escape("\\u202e") in text, path


@pytest.fixture
async def fought(
    pool: Pool,
    receiver: bt.Wallet,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> Fought:
    """A duel that opened at the end of round 2, and had its first round in round 3."""
    return await fight(pool, Hotkey(receiver.hotkey.ss58_address), open_round, new_round, verdict)


async def test_the_leaderboard_shows_the_duel_and_goes_by_the_ledger(
    serve: Serve, api_settings: Callable[..., ApiSettings], fought: Fought
) -> None:
    """The king first though the challenger scored more in the last round; the duel's evidence, and a way to hear both in one click."""
    async with httpx.AsyncClient(base_url="http://voice.test", transport=await serve(api_settings())) as client:
        text = await shown(client, "/")
        page = ReadPage()
        page.feed(text)
        for value, source in page.numbers:
            assert str(await at(client, source)) == value, source
    rows = text.partition('id="rows"')[2]
    assert rows.index(f"/submissions/{fought.ids[0]}") < rows.index(f"/submissions/{fought.ids[1]}")
    assert {f"/duels/{SMALL}/{OPENED}", f"/listen?track={SMALL}"} <= set(page.links)
    assert "Evidence 1.5 of 620 needed, on a logarithmic scale" in text


async def test_a_duel_is_drawn_and_its_groups_can_be_heard(
    serve: Serve, api_settings: Callable[..., ApiSettings], fought: Fought
) -> None:
    """The curve by round, the outcome in words, and a player for each side of the group with the widest difference."""
    async with httpx.AsyncClient(base_url="http://voice.test", transport=await serve(api_settings())) as client:
        text = await shown(client, f"/duels/{SMALL}/{OPENED}")
        page = ReadPage()
        page.feed(text)
        for value, source in page.numbers:
            assert str(await at(client, source)) == value, source
        unknown = await client.get(f"/duels/{SMALL}/77")
        listed = await shown(client, "/duels")
        mine = await shown(client, f"/duels?hotkey={fought.names[0].partition('@')[0]}")
        both = next(link for link in page.links if link.startswith("/listen?track="))
        heard = await client.get(both)
    assert "the evidence decides nothing yet; the duel goes on" in text
    assert (text.count("<audio "), text.count("+0.2000"), text.count("threshold 620")) == (4, 1, 1)
    assert (unknown.status_code, f"/duels/{SMALL}/{OPENED}" in mine) == (404, True)
    assert both.endswith(f"models={fought.ids[1]}%2C{fought.ids[0]}")
    assert (heard.status_code, heard.text.count('class="card heard')) == (200, 2)
    assert (listed.count('data-label="King"'), listed.count(">now<")) == (2, 1)


async def test_a_miner_sees_its_place_its_rounds_and_its_duels(
    serve: Serve, api_settings: Callable[..., ApiSettings], fought: Fought
) -> None:
    """The challenger: why it is not paid, two rounds, one duel; a hotkey that nobody knows has no page."""
    async with httpx.AsyncClient(base_url="http://voice.test", transport=await serve(api_settings())) as client:
        text = await shown(client, f"/miners/{fought.names[1].partition('@')[0]}")
        unknown = await client.get("/miners/5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
    assert ("it has not taken the top" in text, "as challenger" in text, 'href="/rounds/3"' in text) == (True, True, True)
    assert unknown.status_code == 404


async def test_the_table_is_searched_and_paged(
    serve: Serve,
    api_settings: Callable[..., ApiSettings],
    pool: Pool,
    new_submission: Callable[..., NewSubmission],
) -> None:
    """Each submission stands on one page and links to the operator's hub; a search without a find says so, and keeps what was asked."""
    await Submissions(pool).add([new_submission(repo=f"lab/voice-{n}") for n in range(ROWS + 1)])
    async with httpx.AsyncClient(
        base_url="http://voice.test", transport=await serve(api_settings(hub="http://hub.test"))
    ) as client:
        first = await shown(client, "/")
        (more,) = re.findall(r'href="([^"]+)" rel="next"', first)
        second = await shown(client, html.unescape(more))
        found = await shown(client, "/?search=voice-7")
        nothing = await shown(client, "/?search=%3Cb%3Enobody")
    assert [len(set(re.findall(r"lab/voice-\d+", text))) for text in (first, second, found)] == [ROWS, 1, 1]
    assert ("<b>nobody" in nothing, "&lt;b&gt;nobody" in nothing) == (False, True)
    assert 'href="http://hub.test/lab/voice-7/tree/' in found
    assert len(first) <= 120_000


def test_the_words_are_the_glossarys() -> None:
    """A word of the explanation means what docs/glossary.md says; every factor and every gate has its words."""
    from tests.unit.test_glossary import MEANINGS

    assert {word: MEANINGS[word] for word in WORDS} == dict(WORDS)
    assert (set(FACTORS), set(GATES)) == (set(Factor), set(Gate))
