"""The page /say as a browser without scripts has it: the form, where it leads, and every state in words."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from scoring.types import Hotkey
from tests.builders.crawler import ReadPage
from tests.builders.speeches import scored
from tests.integration.recordings import API
from tests.integration.speech_bed import TEXT, speak_next
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.rounds import NewRound
from voice_api.db.speeches import Speeches
from voice_api.db.submissions import NewSubmission
from voice_api.settings import ApiSettings

Opened = Callable[..., Awaitable[httpx.AsyncClient]]
FORM = {"text": TEXT, "who": "king/small", "description": ""}


@pytest.fixture
async def opened(
    api_settings: Callable[..., ApiSettings], serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
) -> AsyncIterator[Opened]:
    """A browser at an API that speaks, with some settings changed."""
    browsers: list[httpx.AsyncClient] = []

    async def build(**overrides: Any) -> httpx.AsyncClient:
        transport = await serve(api_settings(**{"speech": True, "speech_disclosure": "Said by nobody."} | overrides))
        browsers.append(httpx.AsyncClient(base_url=API, transport=transport, headers={"Accept": "text/html"}))
        return browsers[-1]

    yield build
    for browser in browsers:
        await browser.aclose()


async def test_the_form_leads_to_the_sound(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """Sent, it leads to a page of its own, which reloads itself until the sound is there, and shows how long that took."""
    browser = await opened()
    form = await browser.get("/say")
    assert f'<option value="king/small" data-hears>♛ king of small: {king.repo}</option>' in form.text
    assert "0 of 300" in form.text and "Said by nobody." in form.text and "nobody waits now" in form.text
    sent = await browser.post("/say", data=FORM | {"text": f"{TEXT}\r\n"})
    assert sent.status_code == 303 and re.fullmatch(r"/say/[0-9a-f-]{36}", sent.headers["Location"])
    waiting = await browser.get(sent.headers["Location"])
    assert '<noscript><meta http-equiv="refresh"' in waiting.text and "It is next." in waiting.text
    assert waiting.headers["Cache-Control"] == "private, no-cache"
    assert f"<blockquote>{TEXT}</blockquote>" in waiting.text and f">{TEXT}</textarea>" in waiting.text
    await speak_next(pool)
    said = await browser.get(sent.headers["Location"])
    (sound,) = re.findall(r'<audio controls preload="auto" src="([^"]+)"', said.text)
    assert "http-equiv" not in said.text and "First sound after" in said.text and "0.5 s" in said.text
    assert (await browser.get(sound)).headers["content-type"] == "audio/flac"
    for kind in ("wav", "mp3", "opus"):
        assert (await browser.get(f"{sound}?format={kind}")).status_code == 200


async def test_its_numbers_are_the_apis(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """Each names where it is from, and is what stands there."""
    browser = await opened()
    place = (await browser.post("/say", data=FORM)).headers["Location"]
    await speak_next(pool)
    page = ReadPage()
    page.feed((await browser.get(place)).text)
    answer = (await browser.get(place.replace("/say/", "/v1/speech/"), headers={"Accept": "application/json"})).json()
    assert len(page.numbers) == 4
    for value, source in page.numbers:
        assert float(value) == answer[source.partition("#/")[2]]


async def test_a_model_that_failed_is_told_with_its_reason(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """And with what to do."""
    browser = await opened()
    place = (await browser.post("/say", data=FORM)).headers["Location"]
    await speak_next(pool, fails="it <hummed>")
    page = (await browser.get(place)).text
    assert "It was not said.</strong> it &lt;hummed&gt; Try `voice miner score`" in page and ">1304</a>" in page
    assert "<audio" not in page and "http-equiv" not in page


@pytest.mark.parametrize(
    ("changes", "settings", "status", "why"),
    [
        pytest.param({"text": "a" * 301}, {}, 422, "at most 300 characters", id="too long"),
        pytest.param({"text": "Come on 3/4/2005."}, {}, 422, "how to read: 3/4/2005", id="two dates"),
        pytest.param({"who": "nobody"}, {}, 404, "nobody is neither", id="no such voice"),
        pytest.param({"who": "deaf", "description": "A woman speaks."}, {}, 422, "hears no description", id="a deaf voice"),
        pytest.param({}, {"speech_open": 1}, 429, "1 sentences wait or are spoken already", id="busy"),
    ],
)
async def test_what_is_not_taken_stays_in_the_form(
    opened: Opened,
    king: NewSubmission,
    pool: Pool,
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
    changes: dict[str, str],
    settings: dict[str, int],
    status: int,
    why: str,
) -> None:
    """With the reason above it; nobody has to write it again."""
    await scored(pool, new_submission(hotkey=Hotkey("deaf")), new_round(4), verdict(), family="pocket_tts")
    browser = await opened(**settings)
    if settings:
        await browser.post("/say", data=FORM)
    answer = await browser.post("/say", data=FORM | changes)
    assert answer.status_code == status and "Not taken.</strong>" in answer.text and why in answer.text
    assert f">{changes.get('text', TEXT)}</textarea>" in answer.text


async def test_words_of_strangers_stay_words(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """Wherever they are shown."""
    browser, hostile = await opened(), "Say </textarea><script>alert(1)</script> now."
    place = (await browser.post("/say", data=FORM | {"text": hostile, "description": hostile})).headers.get("Location")
    page = (await (browser.get(place) if place else browser.post("/say", data=FORM | {"text": hostile}))).text
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


async def test_turned_words_are_shown_as_what_they_are(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """Who passes on the address of a sentence cannot make it read otherwise than it is spoken."""
    browser = await opened()
    sent = await browser.post("/say", data=FORM | {"text": "Pay \u202eme now.", "description": "A \u202ecalm voice."})
    shown = await browser.get(sent.headers["Location"])
    assert "<blockquote>Pay \\u202eme now.</blockquote>" in shown.text
    assert '<p class="voice">A \\u202ecalm voice.</p>' in shown.text


async def test_a_submissions_own_voice(
    opened: Opened,
    pool: Pool,
    king: NewSubmission,
    new_submission: Callable[..., NewSubmission],
    new_round: Callable[..., NewRound],
    verdict: Callable[..., Verdict],
) -> None:
    """Named in the address it is offered first; a name that is none changes nothing."""
    await scored(pool, new_submission(hotkey=Hotkey("deaf"), repo="lab/deaf"), new_round(4), verdict(), family="pocket_tts")
    browser = await opened()
    page = (await browser.get("/say", params={"who": "deaf"})).text
    assert re.findall(r'<option value="([^"]+)"', page) == ["deaf", "king/small"]
    assert '<option value="deaf" selected>lab/deaf</option>' in page
    assert re.findall(r'<option value="([^"]+)"', (await browser.get("/say", params={"who": "<x>"})).text) == ["king/small"]


async def test_before_the_first_king_and_where_it_is_off(opened: Opened, pool: Pool) -> None:
    """In words, without a form."""
    for settings, words in (({}, "There is no king yet"), ({"speech": False}, "its operator has not switched that on")):
        page = (await (await opened(**settings)).get("/say")).text
        assert words in page and "<form" not in page
    assert (await Speeches(pool).load()).lately == 0


async def test_a_form_of_something_else(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """Another site's, bytes that are none, and a sentence that is long gone."""
    browser = await opened()
    for site, status in (("cross-site", 422), ("same-site", 422), ("same-origin", 303)):
        assert (await browser.post("/say", data=FORM, headers={"Sec-Fetch-Site": site})).status_code == status
    assert (await Speeches(pool).load()).lately == 1
    assert (await browser.post("/say", content=b"\xff\xfe")).status_code == 422
    assert (await browser.get("/say/5f0c1bb0-6a3f-4c5e-9d0a-1f6a7d1c2b3e")).status_code == 404
