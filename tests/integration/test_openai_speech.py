"""OpenAI's own client speaks with the king's voice, and understands why where it does not."""

import asyncio
import io
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import openai
import pytest
import soundfile

from scoring.errors import Code
from tests.integration.speech_bed import TEXT, speak_next, tone
from voice_api.db.database import Pool
from voice_api.db.speeches import Speeches
from voice_api.db.submissions import NewSubmission
from voice_api.settings import ApiSettings

DISCLOSURE = "Synthetic."
GUIDE = Path(__file__).parents[2] / "docs" / "say.md"
Opened = Callable[..., Awaitable[openai.AsyncOpenAI]]


@pytest.fixture
async def opened(api_settings: Callable[..., ApiSettings], listen: Callable[[ApiSettings], str]) -> AsyncIterator[Opened]:
    """The client, pointed at an API that speaks, with some settings changed. It tries again as often as it does elsewhere."""
    async with AsyncExitStack() as stack:

        async def build(**overrides: Any) -> openai.AsyncOpenAI:
            standard = {"speech": True, "speech_disclosure": DISCLOSURE}
            url = listen(api_settings(**standard | overrides))
            return await stack.enter_async_context(openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none is needed"))

        yield build


async def test_the_client_gets_an_mp3_as_it_is_used_to(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """With no more than a base URL and the voice's name."""
    client = await opened()
    asking = client.audio.speech.create(model="voice", voice="king", input=TEXT)
    answer, _ = await asyncio.gather(asking, speak_next(pool))
    with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
        assert (file.format, file.samplerate, file.frames / file.samplerate) == ("MP3", 22_050, pytest.approx(0.5, abs=0.06))
    assert answer.response.headers["X-Voice-Disclosure"] == DISCLOSURE


async def test_a_voice_a_track_instructions_and_a_format(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """Instructions are the description; a track is the model; a hotkey is a voice."""
    client = await opened()
    asking = client.audio.speech.create(
        model="small", voice=king.hotkey, input=TEXT, instructions="A woman speaks.", response_format="wav", speed=1.0
    )
    answer, _ = await asyncio.gather(asking, speak_next(pool))
    samples, rate = soundfile.read(io.BytesIO(answer.content))
    heard, _ = soundfile.read(io.BytesIO(tone()))
    assert rate == 22_050 and (samples == heard).all()
    async with pool.connection() as connection:
        row = await connection.fetchrow("select text, description, hotkey from speeches")
    assert tuple(row) == (TEXT, "A woman speaks.", king.hotkey)


@pytest.mark.parametrize(
    ("changed", "error", "code", "why"),
    [
        pytest.param({"speed": 1.5}, openai.UnprocessableEntityError, Code.REQUEST_INVALID, "speed: ", id="another speed"),
        pytest.param(
            {"response_format": "aac"}, openai.UnprocessableEntityError, Code.REQUEST_INVALID, "response_format: ", id="aac"
        ),
        pytest.param(
            {"extra_body": {"stream_format": "sse"}},
            openai.UnprocessableEntityError,
            Code.REQUEST_INVALID,
            "stream_format: ",
            id="events",
        ),
        pytest.param({"input": "a" * 301}, openai.UnprocessableEntityError, Code.REQUEST_INVALID, "300", id="a text too long"),
        pytest.param({"input": "Come on 3/4/2005."}, openai.UnprocessableEntityError, Code.TEXT_INVALID, "3/4/2005", id="unsure"),
        pytest.param(
            {"voice": "alloy"}, openai.NotFoundError, Code.VOICE_MISSING, "alloy is neither `king`", id="another's voice"
        ),
        pytest.param({"model": "tts-1"}, openai.NotFoundError, Code.VOICE_MISSING, "these have: small", id="another's model"),
    ],
)
async def test_the_client_is_told_what_is_wrong(
    opened: Opened,
    pool: Pool,
    king: NewSubmission,
    changed: dict[str, Any],
    error: type[openai.APIStatusError],
    code: Code,
    why: str,
) -> None:
    """As an exception of its own, with our sentence and our code's name."""
    client = await opened()
    with pytest.raises(error) as refused:
        await client.audio.speech.create(**{"model": "voice", "voice": "king", "input": TEXT} | changed)
    assert refused.value.code == code.slug and why in refused.value.message
    assert refused.value.type == "invalid_request_error"
    assert (await Speeches(pool).load()).lately == 0


async def test_off_is_told_to_the_client(opened: Opened, king: NewSubmission) -> None:
    """It does not try again."""
    with pytest.raises(openai.PermissionDeniedError, match="switched that on"):
        await (await opened(speech=False)).audio.speech.create(model="voice", voice="king", input=TEXT)


async def test_a_full_queue_is_a_rate_limit_to_the_client(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """With the time to wait, which it would by itself."""
    client = (await opened(speech_open=1)).with_options(max_retries=0)
    first = asyncio.create_task(client.audio.speech.create(model="voice", voice="king", input=TEXT))
    while (await Speeches(pool).load()).open == 0:  # noqa: ASYNC110 - the server decides
        await asyncio.sleep(0.01)
    with pytest.raises(openai.RateLimitError) as refused:
        await client.audio.speech.create(model="voice", voice="king", input=TEXT)
    assert refused.value.type == "rate_limit_error" and int(refused.value.response.headers["Retry-After"]) > 0
    await speak_next(pool)
    await first


async def test_a_models_failure_has_its_reason_and_costs_one_try(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """The client would ask again, and spend the budget on the same failure: it is told not to."""
    client = await opened()

    async def fail() -> None:
        await speak_next(pool, fails="it hummed")

    asking = client.audio.speech.create(model="voice", voice="king", input=TEXT)
    answer, _ = await asyncio.gather(asking, fail(), return_exceptions=True)
    assert isinstance(answer, openai.InternalServerError) and answer.status_code == 502
    assert (answer.code, "it hummed" in answer.message, (await Speeches(pool).load()).lately) == ("generation-failed", True, 1)


async def test_what_takes_too_long_is_told_where_it_will_be(opened: Opened, pool: Pool, king: NewSubmission) -> None:
    """Nothing hangs: the answer comes in time, and is not asked for again."""
    client = await opened(speech_within=timedelta(seconds=0.3))
    with pytest.raises(openai.InternalServerError, match="It waits still, behind 0 others") as late:
        await client.audio.speech.create(model="voice", voice="king", input=TEXT)
    assert (late.value.status_code, late.value.code, (await Speeches(pool).load()).lately) == (504, "speech-late", 1)
    async with pool.connection() as connection:
        asked = await connection.fetchval("select id from speeches")
    assert late.value.response.headers["Location"] == f"/v1/speech/{asked}"


async def test_the_guides_program_runs(pool: Pool, king: NewSubmission, opened: Opened, tmp_path: Path) -> None:
    """As it stands on the page, in an interpreter of its own: it writes the file."""
    (program,) = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    url = str((await opened()).base_url).removesuffix("/v1/")
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program), cwd=tmp_path, env={"PATH": os.defpath, "VOICE_API_URL": url}
    )
    await speak_next(pool)
    assert await asyncio.wait_for(running.wait(), 60) == 0
    assert soundfile.info(tmp_path / "king.mp3").format == "MP3"
