"""A submission's page on a real round: its numbers are the API's, its samples can be heard, and every reason has its advice."""

import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from scoring.errors import EXPLANATIONS, Code
from scoring.report import Gate
from scoring.types import BlockHash, EvaluationId
from tests.builders.audible import AudibleJudge, audible_round
from tests.builders.crawler import ReadPage
from tests.builders.near_copies import a_near_copy
from voice_api.db.copies import set_aside
from voice_api.db.database import Pool
from voice_api.settings import ApiSettings
from voice_api.web.pages.heard import ADVICE
from voice_api.web.pages.submission import SAMPLES

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


async def test_every_number_is_what_the_api_says(bed: "ValidatorBed", browser: httpx.AsyncClient, pool: Pool) -> None:
    """Facts, evidence of a near-copy, scores by round, groups and samples, to the last digit."""
    async with pool.transaction() as connection:
        await set_aside(connection, "w1", EvaluationId(2), [a_near_copy(2, 1)])
    page, shown = ReadPage(), (await browser.get("/submissions/2")).text
    page.feed(shown)
    assert all(words in shown for words in (">0.001250000<", ">0.050000000<", ">0.400000<", ">0.970000<", "may object until"))
    assert len(page.numbers) > 150
    documents: dict[str, object] = {}
    for shown, source in page.numbers:
        path, _, pointer = source.partition("#")
        if path not in documents:
            documents[path] = (await browser.get(path, headers={"Accept": "application/json"})).json()
        value = documents[path]
        for part in pointer.split("/")[1:]:
            value = value[int(part)] if isinstance(value, list) else value[part]  # type: ignore[index]  # JSON
        assert shown == str(value), source


async def test_every_sample_is_reached_by_pages(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """Each once, in the round's order, with text, description and a sound that is there; no page is heavy."""
    asked = [prompt for group in bed.schedule.version[0].track[0].groups(await _block_hash(bed)) for prompt in group.prompts]
    seen: list[str] = []
    path: str | None = "/submissions/2"
    while path:
        answer = await browser.get(path)
        assert (answer.status_code, len(answer.content) < 120_000) == (200, True)
        seen += re.findall(r'<h4 id="p-\d+">(\S+) ', answer.text)
        for sound in re.findall(r'src="(/v1/samples/[0-9a-f]{64})"', answer.text)[:2]:
            assert (await browser.get(sound)).status_code == 200
        later = re.search(r'rel="next" href="([^"#]+)', answer.text)
        path = later[1].replace("&amp;", "&") if later else None
    assert seen == [prompt.id for prompt in asked]


async def _block_hash(bed: "ValidatorBed") -> BlockHash:
    latest = await bed.store.rounds.latest()
    assert latest is not None
    return latest.block_hash


async def test_the_receipts_command_names_what_is_there(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """The address answers with the receipt, and the issuer is the API's validator."""
    shown = (await browser.get("/submissions/1")).text
    command = re.search(r"<pre[^>]*><code>(.*?)</code></pre>", shown, re.DOTALL)
    assert command is not None
    fetch, verify = (shlex.split(line) for line in command[1].splitlines())
    receipt = await browser.get(fetch[-1], headers={"Accept": "application/json"})
    assert (receipt.status_code, receipt.json()["receipt"]["hotkey"]) == (200, "h2")
    assert verify[:6] == ["voice", "verify", "receipt.json", "--level", "1", "--issuer"]
    assert len(verify) == 7 and "RULES" not in shown


async def test_rules_of_a_networks_own_are_asked_for_by_the_command(
    bed: "ValidatorBed", browser: httpx.AsyncClient, pool: Pool
) -> None:
    """Nobody who checks has them: the command names their file, and the page says which that is."""
    async with pool.connection() as connection:
        await connection.execute("update rounds set competition_hash = $1", "c" * 64)
    shown = (await browser.get("/submissions/1")).text
    assert " --competition RULES</code>" in shown and "RULES is the file of its competition" in shown


async def test_reasons_have_the_guests_words_and_what_to_do(bed: "ValidatorBed", browser: httpx.AsyncClient, pool: Pool) -> None:
    """Of a refused submission the code's advice, of a failed sample the gate's; hostile words stay text."""
    hostile = "RuntimeError: <img src=x onerror=alert(1)>\u202e\x1b[2J"
    failed = "update samples set gate = 'generation_failed', reason = $1, heard = $1, score = 0, utilities = '{}'"
    event = """
        insert into events (kind, actor, submission_id, from_state, to_state, code, detail)
        values ('submission', 'host-1', 1, 'scored', 'rejected', $1, $2)
    """
    async with pool.transaction() as connection:
        await connection.execute(failed, hostile)
        await connection.execute("update submissions set state = 'rejected', code = $1, reason = $2 where id = 1", 1301, hostile)
        await connection.execute(event, 1301, hostile)
    answer = await browser.get("/submissions/1")
    assert answer.status_code == 200
    assert "<img src=x" not in answer.text and "\u202e" not in answer.text and "\x1b" not in answer.text
    told = answer.text.replace("&#39;", "'").replace("&#34;", '"')
    assert EXPLANATIONS[Code.LOAD_FAILED].advice in told and ADVICE[Gate.GENERATION_FAILED] in told
    assert "\\u202e" in told and "→ <span" in told


async def test_a_bad_choice_is_told_what_to_do(bed: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """An evaluation of another submission, one beyond the last sample, and no number: a page with the reason, never a fault of ours."""
    for query, told in {
        "evaluation=77": "evaluation 77 is not of this submission; there are: 1",
        "from=500": "there are",
        "evaluation=x": "evaluation",
    }.items():
        answer = await browser.get(f"/submissions/1?{query}")
        assert (query, answer.status_code, told in answer.text) == (query, 422, True)


async def test_sound_that_is_gone_is_said(bed: "ValidatorBed", browser: httpx.AsyncClient, tmp_path: Path) -> None:
    """After retention the numbers stay, and no player leads nowhere."""
    for file in _flacs(tmp_path):
        file.unlink()
    answer = await browser.get("/submissions/1")
    assert (answer.status_code, answer.text.count("no longer kept"), "<audio" in answer.text) == (200, SAMPLES, False)


def _flacs(folder: Path) -> list[Path]:
    return list(folder.rglob("*.flac"))


async def test_before_it_was_judged_it_says_when_that_comes(stack: "ValidatorBed", browser: httpx.AsyncClient) -> None:
    """No empty tables."""
    answer = await browser.get("/submissions/1")
    assert (answer.status_code, "Not evaluated yet" in answer.text, "<audio" in answer.text) == (200, True, False)


async def test_an_open_round_is_not_offered_to_be_compared(
    stack: "ValidatorBed", browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    """What is scored in it can be heard here; beside others once the round has closed. Every link leads somewhere."""
    bed = replace(stack, judged_alike=AudibleJudge(tmp_path / "store"))
    assert await bed.tick()
    await bed.judge(await bed.claim(), 500_000)
    before = (await browser.get("/submissions/1")).text
    await bed.judge(await bed.claim(), 600_000)
    assert await bed.tick()
    after = (await browser.get("/submissions/1")).text
    assert ("<audio" in before, "/listen?track" in before, "/listen?track" in after) == (True, False, True)
    beside = re.search(r'href="(/listen\?track[^"]+)"', after)
    assert beside is not None
    assert (await browser.get(beside[1].replace("&amp;", "&"))).status_code == 200
