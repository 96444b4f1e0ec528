"""Whatever the API's own description admits, and much that it does not: no answer is a 5xx, and each is as described.

The number of cases is VOICE_FUZZ_CASES; `make test-slow` and `make test-chaos` ask for thousands.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import bittensor as bt
import pytest
import requests
import schemathesis
import uvicorn
from bittensor import http_auth
from hypothesis import HealthCheck, Phase, given, seed, settings
from pydantic import Field
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scoring.errors import Code
from scoring.types import Block, BlockHash, Hotkey, Uid
from voice_api.db.database import Pool
from voice_api.db.evaluations import Verdict
from voice_api.db.queue import EvaluationQueue
from voice_api.db.registry import RegisteredNeuron, Registry, RegistrySnapshot
from voice_api.db.states import QueueName
from voice_api.settings import ApiSettings, ProcessSettings
from voice_api.web.app import create_app

pytestmark = [pytest.mark.fuzz, pytest.mark.timeout(280)]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
WRITES = frozenset({"post", "put", "patch", "delete"})
IDS = ("submission_id", "evaluation_id", "round_number")
PLENTY = 1_000_000
"""Requests a minute: what is tried here is not the limit."""
FUZZ = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
_TIMEOUT = 20.0
OPEN = frozenset({"POST /v1/audio/speech", "POST /v1/speech", "POST /v1/votes", "POST /v1/votes/pairs"})
"""Writes that take no signature, and have budgets of their own. Here nobody has a voice to speak with, and no clip to vote on."""


class Fuzz(ProcessSettings):
    """How much is tried."""

    cases: int = Field(default=400, ge=20, validation_alias="VOICE_FUZZ_CASES")


class Signed(AuthBase):
    """Signs a request as the last thing that happens to it before it is sent."""

    def __init__(self, wallet: bt.Wallet, receiver: str) -> None:
        self._wallet, self._receiver = wallet, receiver

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        body = r.body.encode() if isinstance(r.body, str) else bytes(r.body or b"")  # type: ignore[arg-type]  # never a stream here
        path, method = r.path_url, r.method or ""
        r.headers.update(http_auth.sign(self._wallet, method=method, path=path, body=body, receiver_ss58=self._receiver))
        return r


@dataclass
class Tried:
    """How often which operation was answered with which status, and how often with which code."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    codes: Counter[Code] = field(default_factory=Counter)

    @property
    def by_status(self) -> Counter[int]:
        """How often, over all operations."""
        counts: Counter[int] = Counter()
        for (_, status), count in self.answers.items():
            counts[status] += count
        return counts


@pytest.fixture
def api(
    api_settings: Callable[..., ApiSettings], writer: bt.Wallet, filled: None, tmp_path: Path
) -> Iterator[tuple[str, dict[str, Any]]]:
    """A served API in which `writer` may do everything: its address, and its description."""
    every = (writer.hotkey.ss58_address,)
    configured = api_settings(
        operators=every,
        writers=every,
        rate_per_minute=PLENTY,
        rate_address_per_minute=PLENTY,
        store_place=tmp_path / "store",
        speech=True,
    )
    app = create_app(configured)
    with _served(app) as url:
        yield url, app.openapi()


@contextmanager
def _served(app: Any) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
async def filled(
    pool: Pool,
    writer: bt.Wallet,
    open_round: Callable[..., Awaitable[list[int]]],
    verdict: Callable[..., Verdict],
) -> None:
    """A database with something of everything: `writer` is registered, an evaluation scored, one running, one waiting."""
    hotkey = Hotkey(writer.hotkey.ss58_address)
    neuron = RegisteredNeuron(
        hotkey=hotkey, uid=Uid(1), coldkey="coldkey", registered_at_block=Block(0), immune_until_block=Block(0)
    )
    await Registry(pool).replace(
        RegistrySnapshot(netuid=1, block=Block(1), block_hash=BlockHash("0x" + "1" * 64), neurons=(neuron,))
    )
    await open_round(number=1, submissions=3)
    queue = EvaluationQueue(pool)
    for number in range(2):
        claim = await queue.claim(QueueName.CPU, "worker", timedelta(hours=1), "host")
        assert claim is not None
        if number == 0:
            await queue.finish(claim, verdict())


def fuzzed(api: tuple[str, dict[str, Any]], cases: int, number: int, auth: AuthBase | None) -> Tried:
    """Try every operation of the description, `cases` times in all; raises what schemathesis finds."""
    url, description = api
    found = schemathesis.openapi.from_dict(description).get_all_operations()
    operations = [operation.ok() for operation in found if isinstance(operation, Ok)]
    tried, each = Tried(), -(-cases // len(operations))
    for operation in operations:
        _fuzz(operation, settings(FUZZ, max_examples=each), number, lambda case: _try(case, url, auth, tried))
    print(f"{sum(tried.answers.values())} cases over {len(operations)} operations: {dict(sorted(tried.by_status.items()))}")  # noqa: T201
    return tried


def _fuzz(operation: Any, how: settings, number: int, attempt: Callable[[Any], None]) -> None:
    given(case=operation.as_strategy())(how(seed(number)(lambda case: attempt(case))))()


def _try(case: Any, url: str, auth: AuthBase | None, tried: Tried) -> None:
    number = sum(tried.answers.values())
    if "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = f"fuzz-{number}"  # of one that came before nothing else would be looked at
    if number % 2:
        for given_ids in (case.path_parameters, case.body):
            _bring_near(given_ids)
    response = case.call(base_url=url, auth=auth, timeout=_TIMEOUT)
    tried.answers[f"{case.method} {case.path}", response.status_code] += 1
    if response.headers["content-type"][0] == "application/problem+json":
        tried.codes[Code(response.json()["code"])] += 1
    case.validate_response(response, checks=CHECKS)


def _bring_near(values: Any) -> None:
    """Ids into the range in which some exist: any other leads no further than to 404."""
    for name in IDS:
        if isinstance(values, dict) and isinstance(values.get(name), int):
            values[name] = values[name] % 4 + 1


def test_signed_requests_of_all_kinds_are_answered_as_described(
    api: tuple[str, dict[str, Any]], writer: bt.Wallet, receiver: bt.Wallet
) -> None:
    """Every operation, with a valid signature of a hotkey that may do everything."""
    cases = Fuzz().cases
    tried = fuzzed(api, cases, 1, Signed(writer, receiver.hotkey.ss58_address))
    assert sum(tried.answers.values()) >= 0.7 * cases
    assert {200, 404, 422} <= set(tried.by_status)
    assert not {401, 403, 429} & {status for name, status in tried.answers if name not in OPEN}
    assert tried.codes[Code.STATE_CONFLICT] > 0 == tried.codes[Code.IDEMPOTENCY_MISMATCH]


def test_unsigned_requests_of_all_kinds_are_answered_as_described(api: tuple[str, dict[str, Any]]) -> None:
    """Every operation without a signature: reads are served, writes refused whatever they hold, but for what anybody may ask."""
    cases = Fuzz().cases // 2
    tried = fuzzed(api, cases, 2, None)
    writes = {(name in OPEN, status) for (name, status) in tried.answers if name.split()[0].lower() in WRITES}
    assert {status for is_open, status in writes if not is_open} == {401}
    assert {status for is_open, status in writes if is_open} <= {403, 404, 409, 422, 429}
    assert sum(tried.answers.values()) >= 0.7 * cases
