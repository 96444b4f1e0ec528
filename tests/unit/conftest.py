"""Sound for the judges' tests: a real, small synthesiser, and tones of known pitch and level; and evaluations with signed receipts.

torch and the SDK take seconds to import, and most tests here need neither: they are imported where they are used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from prompts.groups import Group, GroupKind, Prompt, Register, Voice

if TYPE_CHECKING:
    from prompts.groups import Group as AskedGroup
    from scoring.audio.audio import Audio
    from scoring.competition import Competition
    from scoring.errors import Code
    from scoring.judges.judge import Utterance
    from scoring.report import EvaluationReport
    from voice_api.db.rounds import EvaluationResult


class Speak(Protocol):
    """Says a text in an espeak-ng voice; 16-bit mono PCM at 22,050 Hz."""

    def __call__(self, text: str, voice: str = "en-us+f2") -> bytes: ...


class Ask(Protocol):
    """Builds one utterance: a sound for a text asked in a voice of these levels."""

    def __call__(self, audio: Audio, text: str = ..., register: Register = ..., **levels: int) -> Utterance: ...


@pytest.fixture(scope="session")
def speak() -> Speak:
    """espeak-ng inside this process: a test is no part of what is distributed."""
    from scoring.synthesis.espeak_library import EspeakSettings, say

    def pcm(text: str, voice: str = "en-us+f2") -> bytes:
        wave = say(text, EspeakSettings(voice=voice, rate=175, pitch=50, range=50, amplitude=100, word_gap=0))
        return (wave * 32768.0).round().astype("<i2").tobytes()

    return pcm


@pytest.fixture(scope="session")
def tone() -> Callable[..., Audio]:
    """A harmonic tone with vibrato: mean F0 in Hz, depth of the vibrato in Hz, amplitude, seconds."""
    import torch

    from scoring.audio.audio import Audio

    def build(hertz: float, depth: float = 0.0, amplitude: float = 0.2, seconds: float = 2.0, rate: int = 16_000) -> Audio:
        time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
        phase = 2 * math.pi * hertz * time - depth / 2.0 * torch.cos(2 * math.pi * 2.0 * time)  # 2 Hz vibrato
        wave = sum(torch.sin(k * phase) / k for k in range(1, 6))
        return Audio((amplitude * torch.as_tensor(wave)).to(torch.float32), rate)

    return build


@pytest.fixture(scope="session")
def ask() -> Ask:
    """One single prompt and what was said for it."""
    from scoring.audio.clip import Clip
    from scoring.judges.judge import Utterance

    def build(audio: Audio, text: str = "open the gate", register: Register = Register.LOW, **levels: int) -> Utterance:
        voice = Voice(register=register, **{"rate": 3, "pitch": 3, "expression": 3, "loudness": 3, **levels})
        prompt = Prompt("g00.a", text, "as asked", voice)
        return Utterance(prompt, Group("g00", GroupKind.SINGLE, (prompt,)), Clip(audio))

    return build


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
def a_result(judged_alike: Callable[[Competition, Sequence[AskedGroup], float], EvaluationReport]) -> MakeResult:
    """Judged and signed on 22 November 2026 at noon, in the packaged competition, certified by the key of seed 01…01 (block hash 12…12)."""
    from bittensor import sp_core

    from prompts.generate import digest, generate
    from scoring.competition import load
    from scoring.model.fingerprint import tag_of
    from scoring.receipts import receipt
    from scoring.receipts.certificate import Certificate, issue
    from scoring.receipts.receipt import Circumstances, Finding, Subject
    from scoring.types import Block, BlockHash, ContentHash, EvaluationId, Hotkey, Micro, RoundNumber, SubmissionId, TensorsHash
    from voice_api.db.rounds import EvaluationResult
    from voice_api.db.states import EvaluationState, SubmissionState
    from voice_api.keys import CertifiedKey, ServiceKey

    issuer, worker = (ServiceKey(sp_core.Keypair.create_from_seed(bytes([seed]) * 32)) for seed in (1, 2))
    noon, block_hash, rules = datetime(2026, 11, 22, 12, tzinfo=UTC), "12" * 32, load().at(RoundNumber(2))
    asked = generate(bytes.fromhex(block_hash), rules.round.plan)
    terms = Certificate(Hotkey(issuer.address), worker.address, "host-1", noon - timedelta(days=1), noon + timedelta(days=1), "")

    def build(
        number: int,
        share: float = 0.5,
        code: Code | None = None,
        edit: Callable[[dict[str, Any]], object] | None = None,
        certificate: dict[str, Any] | None = None,
        **overrides: Any,
    ) -> EvaluationResult:
        report = judged_alike(rules, asked, share) if code is None else None
        subject = Subject(
            Hotkey(f"h{number}"),
            number,
            f"a/b{number}",
            "0" * 40,
            RoundNumber(2),
            BlockHash(f"0x{block_hash}"),
            rules.hash,
            digest(asked),
        )
        content, tensors = ContentHash("11" * 32), TensorsHash(f"{number:064x}")
        finding = Finding(content, tensors, code, None if code is None else "because", report)
        document = receipt.build(subject, finding, Circumstances("x86_64 Linux", noon, {}))
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
            public_key="00" * 32,
            tag=tag_of(content, bytes(32)).hex(),
            repo=f"a/b{number}",
            revision="0" * 40,
            state=EvaluationState.SCORED if code is None else EvaluationState.REJECTED,
            submission_state=SubmissionState.SCORED if code is None else SubmissionState.REJECTED,
            code=code,
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
