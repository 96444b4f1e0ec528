"""Builders of what the store takes, and a store with a round to judge."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count
from typing import Any

import bittensor as bt
import httpx
import pytest
from pydantic import SecretStr

from scoring.errors import Code
from scoring.report import EvaluationReport, Factor, GroupReport, SampleReport
from scoring.types import Block, BlockHash, Hotkey, Micro, RoundNumber, SubmissionId
from voice_api.app import create_app
from voice_api.db.pool import Pool
from voice_api.db.records import Entry, NewRound, NewSubmission, Verdict
from voice_api.db.rounds import Rounds
from voice_api.db.states import QueueName, VerdictState
from voice_api.db.submissions import Submissions
from voice_api.settings import ApiSettings

_NUMBERS = count(1)

REPORT = EvaluationReport(
    profile="embedded",
    profile_hash="f" * 64,
    judges={"scripted": "1"},
    samples=(
        SampleReport("p1", "g1", Micro(750_000), None, {"wer": 0.05}, {Factor.DELIVERY: 0.5}, "a" * 64, 1.25),
        SampleReport("p2", "g2", Micro(650_000), None, {"wer": 0.1}, {Factor.DELIVERY: 0.25}, "b" * 64, 1.5),
    ),
    groups=(GroupReport("g1", "single", Micro(750_000)), GroupReport("g2", "single", Micro(650_000))),
    score=Micro(700_000),
    stderr=Micro(50_000),
)


@pytest.fixture
def new_submission() -> Callable[..., NewSubmission]:
    """Build an accepted commitment of a hotkey of its own."""

    def build(**overrides: Any) -> NewSubmission:
        number = next(_NUMBERS)
        key = hashlib.sha256(str(number).encode()).hexdigest()
        standard = NewSubmission(
            hotkey=Hotkey(f"hotkey-{number}"),
            public_key=key,
            commit_block=Block(100),
            tiebreak=key,
            commitment=f"v1:miner/model-{number}:…",
            repo=f"miner/model-{number}",
            revision=key[:40],
            tag=key[:32],
        )
        return replace(standard, **overrides)

    return build


@pytest.fixture
def refused(new_submission: Callable[..., NewSubmission]) -> Callable[..., NewSubmission]:
    """Build a commitment that is refused on its own."""

    def build(**overrides: Any) -> NewSubmission:
        standard = {"repo": None, "revision": None, "tag": None, "code": Code.COMMITMENT_MALFORMED, "reason": "not a commitment"}
        return new_submission(**standard | overrides)

    return build


@pytest.fixture
def new_round() -> Callable[..., NewRound]:
    """Build a round."""

    def build(number: int, **overrides: Any) -> NewRound:
        start = Block(number * 40)
        standard = NewRound(RoundNumber(number), start, BlockHash(f"0x{number:064x}"), Block(start + 160), "c" * 64)
        return replace(standard, **overrides)

    return build


@pytest.fixture
def verdict() -> Callable[..., Verdict]:
    """Build a verdict with a score."""

    def build(**overrides: Any) -> Verdict:
        standard = Verdict(
            VerdictState.SCORED,
            receipt={"score": 700_000},
            receipt_hash="e" * 64,
            signature="5" * 128,
            certificate={"host": "bench"},
            report=REPORT,
        )
        return replace(standard, **overrides)

    return build


@pytest.fixture
def open_round(
    pool: Pool, new_submission: Callable[..., NewSubmission], new_round: Callable[..., NewRound]
) -> Callable[..., Awaitable[list[SubmissionId]]]:
    """Open a round that asks for some new submissions on the cpu queue, in their order; their ids."""

    async def build(number: int = 3, submissions: int = 1) -> list[SubmissionId]:
        ids = await Submissions(pool).add([new_submission() for _ in range(submissions)])
        entries = [Entry(submission, QueueName.CPU, priority) for priority, submission in enumerate(ids)]
        assert await Rounds(pool).open(new_round(number), entries)
        return ids

    return build


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> bt.Wallet:
    """Whose hotkey the API answers as."""
    return _wallet(tmp_path_factory, "receiver")


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> bt.Wallet:
    """Whose hotkey may write."""
    return _wallet(tmp_path_factory, "writer")


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> bt.Wallet:
    """Whose hotkey nobody allowed."""
    return _wallet(tmp_path_factory, "stranger")


@pytest.fixture
def api_settings(database_url: str, redis_url: str, receiver: bt.Wallet, writer: bt.Wallet) -> Callable[..., ApiSettings]:
    """Settings of an API that lets `writer` write to `receiver`."""

    def build(**overrides: Any) -> ApiSettings:
        standard = {
            "database_url": SecretStr(database_url),
            "redis_url": SecretStr(redis_url),
            "hotkey": receiver.hotkey.ss58_address,
            "writers": (writer.hotkey.ss58_address,),
            "body_bytes": 1024 * 1024,
        }
        return ApiSettings(**standard | overrides)

    return build


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[ApiSettings], Awaitable[httpx.ASGITransport]]]:
    """Start an API, lifespan included, and end it after the test."""
    async with AsyncExitStack() as stack:

        async def start(settings: ApiSettings) -> httpx.ASGITransport:
            app = create_app(settings)
            await stack.enter_async_context(app.router.lifespan_context(app))
            return httpx.ASGITransport(app)

        yield start


def _wallet(folders: pytest.TempPathFactory, name: str) -> bt.Wallet:
    wallet = bt.Wallet(name=name, hotkey="default", path=str(folders.mktemp("wallets")))
    wallet.create_new_hotkey(use_password=False, suppress=True)
    return wallet
