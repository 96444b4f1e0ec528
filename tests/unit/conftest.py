"""Keeps these tests light, and builds evaluations with signed receipts. The SDK takes seconds to import, and most tests do without."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from scoring.types import PublicKey

if TYPE_CHECKING:
    from prompts.groups import Group as AskedGroup
    from scoring.competition import Track
    from scoring.errors import Code
    from scoring.report import EvaluationReport
    from voice_api.db.rounds import EvaluationResult


HERE = Path(__file__).parent
PROCESSES = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse torch, processes and services in a run of nothing but these tests, so that the folder's name stays true."""
    is_controller = bool(config.getoption("numprocesses", None))  # it starts the processes that run the tests
    if is_controller or not all(Path(name.partition("::")[0]).resolve().is_relative_to(HERE) for name in config.args):
        return
    sys.modules["torch"] = None  # type: ignore[assignment]  # importing it is a ModuleNotFoundError
    sys.addaudithook(_refuse)


def _refuse(event: str, details: tuple[object, ...]) -> None:
    if event in PROCESSES and details[0] != "uname":  # as Python's platform module asks
        raise RuntimeError(f"a unit test starts a process: {details[0]}")
    if event == "socket.connect" and not (isinstance(details[1], tuple) and details[1][0] in ("127.0.0.1", "::1")):
        raise RuntimeError(f"a unit test connects to a service: {details[1]}")


class MakeResult(Protocol):
    """Builds the evaluation of submission `number`, of hotkey h<number> and commit block `number`, in round 2.

    Every metric lies at `share` between bad and human; with a code it is refused instead. `edit` changes the receipt before it is
    signed, `certificate` the terms of the service key's certificate, `overrides` the row afterwards.
    """

    def __call__(
        self,
        number: int,
        share: float = ...,
        code: Code | None = ...,
        edit: Callable[[dict[str, Any]], object] | None = ...,
        certificate: dict[str, Any] = ...,
        **overrides: Any,
    ) -> EvaluationResult: ...


@pytest.fixture(scope="session")
def a_result(judged_alike: Callable[[Track, Sequence[AskedGroup], float], EvaluationReport]) -> MakeResult:
    """Judged and signed on 22 November 2026 at noon, in the packaged competition, certified by the key of seed 01…01 (block hash 12…12)."""
    from bittensor import sp_core

    from scoring.competition import load
    from scoring.model.fingerprint import tag_of
    from scoring.receipts import receipt
    from scoring.receipts.certificate import Certificate, issue
    from scoring.receipts.receipt import Circumstances, Finding, Placement, Subject
    from scoring.synthesis.families import FAMILIES
    from scoring.types import Block, BlockHash, ContentHash, EvaluationId, Hotkey, Micro, RoundNumber, SubmissionId, TensorsHash
    from voice_api.db.rounds import EvaluationResult
    from voice_api.db.states import EvaluationState, SubmissionState
    from voice_api.keys import CertifiedKey, ServiceKey

    issuer, worker = (ServiceKey(sp_core.Keypair.create_from_seed(bytes([seed]) * 32)) for seed in (1, 2))
    noon, block_hash, rules = datetime(2026, 11, 22, 12, tzinfo=UTC), "12" * 32, load().at(RoundNumber(2))
    track = rules.track[0]
    placement = Placement.of(FAMILIES[track.families[0]], track, BlockHash(f"0x{block_hash}"))
    asked = track.groups(BlockHash(f"0x{block_hash}"))
    terms = Certificate(
        issuer=Hotkey(issuer.address),
        service=worker.address,
        host="host-1",
        not_before=noon - timedelta(days=1),
        not_after=noon + timedelta(days=1),
        signature="",
    )

    def build(
        number: int,
        share: float = 0.5,
        code: Code | None = None,
        edit: Callable[[dict[str, Any]], object] | None = None,
        certificate: dict[str, Any] | None = None,
        **overrides: Any,
    ) -> EvaluationResult:
        report = judged_alike(track, asked, share) if code is None else None
        subject = Subject(
            hotkey=Hotkey(f"h{number}"),
            commit_block=Block(number),
            repo=f"a/b{number}",
            revision="0" * 40,
            round=RoundNumber(2),
            block_hash=BlockHash(f"0x{block_hash}"),
            competition_hash=rules.hash,
        )
        content, tensors = ContentHash("11" * 32), TensorsHash(f"{number:064x}")
        finding = Finding(
            content_hash=content, tensors_hash=tensors, code=code, reason=None if code is None else "because", report=report
        )
        document = receipt.build(subject, placement, finding, Circumstances("x86_64 Linux", noon, {}))
        if edit is not None:
            edit(document)
        signer = CertifiedKey(worker, issue(replace(terms, **certificate or {}), issuer.sign))
        signed = receipt.sign(json.loads(json.dumps(document)), signer)
        result = EvaluationResult(
            evaluation_id=EvaluationId(number),
            submission_id=SubmissionId(number),
            hotkey=Hotkey(f"h{number}"),
            commit_block=Block(number),
            tiebreak="00",
            public_key=PublicKey("00" * 32),
            tag=tag_of(content, PublicKey("00" * 32)),
            repo=f"a/b{number}",
            revision="0" * 40,
            state=EvaluationState.SCORED if code is None else EvaluationState.REJECTED,
            submission_state=SubmissionState.SCORED if code is None else SubmissionState.REJECTED,
            code=code,
            track=placement.track,
            score=report.score if report else Micro(0),
            stderr=report.stderr if report else Micro(0),
            groups=report.groups if report else (),
            samples=tuple(receipt.listed(report.samples)) if report else (),
            receipt=signed.receipt,
            receipt_hash=receipt.digest(signed.receipt),
            signature=signed.signature,
            certificate=signed.certificate.to_json(),
            finished_at=noon + timedelta(minutes=5),
        )
        return replace(result, **overrides)

    return build
