"""The blind pair as a page, without a script: two clips, three buttons, and what they were."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from scoring.types import SubmissionId
from tests.builders.audible import audible_round
from tests.builders.crawler import ReadPage
from voice_api.settings import ApiSettings

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
async def bed(stack: "ValidatorBed", tmp_path: Path) -> "ValidatorBed":
    """A closed round of two models."""
    return await audible_round(stack, tmp_path / "store")


@pytest.fixture
async def browser(serve: Serve, api_settings: Callable[..., ApiSettings], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who reads pages and sends forms."""
    transport = await serve(api_settings(store_place=tmp_path / "store"))
    headers = {"Accept": "text/html"}
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport, headers=headers) as client:
        yield client


async def vote(browser: httpx.AsyncClient, choice: str, factor: str = "") -> httpx.Response:
    """Open a pair, and press a button."""
    shown = await browser.get("/listen/pair")
    found = re.search(r'name="pair" value="([0-9a-f-]{36})"', shown.text)
    assert found is not None
    said = f"pair={found[1]}&factor={factor}&choice={choice}"
    return await browser.post("/listen/pair", content=said, headers=FORM)


async def test_the_page_names_nobody_before_the_vote(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """No hotkey, repository, submission or hash of a clip; its sound is there, and it is another pair each time."""
    shown = await browser.get("/listen/pair")
    assert (shown.status_code, shown.headers["cache-control"]) == (200, "no-store")
    assert re.findall(r"miner/model|/submissions/|/v1/samples/|evaluation=|>h[23]<", shown.text) == []
    paths = re.findall(r'src="(/v1/votes/pairs/[^"]+)"', shown.text)
    assert len(paths) == 4
    assert [(await browser.get(path)).status_code for path in paths] == [200] * 4
    assert paths[0] not in (await browser.get("/listen/pair")).text


async def test_a_vote_leads_to_what_they_were(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """Both models with their numbers, the judges' verdict, and agreement, each number as the API gives it."""
    sent = await vote(browser, "first", "naturalness")
    assert sent.status_code == 303
    told = await browser.get(sent.headers["location"])
    assert told.status_code == 200
    assert "You said: A is better" in told.text and "In naturalness, the judges say" in told.text
    assert set(re.findall(r"miner/model-\d+", told.text)) == {
        (await bed.store.submissions.get(name)).repo for name in (await _ids(bed))
    }
    page = ReadPage()
    page.feed(told.text)
    assert len(page.numbers) > 15
    for shown, source in page.numbers:
        path, _, pointer = source.partition("#")
        value = (await browser.get(path, headers={"Accept": "application/json"})).json()
        for part in pointer.split("/")[1:]:
            value = value[int(part)] if isinstance(value, list) else value[part]
        assert shown == str(value), source
    beside = next(link for link in page.links if link.startswith("/listen?track="))
    assert (await browser.get(beside)).status_code == 200


async def _ids(bed: "ValidatorBed") -> list[SubmissionId]:
    return [each.id for each in await bed.store.submissions.page()]


async def test_a_form_that_is_no_vote_is_told_what_to_do(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """Without a choice, with a strange one, with bytes that are no text; and a pair that nobody voted on tells nothing."""
    for said in ("", "pair=1&choice=first", "pair=00000000-0000-0000-0000-000000000000&choice=louder", "\xff\xfe"):
        answer = await browser.post("/listen/pair", content=said.encode("latin-1"), headers=FORM)
        assert (answer.status_code, "press one of the buttons" in answer.text) == (422, True)
    shown = await browser.get("/listen/pair")
    found = re.search(r'name="pair" value="([0-9a-f-]{36})"', shown.text)
    assert found is not None
    assert (await browser.get(f"/listen/pair/{found[1]}")).status_code == 404


async def test_without_a_pair_it_says_what_is_waited_for(browser: httpx.AsyncClient) -> None:
    """A page, not an error; and of agreement there is no number yet."""
    answer = await browser.get("/listen/pair")
    assert (answer.status_code, "There is no pair for you now" in answer.text, "Nobody has voted" in answer.text) == (
        200,
        True,
        True,
    )
