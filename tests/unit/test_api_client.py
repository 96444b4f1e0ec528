"""The client against the API's own description: every operation has a method, and what the API shows as an answer is parsed."""

import asyncio
import gzip
import inspect
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import bittensor as bt
import httpx
import pytest
from pydantic import SecretStr

from neurons.api_client.client import ApiUnavailable, VoiceApi
from scoring.errors import Code
from scoring.types import Block, BlockHash, EvaluationId, Hotkey, PublicKey, RoundNumber, SubmissionId, Uid
from tests.builders.addresses import ALICE
from voice_api.db.registry import RegisteredNeuron, RegistrySnapshot
from voice_api.db.submissions import NewSubmission
from voice_api.schemas.operations import (
    CodeWindow,
    EvaluationOrder,
    HostOrder,
    HostWindow,
    HotkeyOrder,
    Order,
    SubmissionOrder,
    Verb,
)
from voice_api.schemas.speech import SpeechIn
from voice_api.settings import ApiSettings
from voice_api.web import openapi
from voice_api.web.app import create_app

Call = Callable[[VoiceApi], Awaitable[object]]
DOCUMENT = create_app(
    ApiSettings(database_url=SecretStr("postgresql:///voice"), redis_url=SecretStr("redis://localhost"), hotkey=ALICE)
).openapi()
FOR_MACHINES = {"health_alive", "health_metrics", "speech_create"}
"""Asked by probes, by Prometheus, and by OpenAI's clients."""
FOR_PAGES = {
    *("competition_get", "evaluations_factors", "samples_derived"),
    *("votes_clip", "votes_read_agreement", "votes_show", "votes_vote"),
}
"""Asked by a browser, for people who look and listen."""
KEY, EVALUATION, SUBMISSION, HOTKEY = "a5" * 32, EvaluationId(3), SubmissionId(4), Hotkey("5G")
WINDOW = {"since": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2026, 1, 2, tzinfo=UTC), "reason": "x"}
NEURON = RegisteredNeuron(hotkey=HOTKEY, uid=Uid(1), coldkey="5C", registered_at_block=Block(1), immune_until_block=Block(2))
REFUSED = NewSubmission(
    hotkey=HOTKEY,
    public_key=PublicKey("a" * 64),
    commit_block=Block(1),
    tiebreak="b" * 64,
    commitment="?",
    code=Code.COMMITMENT_MALFORMED,
    reason="not a commitment",
)


def ordered(verb: Verb, order: Order) -> Call:
    """An order under a key."""
    return lambda api: api.order(verb, order, key="k")


CALLS: dict[str, Call] = {
    "leaderboard_leaderboard": lambda api: api.leaderboard(),
    "explain_get": lambda api: api.explain(Uid(1)),
    "duels_page": lambda api: api.duels(hotkey=HOTKEY),
    "duels_get": lambda api: api.duel("small", RoundNumber(3)),
    "submissions_add": lambda api: api.send_submissions([REFUSED]),
    "submissions_known": lambda api: api.known_commitments([(HOTKEY, Block(1))]),
    "submissions_page": lambda api: api.submissions(hotkey=HOTKEY),
    "submissions_get": lambda api: api.submission(SUBMISSION),
    "submissions_events": lambda api: api.events(SUBMISSION),
    "rounds_page": lambda api: api.rounds(after=RoundNumber(3)),
    "rounds_get": lambda api: api.round(RoundNumber(3)),
    "rounds_prompts": lambda api: api.prompts(RoundNumber(3)),
    "receipts_samples": lambda api: api.receipt_samples(KEY),
    "rounds_evidence": lambda api: api.evidence(RoundNumber(3)),
    "ledger_page": lambda api: api.ledger(after=RoundNumber(3), validator=HOTKEY),
    "ledger_get": lambda api: api.ledger_entry(RoundNumber(3), validator=HOTKEY),
    "weights_page": lambda api: api.weights(before=9, validator=HOTKEY),
    "weights_get": lambda api: api.weights_of(KEY),
    "evaluations_page": lambda api: api.evaluations(of_round=RoundNumber(3), submission=SUBMISSION),
    "evaluations_get": lambda api: api.evaluation(EVALUATION),
    "evaluations_samples": lambda api: api.samples(EVALUATION),
    "receipts_get": lambda api: api.receipt(KEY),
    "samples_get": lambda api: api.audio(KEY),
    "queue_page": lambda api: api.queue(),
    "validations_add": lambda api: api.validate(b"RIFF", "hello", "A woman speaks.", key="k"),
    "validations_get": lambda api: api.validation(UUID(int=1)),
    "speech_add": lambda api: api.say(SpeechIn(text="Hello.")),
    "speech_get": lambda api: api.speech(UUID(int=1)),
    "speech_audio": lambda api: api.speech_audio(UUID(int=1), "wav"),
    "errors_table": lambda api: api.codes(),
    "registry_replace": lambda api: api.send_registry(
        RegistrySnapshot(netuid=7, block=Block(1), block_hash=BlockHash("0x" + "1" * 64), neurons=(NEURON,))
    ),
    "operator_requeue": ordered(Verb.REQUEUE, EvaluationOrder(evaluation_id=EVALUATION, reason="x")),
    "operator_requeue_by_host": ordered(Verb.REQUEUE_BY_HOST, HostWindow(host="h", **WINDOW)),
    "operator_requeue_by_code": ordered(Verb.REQUEUE_BY_CODE, CodeWindow(code=Code.HUB_UNAVAILABLE, **WINDOW)),
    "operator_park": ordered(Verb.PARK, EvaluationOrder(evaluation_id=EVALUATION, reason="x")),
    "operator_release": ordered(Verb.RELEASE, EvaluationOrder(evaluation_id=EVALUATION, reason="x")),
    "operator_quarantine": ordered(Verb.QUARANTINE, SubmissionOrder(submission_id=SUBMISSION, reason="x")),
    "operator_confirm_copy": ordered(Verb.CONFIRM_COPY, SubmissionOrder(submission_id=SUBMISSION, reason="x")),
    "near_copies_get": lambda api: api.near_copy(SUBMISSION),
    "near_copies_page": lambda api: api.near_copies(),
    "operator_unquarantine": ordered(Verb.UNQUARANTINE, SubmissionOrder(submission_id=SUBMISSION, reason="x")),
    "operator_ban": ordered(Verb.BAN, HotkeyOrder(hotkey=HOTKEY, reason="x")),
    "operator_unban": ordered(Verb.UNBAN, HotkeyOrder(hotkey=HOTKEY, reason="x")),
    "operator_drain": ordered(Verb.DRAIN, HostOrder(host="h", reason="x")),
    "operator_undrain": ordered(Verb.UNDRAIN, HostOrder(host="h", reason="x")),
    "operator_stuck": lambda api: api.stuck(),
    "operator_workers": lambda api: api.workers(),
    "health_ready": lambda api: api.readiness(),
    "status_get": lambda api: api.status(),
}
"""How the client asks for each operation."""


@dataclass
class Described(httpx.AsyncBaseTransport):
    """Answers each request as the description shows, its last page at once; remembers which operation was asked for."""

    asked: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The example of the operation that the request is for."""
        operation = self._operation(request)
        self.asked.append(operation["operationId"])
        _check_request(request, operation)
        status = min(operation["responses"])
        content = next(iter(operation["responses"][status]["content"].items()))  # of a sound's formats any will do
        if content[0] != "application/json":
            return httpx.Response(int(status), content=b"fLaC")
        example = content[1]["example"]
        last_page = example | {"next": None} if "next" in example else example
        return httpx.Response(int(status), json=last_page)

    def _operation(self, request: httpx.Request) -> openapi.Json:
        for path, methods in sorted(DOCUMENT["paths"].items(), key=lambda item: "{" in item[0]):
            if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), request.url.path) and request.method.lower() in methods:
                found: openapi.Json = methods[request.method.lower()]
                return found
        raise AssertionError(f"{request.method} {request.url.path} is described nowhere")


def _check_request(request: httpx.Request, operation: openapi.Json) -> None:
    """The request says what the description asks for, and nothing else."""
    parameters = operation.get("parameters", [])
    known = {item["name"] for item in parameters if item["in"] == "query"}
    needed = {item["name"] for item in parameters if item["in"] == "query" and item["required"]}
    assert needed <= set(request.url.params) <= known
    assert ("x-bittensor-signature" in request.headers) == ("security" in operation)
    if "Idempotency-Key" in request.headers:
        assert "Idempotency-Key" in {item["name"] for item in parameters}
    if "requestBody" in operation:
        (kind,) = operation["requestBody"]["content"]
        assert request.headers["content-type"] == kind
        body = operation["requestBody"]["content"][kind]
        if kind == "application/json":
            assert set(json.loads(request.content)) == set(body["example"])


@pytest.fixture(scope="module")
def wallet(tmp_path_factory: pytest.TempPathFactory) -> bt.Wallet:
    """Anybody's."""
    made = bt.Wallet(name="anybody", hotkey="default", path=str(tmp_path_factory.mktemp("wallets")))
    made.create_new_hotkey(use_password=False, suppress=True)
    return made


def test_every_operation_has_a_method() -> None:
    """Nothing that the API serves to people or daemons is out of the client's reach, and every method is for something served."""
    served = {operation["operationId"] for _, operation in openapi.operations(DOCUMENT)}
    assert set(CALLS) == served - FOR_MACHINES - FOR_PAGES
    methods = {name for name, _ in inspect.getmembers(VoiceApi, inspect.iscoroutinefunction) if not name.startswith("_")}
    used = {name for call in CALLS.values() for name in _names(call)}
    assert methods - used == set()


@pytest.mark.parametrize("operation", CALLS)
def test_the_client_asks_and_reads_as_described(operation: str, wallet: bt.Wallet) -> None:
    """The method asks for its operation in the described form, and takes the described answer."""

    async def ask() -> list[str]:
        transport = Described()
        async with VoiceApi("http://voice.test", wallet, "5Api", transport=transport) as api:
            await CALLS[operation](api)
        return transport.asked

    assert asyncio.run(ask()) == [operation]


def _names(call: Call) -> set[str]:
    return set(call.__code__.co_names)


def test_the_description_holds_every_schema_by_example() -> None:
    """Each JSON body and each refusal has an example; refusals are problems with their own codes."""
    for method, operation in openapi.operations(DOCUMENT):
        for status, answer in operation["responses"].items():
            for kind, content in answer.get("content", {}).items():
                if kind == "application/json":
                    assert "example" in content, (operation["operationId"], status)
                if kind == "application/problem+json":
                    shown = [example["value"] for example in content["examples"].values()]
                    assert {example["status"] for example in shown} == {int(status)}
        if "security" in operation and method == "post":
            assert {"401", "403", "409", "413", "422", "429", "500", "503"} <= set(operation["responses"])


def test_every_operation_says_what_it_does() -> None:
    """Each has a sentence of its own, each parameter too, and signed ones name the scheme, which is described."""
    assert DOCUMENT["components"]["securitySchemes"]["btauth"]["description"].startswith("`btauth/1`")
    silent = [operation["operationId"] for _, operation in openapi.operations(DOCUMENT) if not operation.get("description")]
    assert silent == []


async def test_another_server_is_named_with_its_address() -> None:
    """A wrong port or host answers, too: no round is missing there, and nothing is refused."""
    transport = httpx.MockTransport(lambda _: httpx.Response(404, text="File not found"))
    async with VoiceApi("http://voice.test", transport=transport) as api:
        with pytest.raises(
            ApiUnavailable, match=r"http://voice\.test/v1/rounds/3/evidence answered 404, and not as a voice API does"
        ):
            await api.evidence(RoundNumber(3))


class Dripping(httpx.AsyncByteStream):
    """A body of pieces, each after a pause."""

    def __init__(self, pieces: int, pause: float) -> None:
        self._pieces, self._pause = pieces, pause

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self._pieces):
            await asyncio.sleep(self._pause)
            yield b" " * 100


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(lambda: httpx.Response(200, stream=Dripping(11, 0.0)), "with more than 1000 bytes", id="a body without end"),
        pytest.param(
            lambda: httpx.Response(200, content=gzip.compress(bytes(100_000)), headers={"Content-Encoding": "gzip"}),
            "with more than 1000 bytes",
            id="a small body that unpacks to a large one",
        ),
        pytest.param(
            lambda: httpx.Response(200, stream=Dripping(9, 0.1)), "did not end its answer in 0:00:00.2", id="a slow one"
        ),
        pytest.param(lambda: httpx.Response(200, content=b"[" * 900), "in a form that is not the API's", id="nested without end"),
    ],
)
async def test_an_answer_is_bounded(answer: Callable[[], httpx.Response], why: str) -> None:
    """Whatever another validator's API sends, its size, its time and its depth are bounded: it counts as an API that is away."""
    transport = httpx.MockTransport(lambda _: answer())
    brief = timedelta(seconds=0.2)
    async with VoiceApi("http://voice.test", transport=transport, most_bytes=1_000, longest_answer=brief) as api:
        with pytest.raises(ApiUnavailable, match=why):
            await api.rounds()


async def test_a_packed_answer_is_unpacked_once() -> None:
    """What a proxy compressed is read as what it was."""
    body = gzip.compress(b'{"items": [], "next": null}')
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers={"Content-Encoding": "gzip"}))
    async with VoiceApi("http://voice.test", transport=transport) as api:
        assert (await api.rounds()).items == ()
