"""The voice API over ASGI, on a real PostgreSQL and a real Redis, through its own client."""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import bittensor as bt
import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from neurons.api_client.client import ApiRefused, ApiUnavailable, VoiceApi
from scoring.errors import Code
from scoring.report import Gate
from scoring.types import Block, BlockHash, Hotkey, RoundNumber, SubmissionId, Uid, entrant
from tests.builders.ledger import a_ledger_entry
from tests.builders.ranking import a_record, a_state
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.ledger import Ledger
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.rounds import Rounds
from voice_api.db.states import EvaluationState, QueueName, SubmissionState, VerdictState
from voice_api.db.submissions import NewSubmission, Submissions
from voice_api.settings import ApiSettings
from voice_api.web.app import create_app
from voice_api.web.middleware import BODY_BYTES
from voice_api.web.route import IMMUTABLE

NewSubmissions = Callable[..., NewSubmission]
API = "http://voice.test"
NOWHERE = "postgresql://postgres@/voice?host=/nonexistent"


@pytest.fixture
def settings(api_settings: Callable[..., ApiSettings]) -> ApiSettings:
    """Settings that let the writer's wallet write."""
    return api_settings()


@pytest.fixture
async def transport(serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]], settings: ApiSettings) -> httpx.ASGITransport:
    """A running API."""
    return await serve(settings)


@pytest.fixture
async def api(transport: httpx.ASGITransport, writer: bt.Wallet, settings: ApiSettings) -> AsyncIterator[VoiceApi]:
    """The client of somebody who may write."""
    async with VoiceApi(API, writer, settings.hotkey, transport=transport) as client:
        yield client


@pytest.fixture
async def browser(transport: httpx.ASGITransport) -> AsyncIterator[httpx.AsyncClient]:
    """Anybody."""
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        yield client


def snapshot(block: int, *hotkeys: Hotkey) -> RegistrySnapshot:
    """A registry of some hotkeys."""
    neurons = tuple(
        RegisteredNeuron(
            hotkey=hotkey, uid=Uid(uid), coldkey=f"cold-{uid}", registered_at_block=Block(1), immune_until_block=Block(5000)
        )
        for uid, hotkey in enumerate(hotkeys)
    )
    return RegistrySnapshot(netuid=7, block=Block(block), block_hash=BlockHash(f"0x{block:064x}"), neurons=neurons)


async def test_registry_travels_whole_and_never_back(api: VoiceApi, pool: Pool) -> None:
    """A newer snapshot replaces the registry; one of the same or an earlier block changes nothing."""
    newer = snapshot(20, Hotkey("b"), Hotkey("a"))
    assert await api.send_registry(snapshot(10, Hotkey("a")))
    assert await api.send_registry(newer)
    assert not await api.send_registry(snapshot(20, Hotkey("c")))
    assert not await api.send_registry(snapshot(19, Hotkey("c")))
    assert await Registry(pool).latest() == newer


async def test_submissions_are_recorded_once(api: VoiceApi, new_submission: NewSubmissions, refused: NewSubmissions) -> None:
    """Sending a commitment again yields the same id and changes nothing; a refused one keeps its code and reason."""
    accepted, malformed = new_submission(), refused()
    ids = await api.send_submissions([accepted, malformed])
    before = await api.submissions()
    assert await api.send_submissions([malformed, accepted]) == ids[::-1]
    assert await api.submissions() == before
    assert [(item.state, item.code, item.reason) for item in before] == [
        (SubmissionState.QUEUED, None, None),
        (SubmissionState.REJECTED, Code.COMMITMENT_MALFORMED, "not a commitment"),
    ]


async def test_submissions_go_in_as_many_requests_as_it_takes(api: VoiceApi, new_submission: NewSubmissions) -> None:
    """More commitments than one request may carry all arrive, and are read back over several pages."""
    ids = await api.send_submissions([new_submission() for _ in range(520)])
    assert [item.id for item in await api.submissions()] == ids


async def test_paging_and_filters(
    api: VoiceApi, browser: httpx.AsyncClient, new_submission: NewSubmissions, refused: NewSubmissions
) -> None:
    """Pages follow each other by id, and filters narrow them."""
    one, other = new_submission(), refused()
    ids = await api.send_submissions([one, other, new_submission()])
    page = (await browser.get("/v1/submissions", params={"after": ids[0], "limit": 1})).json()
    assert ([item["id"] for item in page["items"]], page["next"]) == ([ids[1]], ids[1])
    rejected = (await browser.get("/v1/submissions", params={"state": "rejected"})).json()
    assert [item["id"] for item in rejected["items"]] == [ids[1]]
    assert [item.id for item in await api.submissions(hotkey=one.hotkey)] == [ids[0]]


async def test_submission_shows_its_evaluations_and_reasons(
    api: VoiceApi, pool: Pool, open_round: Callable[..., Awaitable[list[SubmissionId]]], verdict: Callable[..., Verdict]
) -> None:
    """A rejected submission says why, and which evaluation found it."""
    (submission_id,) = await open_round(3)
    queue = EvaluationQueue(pool)
    claim = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim
    await queue.finish(claim, verdict(state=VerdictState.REJECTED, code=Code.FILE_NOT_ALLOWED, reason="model.pkl", report=None))
    detail = await api.submission(submission_id)
    (evaluation,) = detail.evaluations
    assert (detail.state, detail.code, detail.reason, detail.score) == ("rejected", Code.FILE_NOT_ALLOWED, "model.pkl", 0)
    assert (evaluation.round, evaluation.state, evaluation.code) == (3, EvaluationState.REJECTED, Code.FILE_NOT_ALLOWED)


async def test_leaderboard_is_the_ledgers(
    api: VoiceApi,
    browser: httpx.AsyncClient,
    pool: Pool,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    verdict: Callable[..., Verdict],
    refused: NewSubmissions,
    receiver: bt.Wallet,
) -> None:
    """First the king of the API's own validator, then by the score of all rounds; then the unregistered, then who was refused."""
    ids = await open_round(1, submissions=3)
    await Submissions(pool).add([refused(hotkey=Hotkey("<script>"))])
    hotkeys = [(await api.submission(key)).hotkey for key in ids]
    await api.send_registry(snapshot(10, hotkeys[0], hotkeys[1]))
    queue, report = EvaluationQueue(pool), verdict().report
    assert report
    for _ in ids:
        claim = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=1))
        assert claim
        await queue.finish(claim, verdict(family="vits", track="small"))
    await Rounds(pool).close(RoundNumber(1))
    records = tuple(
        a_record(100, score, entrant=entrant(hotkey, Block(100)), hotkey=hotkey, commit_block=Block(100))
        for hotkey, score in zip(hotkeys[:2], (0.8, 0.6), strict=True)
    )
    king = a_ledger_entry(state=a_state(round=RoundNumber(1), king=entrant(hotkeys[1], Block(100)), records=records))
    await Ledger(pool, Hotkey(receiver.hotkey.ss58_address)).append(king)
    await Ledger(pool, Hotkey("another validator")).append(a_ledger_entry(king=entrant(hotkeys[0], Block(100))))
    rows = await api.leaderboard()
    assert [(row.rank, row.king, row.score, row.last_score, row.submission and row.submission.id) for row in rows[:3]] == [
        (1, True, 600_000, 700_000, ids[1]),
        (2, False, 800_000, 700_000, ids[0]),
        (None, False, None, 700_000, ids[2]),
    ]
    assert (rows[3].reason, rows[3].hotkey) == ("not a commitment", "<script>")
    page = await browser.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "0.8000" in page.text and "♛" in page.text and "not a commitment" in page.text
    assert (
        "&lt;script" in page.text
        and "<script>" not in page.text
        and "http" not in page.text.replace("https://huggingface.co/", "")
    )


async def test_a_submission_has_a_page_that_says_why(
    browser: httpx.AsyncClient,
    pool: Pool,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    verdict: Callable[..., Verdict],
) -> None:
    """What was heard in each sample, and in its guest's words why one failed; markup in them stays text."""
    (submission_id,) = await open_round(3)
    queue, report = EvaluationQueue(pool), verdict().report
    assert report
    heard, other = report.samples
    why = "RuntimeError: <script>alert(1)</script>"
    failed = replace(other, gate=Gate.GENERATION_FAILED, pcm_sha256="", reason=why)
    claim = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim
    told = replace(report, samples=(replace(heard, heard="take the silver ring"), failed))
    await queue.finish(claim, verdict(report=told, family="vits", track="small"))
    assert [(row.heard, row.reason) for row in await queue.samples(claim.evaluation_id)] == [
        ("take the silver ring", ""),
        ("", why),
    ]
    page = await browser.get(f"/submissions/{submission_id}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "take the silver ring" in page.text and "generation failed" in page.text and "vits, small" in page.text
    assert "RuntimeError: &lt;script&gt;" in page.text and "<script>" not in page.text
    assert f'href="/submissions/{submission_id}"' in (await browser.get("/")).text
    assert (await browser.get("/submissions/999")).status_code == 404


async def test_what_was_noticed_about_a_sample_is_told(
    browser: httpx.AsyncClient,
    pool: Pool,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    verdict: Callable[..., Verdict],
) -> None:
    """A flag of the receipt stands on its own sample, in /v1 with its number and on the page in words; the others have none.

    A kind that this release does not know is left out: the page of a worker that lies, or of another release, is still a page.
    """
    (submission_id,) = await open_round(3)
    queue, report = EvaluationQueue(pool), verdict().report
    assert report
    first, other = (sample.prompt_id for sample in report.samples)
    claim = await queue.claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim
    noticed = {
        "score": 700_000,
        "flags": [[other, "repeated", 0.83, first], [other, "constant", 0.5, ""], [other, "yodelled", 1, ""]],
    }
    await queue.finish(claim, verdict(receipt=noticed, family="vits", track="small"))
    shown = (await browser.get(f"/v1/evaluations/{claim.evaluation_id}/samples")).json()["items"]
    assert [[(flag["kind"], flag["value"], flag["other"]) for flag in sample["flags"]] for sample in shown] == [
        [],
        [("repeated", 0.83, first), ("constant", 0.5, "")],
    ]
    page = (await browser.get(f"/submissions/{submission_id}")).text
    assert f"83% of it is the same recording as in {first}" in page and "What is noticed changes no score" in page


LIES = (
    [["p2", "repeated", "abc", ""]],
    [["p2", "repeated", None, ""]],
    [["p2", "repeated", 10**400, ""]],
    [["p2", "repeated", 0.5, "<a> of nowhere"]],
    [["p2", "repeated", 0.5, "\0"]],
    [["p2"], [], "x", {"a": 1}, 7, None],
    {"a": 1},
    "text",
    7,
)
"""Flags as no judge writes them."""


async def test_flags_of_another_form_are_none(
    browser: httpx.AsyncClient,
    pool: Pool,
    open_round: Callable[..., Awaitable[list[SubmissionId]]],
    verdict: Callable[..., Verdict],
) -> None:
    """Whatever a worker that lies puts there, the samples are shown; of a kind that it repeats without end, one is told."""
    (submission_id,) = await open_round(3)
    claim = await EvaluationQueue(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1))
    assert claim
    samples = f"/v1/evaluations/{claim.evaluation_id}/samples"
    await EvaluationQueue(pool).finish(claim, verdict(receipt={"score": 700_000, "flags": []}, family="vits", track="small"))
    for lie in (*LIES, [["p2", "constant", 0.5, ""]] * 1_000):
        async with pool.connection() as connection:
            receipt = json.dumps({"score": 700_000, "flags": lie})
            await connection.execute(
                "update evaluations set receipt = $1::text::json where id = $2", receipt, claim.evaluation_id
            )
        shown = (await browser.get(samples)).json()["items"]
        told = [(flag["kind"], flag["value"]) for sample in shown for flag in sample["flags"]]
        assert told == ([("constant", 0.5)] if lie not in LIES else [])
        assert (await browser.get(f"/submissions/{submission_id}")).status_code == 200


async def test_the_table_of_codes_is_a_page(browser: httpx.AsyncClient) -> None:
    """Every code is there; the reference leads to it."""
    page = await browser.get("/docs/codes")
    assert [code for code in Code if f"<td>{code.value}</td>" not in page.text] == []
    assert 'href="/docs/codes"' in (await browser.get("/docs")).text


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/codes"])
async def test_a_page_loads_only_from_where_it_came_from(browser: httpx.AsyncClient, path: str) -> None:
    """Nothing is written into it that could run or style, and each file that it names is there, to be kept for ever."""
    page = await browser.get(path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<style" not in page.text and "style=" not in page.text and "<script>" not in page.text
    files = set(re.findall(r'(?:src|href)="(/(?:static|docs/viewer)/[^"]+)"', page.text))
    assert {name.rpartition(".")[2] for name in files} == {"css", "js", "svg"}
    for name in files:
        answer = await browser.get(name)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, IMMUTABLE)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/static/0123456789abcdef/pages.css", id="another release's"),
        pytest.param("/static/0123456789abcdef/none.css", id="none of ours"),
        pytest.param("/static/0123456789abcdef/..%2fpages.css", id="outside"),
        pytest.param("/docs/viewer/0123456789abcdef/swagger-ui.css", id="another viewer's"),
        pytest.param("/docs/viewer/0123456789abcdef/redoc.standalone.js", id="beside the viewer"),
    ],
)
async def test_no_other_file_is_served(browser: httpx.AsyncClient, path: str) -> None:
    """A file is served under its content's hash alone, and nothing beside the files of the pages."""
    assert (await browser.get(path)).status_code in (404, 422)


async def test_queue_is_shown_in_the_order_of_service(
    api: VoiceApi, open_round: Callable[..., Awaitable[list[SubmissionId]]]
) -> None:
    """What waits is listed with its position."""
    ids = await open_round(submissions=3)
    assert [(row.position, row.submission_id) for row in await api.queue()] == [(n, key) for n, key in enumerate(ids, 1)]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "/v1/submissions/999", 404, Code.NOT_FOUND, id="no such submission"),
        pytest.param("GET", "/v1/nothing", 404, Code.NOT_FOUND, id="no such path"),
        pytest.param("GET", "/v1/submissions/abc", 422, Code.REQUEST_INVALID, id="not an id"),
        pytest.param("GET", "/v1/submissions?limit=0", 422, Code.REQUEST_INVALID, id="limit out of range"),
        pytest.param("GET", "/v1/submissions?after=99999999999999999999", 422, Code.REQUEST_INVALID, id="larger than any id"),
        pytest.param("GET", "/v1/submissions?state=happy", 422, Code.REQUEST_INVALID, id="no such state"),
        pytest.param("DELETE", "/v1/submissions", 405, Code.REQUEST_INVALID, id="wrong method"),
    ],
)
async def test_errors_are_problems(browser: httpx.AsyncClient, method: str, path: str, status: int, code: Code) -> None:
    """Every refusal is problem+json with its stable code, the request's id, and headers that stop browsers from guessing."""
    response = await browser.request(method, path)
    body = response.json()
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:voice:problem:{code.slug}")
    assert (body["request_id"], response.headers["x-content-type-options"]) == (response.headers["x-request-id"], "nosniff")


async def test_body_too_large(browser: httpx.AsyncClient, settings: ApiSettings) -> None:
    """A body above the limit is refused, whether or not its length is declared."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(BODY_BYTES // 1024 + 1):
            yield b"x" * 1024

    declared = await browser.post("/v1/submissions", content=b"x" * (BODY_BYTES + 1))
    streamed = await browser.post("/v1/submissions", content=chunks())
    assert [(answer.status_code, answer.json()["code"]) for answer in (declared, streamed)] == [(413, Code.BODY_TOO_LARGE)] * 2


async def test_refusals_reach_the_caller_with_their_code(api: VoiceApi) -> None:
    """What the API refuses is an ApiRefused with the API's own code."""
    with pytest.raises(ApiRefused) as refusal:
        await api.submission(SubmissionId(999))
    assert (refusal.value.code, refusal.value.detail) == (Code.NOT_FOUND, "there is no submission 999")


async def test_database_outage_is_a_problem(
    api_settings: Callable[..., ApiSettings], serve: Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]
) -> None:
    """While the database is away a reader gets a 503 without an address, and the client calls it unavailable."""
    transport = await serve(api_settings(database_url=SecretStr(NOWHERE)))
    async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
        response = await browser.get("/v1/leaderboard")
    assert (response.status_code, response.json()["code"], "nonexistent" in response.text) == (
        503,
        Code.DATABASE_UNAVAILABLE,
        False,
    )
    async with VoiceApi(API, transport=transport) as client:
        with pytest.raises(ApiUnavailable):
            await client.leaderboard()


async def test_bug_shows_nothing(settings: ApiSettings) -> None:
    """A bug answers 500 with the stable code and no word of its message."""
    app = create_app(settings)

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("postgresql://user:password@host")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    with capture_logs() as logs:
        async with httpx.AsyncClient(base_url=API, transport=transport) as browser:
            response = await browser.get("/bug")
    assert (response.status_code, response.json()["code"], "password" in response.text) == (500, Code.INTERNAL, False)
    assert [(entry["event"], entry["path"]) for entry in logs] == [("request failed", "/bug")]


async def test_unreachable_api() -> None:
    """No answer at all is unavailability, told in one line without a traceback's worth of detail."""
    async with VoiceApi("http://127.0.0.1:9", timeout=2.0) as client:
        with pytest.raises(ApiUnavailable, match="cannot be reached"):
            await client.queue()
