"""Who may have a recording judged, and what of it is refused before a row is written."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import bittensor as bt
import httpx
import pytest
from bittensor import http_auth

from neurons.api_client.client import ApiRefused
from scoring.errors import Code
from tests.integration.recordings import DESCRIPTION, TEXT, Miner, wav
from voice_api.db.database import Pool
from voice_api.db.states import QueueName
from voice_api.db.validations import MOST_OPEN, Validations
from voice_api.settings import ApiSettings


@pytest.fixture
async def miner(
    pool: Pool,
    writer: bt.Wallet,
    api_settings: Callable[..., ApiSettings],
    serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]],
) -> AsyncIterator[Miner]:
    """Nobody's writer, only registered; uploads are at most a mebibyte."""
    settings = api_settings(writers=(), upload_bytes=1 << 20)
    async with Miner(pool, settings, writer, await serve(settings)) as registered:
        yield registered


@pytest.mark.parametrize(
    ("upload", "text", "status", "code"),
    [
        pytest.param(b"", TEXT, 422, Code.AUDIO_INVALID, id="nothing"),
        pytest.param(b"ID3 and so on", TEXT, 422, Code.AUDIO_INVALID, id="another format"),
        pytest.param(wav(bytes(100)), " …!? ", 422, Code.TEXT_INVALID, id="no word"),
        pytest.param(wav(bytes(100)), "", 422, Code.REQUEST_INVALID, id="no text"),
        pytest.param(wav(bytes(100)), "a" * 501, 422, Code.REQUEST_INVALID, id="a text too long"),
        pytest.param(wav(bytes(100)), "a\0b", 422, Code.REQUEST_INVALID, id="NUL in the text"),
        pytest.param(wav(bytes(1 << 20)), TEXT, 413, Code.BODY_TOO_LARGE, id="a file too large"),
    ],
)
async def test_what_can_be_told_at_once_is_refused_at_once(
    miner: Miner, upload: bytes, text: str, status: int, code: Code
) -> None:
    """With a code, before a row is written."""
    answer = await miner.post(upload, text)
    assert (answer.status_code, answer.json()["code"], await miner.uploads()) == (status, code, [])


async def test_only_registered_hotkeys_ask(miner: Miner, stranger: bt.Wallet) -> None:
    """A stranger, nobody at all, and a signature over another text or another file write nothing."""
    upload = wav(bytes(100))
    answers = [
        await miner.post(upload, sign_as=stranger),
        await miner.browser.post("/v1/validations", params={"text": TEXT, "description": DESCRIPTION}, content=upload),
        await miner.post(upload, "The words of somebody else.", signed_text=TEXT),
        await miner.post(upload, headers={http_auth.HEADER_NONCE: "1"}),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, Code.NOT_ALLOWED),
        *[(401, Code.NOT_AUTHENTICATED)] * 3,
    ]
    assert await miner.uploads() == []


async def test_ten_wait_at_most(miner: Miner) -> None:
    """Asked at the same time as much as one after another; when one has ended the next may come."""
    answers = await asyncio.gather(*(miner.post(wav(bytes(2 * n))) for n in range(MOST_OPEN + 3)))
    assert sorted(answer.status_code for answer in answers) == [202] * MOST_OPEN + [409] * 3
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {Code.STATE_CONFLICT}
    claim = await Validations(miner.pool).claim(QueueName.CPU, "w", timedelta(seconds=9))
    assert claim is not None
    await Validations(miner.pool).fail(claim, Code.AUDIO_INVALID, "no sound")
    with pytest.raises(ApiRefused, match="waiting already"):
        for _ in range(2):
            await miner.api.validate(wav(bytes(100)), TEXT, DESCRIPTION)
    assert len(await miner.uploads()) == MOST_OPEN + 1


async def test_the_same_request_is_one_recording(miner: Miner) -> None:
    """Sent again under its Idempotency-Key it is answered as before, with where to look."""
    first, again = [await miner.post(wav(bytes(100)), headers={"Idempotency-Key": "take-1"}) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (202, 202, first.json())
    assert first.headers["Location"] == again.headers["Location"] == f"/v1/validations/{first.json()['id']}"
    assert len(await miner.uploads()) == 1


async def test_reading_takes_the_id_and_no_more(miner: Miner) -> None:
    """An id that nobody got is not found; what is no id is no request."""
    asked = (await miner.post(wav(bytes(100)))).json()
    assert (await miner.browser.get(f"/v1/validations/{asked['id']}")).json() == asked
    answers = [await miner.browser.get(f"/v1/validations/{name}") for name in (uuid4(), "1")]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (404, Code.NOT_FOUND),
        (422, Code.REQUEST_INVALID),
    ]
