"""The re-runnable record of an evaluation: canonical JSON, and the hash that stands for it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scoring.aggregate import mean
from scoring.errors import Code
from scoring.report import EvaluationReport, SampleReport
from scoring.types import BlockHash, ContentHash, Hotkey, Micro, RoundNumber, TensorsHash

VERSION = 1


class ReceiptInvalid(ValueError):
    """The receipt does not say what it must; the message names the first difference."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What was judged, and under which rules."""

    hotkey: Hotkey
    commit_block: int
    repo: str
    revision: str
    round: RoundNumber
    block_hash: BlockHash
    competition_hash: str
    prompts_hash: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What came out: a report, or the code and reason of a final refusal."""

    content_hash: ContentHash | None
    tensors_hash: TensorsHash | None
    code: Code | None
    reason: str | None
    report: EvaluationReport | None


def build(subject: Subject, finding: Finding, hardware: str) -> dict[str, Any]:
    """The receipt as plain JSON data; score and standard error are integers of 1e-6."""
    report = finding.report
    return {
        "version": VERSION,
        "hotkey": subject.hotkey,
        "commit_block": subject.commit_block,
        "repo": subject.repo,
        "revision": subject.revision,
        "round": subject.round,
        "block_hash": subject.block_hash,
        "competition_hash": subject.competition_hash,
        "prompts_hash": subject.prompts_hash,
        "content_hash": finding.content_hash,
        "tensors_hash": finding.tensors_hash,
        "code": None if finding.code is None else int(finding.code),
        "reason": finding.reason,
        "profile": report.profile if report else None,
        "profile_hash": report.profile_hash if report else None,
        "score": report.score if report else 0,
        "stderr": report.stderr if report else 0,
        "groups": [[group.id, group.kind, group.score] for group in report.groups] if report else [],
        "samples": [_sample(sample) for sample in report.samples] if report else [],
        "hardware": hardware,
    }


def _sample(sample: SampleReport) -> dict[str, Any]:
    return {
        "prompt": sample.prompt_id,
        "group": sample.group_id,
        "score": sample.score,
        "gate": sample.gate,
        "metrics": {name: value + 0.0 for name, value in sample.metrics.items()},
        "utilities": {name.value: value + 0.0 for name, value in sample.utilities.items()},
        "pcm_sha256": sample.pcm_sha256,
        "seconds": sample.seconds,
    }


def canonical(receipt: Mapping[str, Any]) -> bytes:
    """Sorted keys, no spaces, no NaN: the bytes that are hashed and signed."""
    return json.dumps(receipt, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(receipt: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of the canonical bytes."""
    return hashlib.sha256(canonical(receipt)).hexdigest()


def check(receipt: Mapping[str, Any], receipt_hash: str, score: Micro, claims: Mapping[str, object]) -> dict[str, Micro]:
    """The receipt's group scores by group id.

    Raises ReceiptInvalid unless the receipt hashes to `receipt_hash`, says of each field what `claims` says, and its own groups add
    up to `score`.
    """
    if digest(receipt) != receipt_hash:
        raise ReceiptInvalid("the receipt does not hash to what was recorded")
    for name, claim in claims.items():
        if name not in receipt or receipt[name] != claim:
            raise ReceiptInvalid(f"the receipt is of another {name}: {receipt.get(name)!r}, not {claim!r}")
    groups = _groups(receipt)
    expected = mean(list(groups.values())) if groups else Micro(0)
    if not receipt.get("score") == score == expected:
        raise ReceiptInvalid(f"the groups' mean is {expected}, the receipt says {receipt.get('score')}, the row {score}")
    return groups


def _groups(receipt: Mapping[str, Any]) -> dict[str, Micro]:
    try:
        return {str(name): Micro(int(score)) for name, _kind, score in receipt["groups"]}
    except (KeyError, TypeError, ValueError) as exc:
        raise ReceiptInvalid("the receipt lists no groups with their scores") from exc
