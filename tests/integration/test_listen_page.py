"""The listening page on a real round with real clips: who is heard, what stands beside, and what is answered to bad choices."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from scoring.report import Gate
from scoring.types import RoundNumber
from tests.builders.audible import audible_round
from tests.builders.crawler import ReadPage
from voice_api.db.database import Pool
from voice_api.settings import ApiSettings
from voice_api.web.pages.heard import ADVICE, compared

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]


@pytest.fixture
async def bed(stack: "ValidatorBed", tmp_path: Path) -> "ValidatorBed":
    """A closed round: submission 1 scored .5, submission 2 .8."""
    return await audible_round(stack, tmp_path / "store")


@pytest.fixture
async def browser(serve: Serve, api_settings: Callable[..., ApiSettings], tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody who reads pages."""
    transport = await serve(api_settings(store_place=tmp_path / "store"))
    headers = {"Accept": "text/html"}
    async with httpx.AsyncClient(base_url="http://voice.test", transport=transport, headers=headers) as client:
        yield client


async def test_the_best_two_are_heard_without_a_choice(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """Better one first, with text and description of the prompt, and players whose sound is there."""
    answer = await browser.get("/listen")
    assert answer.status_code == 200
    names = re.findall(r'href="/submissions/(\d+)\?evaluation=\d+"', answer.text)
    assert names == ["2", "1"]
    asked = (
        bed.schedule.version[0]
        .track[0]
        .groups((await bed.store.rounds.get(RoundNumber(bed_round(answer.text)))).block_hash)[0]
        .prompts[0]
    )
    shown = answer.text.replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&")
    assert asked.text in shown and asked.description in shown
    for path in re.findall(r'src="(/v1/samples/[^"]+)"', answer.text):
        assert (await browser.get(path)).status_code == 200
    assert len(answer.content) < 60_000


def bed_round(html: str) -> int:
    """The round that a page shows."""
    found = re.search(r'href="/rounds/(\d+)"', html)
    assert found is not None
    return int(found[1])


async def test_every_number_is_what_the_api_says(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """To the last digit, at the path and pointer that the page names."""
    page = ReadPage()
    page.feed((await browser.get("/listen?models=1,2")).text)
    assert len(page.numbers) > 20
    for shown, source in page.numbers:
        path, _, pointer = source.partition("#")
        value = (await browser.get(path, headers={"Accept": "application/json"})).json()
        for part in pointer.split("/")[1:]:
            value = value[int(part)] if isinstance(value, list) else value[part]
        assert shown == str(value), source


async def test_a_choice_is_a_link(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """Models with commas or as boxes, and prompts one after the other: every state has an address."""
    one = await browser.get("/listen?models=1&prompt=g01.a")
    boxes = await browser.get("/listen", params=[("models", "2"), ("models", "1")])
    assert re.findall(r'id="model-(\d+)"', one.text) == ["1"]
    assert re.findall(r'id="model-(\d+)"', boxes.text) == ["2", "1"]
    later = re.search(r'rel="next" href="([^"]+)"', one.text)
    assert later is not None
    after = await browser.get(later[1].replace("&amp;", "&"))
    assert (after.status_code, re.findall(r'id="model-(\d+)"', after.text)) == (200, ["1"])


async def test_a_bad_choice_is_told_what_to_do(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """A page with the reason and the way on, never a fault of ours."""
    for query, told in {
        "track=nowhere": "choose small",
        "round=99999": "the nearest one before is",
        "round=two": "give a whole number",
        "models=77": "scored were: ",
        "models=1,2,3,4,5": "choose 4 at most",
        "models=%E2%80%AE1": "give a whole number",
        "prompt=g99.z": "choose one of g00.a",
    }.items():
        answer = await browser.get(f"/listen?{query}")
        assert (query, answer.status_code, "text/html" in answer.headers["content-type"]) == (query, 422, True)
        assert told in answer.text and "\u202e" not in answer.text, query


async def test_before_a_round_has_closed_it_says_what_is_waited_for(browser: httpx.AsyncClient) -> None:
    """No error, no empty table."""
    answer = await browser.get("/listen")
    assert (answer.status_code, "Nothing can be heard yet" in answer.text) == (200, True)


async def test_sound_that_is_gone_is_said(bed: "ValidatorBed", browser: httpx.AsyncClient, tmp_path: Path) -> None:
    """After retention the numbers stay, and no player leads nowhere."""
    for file in _flacs(tmp_path):
        file.unlink()
    answer = await browser.get("/listen")
    assert (answer.status_code, answer.text.count("no longer kept"), "<audio" in answer.text) == (200, 2, False)


def _flacs(folder: Path) -> list[Path]:
    return list(folder.rglob("*.flac"))


async def test_measures_do_not_outlive_the_sound(bed: "ValidatorBed", browser: httpx.AsyncClient, tmp_path: Path) -> None:
    """A clip that was heard, and then removed from the store, is not offered again by what was kept of it."""
    assert "<audio" in (await browser.get("/listen")).text
    for file in _flacs(tmp_path):
        file.unlink()
    assert "<audio" not in (await browser.get("/listen")).text


async def test_a_round_with_one_model_is_not_the_first_to_be_heard(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """The newest round in which two were scored is shown; the later one can be chosen."""
    bed.chain.block = 1_085
    assert await bed.tick() and await bed.tick()
    await bed.judge(await bed.claim(), 700_000)
    bed.chain.block = 1_085 + 1_080
    while await bed.tick():
        pass
    shown = (await browser.get("/listen")).text
    assert len(re.findall(r'id="model-', shown)) == 2
    later = max(int(number) for number in re.findall(r"<option[^>]*>(\d+)</option>", shown))
    assert later > bed_round(shown)
    assert len(re.findall(r'id="model-', (await browser.get(f"/listen?round={later}")).text)) == 1


async def test_what_a_guest_said_is_shown_as_text(bed: "ValidatorBed", browser: httpx.AsyncClient, pool: Pool) -> None:
    """A gate with its reason: markup stays text, a turned text and a terminal's codes are written out, and the advice stands below."""
    hostile = "<script>alert(1)</script>\u202egnp.exe\x1b[31m"
    async with pool.connection() as connection:
        changed = (
            "update samples set gate = 'generation_failed', reason = $1, heard = $1, score = 0, metrics = '{}', utilities = '{}'"
        )
        await connection.execute(changed, hostile)
        await connection.execute("update submissions set repo = $1", hostile[:40])
    answer = await browser.get("/listen")
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text and "\u202e" not in answer.text and "\x1b" not in answer.text
    assert "\\u202e" in answer.text and ADVICE[Gate.GENERATION_FAILED].split("`")[0] in answer.text


async def test_a_round_of_other_rules_is_heard_without_its_text(
    bed: "ValidatorBed", browser: httpx.AsyncClient, pool: Pool
) -> None:
    """The API draws no prompts under rules that it does not have, and says so."""
    async with pool.connection() as connection:
        await connection.execute("update rounds set competition_hash = $1", "c" * 64)
    answer = await browser.get("/listen")
    assert (answer.status_code, "other rules (cccccccccccc…)" in answer.text, "<audio" in answer.text) == (200, True, True)


def test_words_are_compared_as_people_read_them() -> None:
    """A missing word moves no other one, and nothing differs where one side is not known."""
    asked, heard = compared("Open the old gate, please.", "open the gate please now")
    assert [word.text for word in asked if word.differs] == ["old"]
    assert [word.text for word in heard if word.differs] == ["now"]
    assert not any(word.differs for side in compared("", "open the gate") for word in side)
