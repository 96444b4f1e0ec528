"""What anybody may read: rounds, evaluations, receipts, audio and the table of codes, with validators for caches."""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest
import soundfile
from pydantic import SecretStr

from neurons.api_client.client import ApiRefused, VoiceApi
from scoring.audio.spoken import Spoken
from scoring.errors import Blame, Code
from scoring.receipts.receipt import Signed, digest
from scoring.receipts.store import StoreLayout
from scoring.store.folder import FolderFiles
from scoring.store.place import S3Place
from scoring.types import EvaluationId, RoundNumber, SubmissionId
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.states import EvaluationState, QueueName, RoundState
from voice_api.schemas import LeaderboardOut
from voice_api.schemas.errors import CodeRow, Retry
from voice_api.settings import ApiSettings
from workers.evaluation.audio_store import EvidenceStore

if TYPE_CHECKING:
    from tests.integration.conftest import ValidatorBed

Serve = Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
OpenRound = Callable[..., Awaitable[list[SubmissionId]]]
API = "http://voice.test"
SPOKEN = Spoken(prompt_id="p1", rate=24_000, pcm=(np.sin(np.arange(24_000) / 20) * 9_000).astype("<i2").tobytes(), seconds=1.0)


@pytest.fixture
async def transport(serve: Serve, api_settings: Callable[..., ApiSettings], tmp_path: Path) -> httpx.ASGITransport:
    """A running API beside a store of its own."""
    return await serve(api_settings(store_place=tmp_path))


@pytest.fixture
async def api(transport: httpx.ASGITransport) -> AsyncIterator[VoiceApi]:
    """The client of somebody who reads."""
    async with VoiceApi(API, transport=transport) as client:
        yield client


@pytest.fixture
async def browser(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody."""
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        yield client


async def test_rounds_one_by_one_and_in_pages(api: VoiceApi, open_round: OpenRound) -> None:
    """Rounds come oldest first; `next` leads to the rest, and round 0 is one of them."""
    for number in (0, 1, 2):
        await open_round(number, submissions=number + 1)
    first = await api.rounds(limit=2)
    rest = await api.rounds(after=first.next)
    assert [item.round for item in first.items + rest.items] == [0, 1, 2]
    assert (first.next, rest.next) == (1, None)
    one = await api.round(RoundNumber(2))
    assert (one, one.state, one.pending) == (rest.items[0], RoundState.OPEN, 3)


async def test_evaluations_by_round_and_by_submission(api: VoiceApi, open_round: OpenRound) -> None:
    """Filters narrow the pages, and one evaluation is what its page says."""
    ids = await open_round(1, submissions=3)
    await open_round(2, submissions=1)
    page = await api.evaluations(limit=2, of_round=RoundNumber(1))
    rest = await api.evaluations(after=page.next or 0, of_round=RoundNumber(1))
    assert [item.submission_id for item in page.items + rest.items] == ids
    (only,) = (await api.evaluations(submission=ids[1])).items
    assert (only.round, only.state) == (1, EvaluationState.QUEUED)
    assert await api.evaluation(only.id) == only
    assert len((await api.evaluations()).items) == 4


async def test_samples_of_a_scored_evaluation(
    api: VoiceApi, browser: httpx.AsyncClient, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """Samples come in the round's own order, page by page."""
    evaluation_id = await judged(pool, open_round, verdict())
    found = await api.samples(evaluation_id)
    assert [(sample.position, sample.prompt_id, sample.score) for sample in found] == [(0, "p1", 750_000), (1, "p2", 650_000)]
    page = (await browser.get(f"/v1/evaluations/{evaluation_id}/samples", params={"limit": 1})).json()
    rest = (await browser.get(f"/v1/evaluations/{evaluation_id}/samples", params={"after": page["next"]})).json()
    assert ([item["position"] for item in page["items"] + rest["items"]], rest["next"]) == ([0, 1], None)


async def test_a_downloaded_receipt_is_what_was_signed(
    api: VoiceApi, browser: httpx.AsyncClient, pool: Pool, open_round: OpenRound, verdict: Callable[..., Verdict]
) -> None:
    """The body is the receipt's file: it hashes to its name, spelt as it was stored."""
    said = {"score": 700_000, "timings": {"speak": 0.1 + 0.2}, "z": "ü\u2028", "a": 1e-07}
    name = digest(said)
    certificate = {"service": "5S", "host": "bench", "issuer": "5V", "not_before": "2026-01-01T00:00:00+00:00"}
    await judged(pool, open_round, verdict(receipt=said, receipt_hash=name, certificate=certificate))
    body = json.loads(await api.receipt(name))
    assert digest(body["receipt"]) == name
    assert (body["receipt"], body["certificate"], body["signature"]) == (said, certificate, "5" * 128)
    answer = await browser.get(f"/v1/receipts/{name}")
    assert "immutable" in answer.headers["cache-control"]
    with pytest.raises(ApiRefused) as refusal:
        await api.receipt("0" * 64)
    assert refusal.value.code is Code.NOT_FOUND


async def test_audio_whole_and_in_parts(api: VoiceApi, browser: httpx.AsyncClient, tmp_path: Path) -> None:
    """A sample's FLAC is served as it is kept, by range if asked, and never changes."""
    name = keep(tmp_path)
    flac = StoreLayout(tmp_path).audio(name).read_bytes()
    assert await api.audio(name) == flac
    whole = await browser.get(f"/v1/samples/{name}")
    assert (whole.status_code, whole.headers["content-type"], whole.headers["accept-ranges"]) == (200, "audio/flac", "bytes")
    assert "immutable" in whole.headers["cache-control"]
    samples, rate = soundfile.read(StoreLayout(tmp_path).audio(name), dtype="int16")
    assert (samples.tobytes(), rate) == (SPOKEN.pcm, SPOKEN.rate)


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        pytest.param("bytes=0-3", 0, 3, id="the beginning"),
        pytest.param("bytes=4-", 4, -1, id="from a place on"),
        pytest.param("bytes=-7", -7, -1, id="the end"),
        pytest.param("bytes=10-999999999", 10, -1, id="beyond the end"),
    ],
)
async def test_a_range_is_served_as_asked(browser: httpx.AsyncClient, tmp_path: Path, asked: str, first: int, last: int) -> None:
    """206 with exactly those bytes, and which they are."""
    name = keep(tmp_path)
    flac = StoreLayout(tmp_path).audio(name).read_bytes()
    begin, end = first % len(flac), last % len(flac)
    answer = await browser.get(f"/v1/samples/{name}", headers={"Range": asked})
    assert (answer.status_code, answer.content) == (206, flac[begin : end + 1])
    assert answer.headers["content-range"] == f"bytes {begin}-{end}/{len(flac)}"


async def test_a_store_that_is_away_is_an_outage(serve: Serve, api_settings: Callable[..., ApiSettings]) -> None:
    """503 with the code of the store, to be tried again: nobody is told that the audio is not there."""
    keys = {"s3_endpoint": "http://127.0.0.1:9", "s3_access_key": SecretStr("any"), "s3_secret_key": SecretStr("any")}
    transport = await serve(api_settings(store_place=S3Place("evidence", "store"), **keys))
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        for path in ("", "/opus"):
            answer = await client.get(f"/v1/samples/{'0' * 64}{path}")
            assert (answer.status_code, answer.json()["code"]) == (503, Code.STORE_UNAVAILABLE)
            assert answer.headers["retry-after"] == "5"
            assert "evidence/" not in answer.text  # where it is kept is the operator's affair


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=5-4", "bytes=-0"])
async def test_a_range_outside_the_file(browser: httpx.AsyncClient, tmp_path: Path, asked: str) -> None:
    """416, coded, with the size."""
    name = keep(tmp_path)
    size = StoreLayout(tmp_path).audio(name).stat().st_size
    answer = await browser.get(f"/v1/samples/{name}", headers={"Range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, Code.REQUEST_INVALID)
    assert answer.headers["content-range"] == f"bytes */{size}"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Range": "bytes=0-1,4-5"}, id="several ranges"),
        pytest.param({"Range": "lines=1-2"}, id="another unit"),
        pytest.param({"Range": "bytes=0-1", "If-Range": '"other"'}, id="of another version"),
    ],
)
async def test_what_is_answered_by_the_whole(browser: httpx.AsyncClient, tmp_path: Path, headers: dict[str, str]) -> None:
    """A range that is not served in parts is ignored, as HTTP has it."""
    name = keep(tmp_path)
    answer = await browser.get(f"/v1/samples/{name}", headers=headers)
    assert (answer.status_code, len(answer.content)) == (200, StoreLayout(tmp_path).audio(name).stat().st_size)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        pytest.param("0" * 64, 404, Code.NOT_FOUND, id="not kept"),
        pytest.param("0" * 63, 422, Code.REQUEST_INVALID, id="too short"),
        pytest.param("A" * 64, 422, Code.REQUEST_INVALID, id="upper case"),
        pytest.param("..%2f" * 12 + "aaaa", 404, Code.NOT_FOUND, id="a path"),
    ],
)
async def test_audio_that_is_not_there(browser: httpx.AsyncClient, name: str, status: int, code: Code) -> None:
    """A coded refusal without a path of ours."""
    answer = await browser.get(f"/v1/samples/{name}")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "/" not in answer.json()["detail"]


async def test_codes_name_blame_retry_and_status(api: VoiceApi) -> None:
    """Every code is in the table once."""
    rows = await api.codes()
    assert [row.code for row in rows] == sorted(Code)
    assert [row for row in rows if row.code is Code.RATE_LIMITED] == [
        CodeRow(
            code=Code.RATE_LIMITED,
            name="rate-limited",
            meaning="Too many requests.",
            advice="Wait as long as Retry-After says, then send it again.",
            blame=Blame.PLATFORM,
            retry=Retry.LATER,
            status=429,
        )
    ]


async def test_a_cache_asks_before_it_reads_again(browser: httpx.AsyncClient, open_round: OpenRound) -> None:
    """The ETag of a body that is the same answers 304 without it, and stops when the body changes."""
    await open_round(1)
    first = await browser.get("/v1/rounds")
    etag = first.headers["etag"]
    assert (etag.startswith('"'), first.headers["cache-control"]) == (True, "no-cache")
    for asked in (etag, f'W/{etag}, "x"', "*"):
        again = await browser.get("/v1/rounds", headers={"If-None-Match": asked})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    await open_round(2)
    changed = await browser.get("/v1/rounds", headers={"If-None-Match": etag})
    assert (changed.status_code, changed.headers["etag"] == etag) == (200, False)


async def test_errors_are_not_kept_by_caches(browser: httpx.AsyncClient) -> None:
    """A refusal has no validator and is not stored."""
    answer = await browser.get("/v1/rounds/7")
    assert (answer.status_code, answer.json()["code"]) == (404, Code.NOT_FOUND)
    assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)


async def judged(pool: Pool, open_round: OpenRound, verdict: Verdict) -> EvaluationId:
    """Open a round and end its one evaluation so."""
    await open_round(3)
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim
    await queue.finish(claim, verdict)
    return claim.evaluation_id


def keep(store: Path) -> str:
    """Keep a second of sound as a worker does; the name that it has."""
    EvidenceStore(FolderFiles(store)).keep_audio(SPOKEN)
    return hashlib.sha256(SPOKEN.pcm).hexdigest()


async def test_a_downloaded_receipt_passes_verify(
    api: VoiceApi, stack: "ValidatorBed", open_round: OpenRound, tmp_path: Path
) -> None:
    """`voice verify` takes the body of a worker's receipt as its file; one changed digit, and it does not hold."""
    await open_round(3)
    claim = await stack.claim()
    verdict = stack.verdict(claim, 700_000)
    await EvaluationQueue(stack.pool).finish(claim, verdict)
    name = verdict.receipt_hash
    body = await api.receipt(name)
    assert Signed.from_bytes(body) == Signed(verdict.receipt, verdict.signature, stack.worker.certificate)
    (tmp_path / f"{name}.json").write_bytes(body)
    assert await asyncio.to_thread(verified, tmp_path / f"{name}.json") == 0
    (tmp_path / f"{name}.json").write_bytes(body.replace(b'"round": 3', b'"round": 4').replace(b'"round":3', b'"round":4'))
    assert await asyncio.to_thread(verified, tmp_path / f"{name}.json") == 1


def verified(file: Path) -> int:
    """How `voice verify` of the receipt in itself ends."""
    command = [sys.executable, "-m", "neurons.cli", "verify", str(file), "--level", "1", "--json"]
    return subprocess.run(command, capture_output=True, check=False, timeout=100).returncode


async def test_what_happened_to_a_submission(api: VoiceApi, browser: httpx.AsyncClient, open_round: OpenRound) -> None:
    """Step by step, oldest first, in pages that caches may ask again about; nothing of a submission that is not there."""
    [submission] = await open_round(1)
    path = f"/v1/submissions/{submission}/events"
    first = await browser.get(path, params={"limit": 1})
    rest = await browser.get(path, params={"limit": 1, "after": first.json()["next"]})
    assert (rest.json()["next"], first.json()["items"] + rest.json()["items"]) == (
        None,
        [event.model_dump(mode="json") for event in await api.events(submission)],
    )
    assert [(event.kind, event.from_state, event.to_state, event.actor) for event in await api.events(submission)] == [
        ("submission", None, "queued", "api"),
        ("evaluation", None, "queued", "validator"),
    ]
    again = await browser.get(path, params={"limit": 1}, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.headers["Cache-Control"], again.status_code) == ("no-cache", 304)
    with pytest.raises(ApiRefused) as refused:
        await api.events(SubmissionId(99))
    assert refused.value.code is Code.NOT_FOUND


async def test_the_table_is_written_as_its_schema_has_it(browser: httpx.AsyncClient, open_round: OpenRound) -> None:
    """Field by field, in the schema's order and no other, whichever way its bytes come about."""
    await open_round(1, submissions=2)
    answer = await browser.get("/v1/leaderboard?limit=7")
    table = LeaderboardOut.model_validate_json(answer.content)
    assert (len(table.rows), table.model_dump_json().encode()) == (2, answer.content)
