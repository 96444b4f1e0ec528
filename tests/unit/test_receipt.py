"""A receipt says what was found, and cannot say anything else afterwards."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scoring.errors import Code
from scoring.receipts import receipt
from scoring.receipts.receipt import Circumstances, Finding, Placement, ReceiptInvalid, Subject
from scoring.report import EvaluationReport, Factor, GroupReport, SampleReport
from scoring.types import Block, BlockHash, ContentHash, Hotkey, Micro, RoundNumber, TensorsHash

SUBJECT = Subject(
    hotkey=Hotkey("5F"),
    commit_block=Block(10),
    repo="a/b",
    revision="0" * 40,
    round=RoundNumber(3),
    block_hash=BlockHash("0x" + "ab" * 32),
    competition_hash="cc",
)
PLACE = Placement("vits", "small", "dd" * 32, None)
SAMPLE = SampleReport(
    prompt_id="g00.a",
    group_id="g00",
    score=Micro(400_000),
    gate=None,
    metrics={"wer": -0.0},
    utilities={Factor.DELIVERY: 0.5},
    pcm_sha256="ee" * 32,
    seconds=0.25,
)
REPORT = EvaluationReport(
    profile="embedded",
    profile_hash="ff",
    judges={"scripted": "1"},
    samples=(SAMPLE, replace(SAMPLE, prompt_id="g01.a", group_id="g01", score=Micro(600_000))),
    groups=(GroupReport("g00", "single", Micro(400_000)), GroupReport("g01", "single", Micro(600_000))),
    score=Micro(500_000),
    stderr=Micro(100_000),
)
SCORED = Finding(content_hash=ContentHash("11" * 32), tensors_hash=TensorsHash("22" * 32), code=None, reason=None, report=REPORT)
REFUSED = Finding(content_hash=None, tensors_hash=None, code=Code.FILE_NOT_ALLOWED, reason="x.bin", report=None)
HERE = Circumstances("x86_64 Linux", datetime(2026, 11, 22, tzinfo=UTC), {})


def checked(document: dict[str, Any], **overrides: Any) -> None:
    """Check a document against its own hash, score and competition, unless told otherwise."""
    given = {"receipt_hash": receipt.digest(document), "score": Micro(500_000), "claims": {"competition_hash": "cc"}}
    receipt.check(document, **{**given, **overrides})


def test_a_receipt_survives_storage_as_json() -> None:
    """What a database gives back hashes to the same, negative zeros included."""
    document = receipt.build(SUBJECT, PLACE, SCORED, HERE)
    stored = json.loads(json.dumps(document))
    assert receipt.digest(stored) == receipt.digest(document)
    assert b"-0.0" not in receipt.canonical(document)
    checked(stored)


def test_a_rejection_has_a_receipt_of_score_zero() -> None:
    """Code and reason stand in it, and no groups."""
    document = receipt.build(SUBJECT, PLACE, REFUSED, HERE)
    assert (document["code"], document["reason"], document["score"], document["groups"]) == (1103, "x.bin", 0, [])
    checked(document, score=Micro(0))


def _edit_sample(document: dict[str, Any]) -> None:
    document["samples"][0]["score"] += 1


def _edit_group(document: dict[str, Any]) -> None:
    document["groups"][0][2] += 2


def _edit_score(document: dict[str, Any]) -> None:
    document["score"] += 1


@pytest.mark.parametrize("edit", [_edit_sample, _edit_group, _edit_score])
def test_one_edited_number_is_found(edit: Callable[[dict[str, Any]], None]) -> None:
    """Any edit breaks the hash."""
    document = receipt.build(SUBJECT, PLACE, SCORED, HERE)
    recorded = receipt.digest(document)
    edit(document)
    with pytest.raises(ReceiptInvalid, match="does not hash"):
        checked(document, receipt_hash=recorded)


@pytest.mark.parametrize("edit", [_edit_sample, _edit_group, _edit_score])
def test_a_rehashed_receipt_must_still_add_up(edit: Callable[[dict[str, Any]], None]) -> None:
    """Samples, groups, score and row agree, or nothing counts."""
    document = receipt.build(SUBJECT, PLACE, SCORED, HERE)
    edit(document)
    with pytest.raises(ReceiptInvalid, match=r"mean|add up"):
        checked(document)


@pytest.mark.parametrize(
    "claims",
    [{"competition_hash": "zz"}, {"round": 4}, {"hotkey": "5G"}, {"commit_block": 11}, {"block_hash": None}, {"spoken": None}],
    ids=str,
)
def test_a_receipt_of_something_else_is_refused(claims: dict[str, object]) -> None:
    """Under other rules, of another round or submission, or without that field, it says nothing about this one."""
    with pytest.raises(ReceiptInvalid, match=f"another {next(iter(claims))}"):
        checked(receipt.build(SUBJECT, PLACE, SCORED, HERE), claims=claims)


@pytest.mark.parametrize(
    "groups",
    [None, 7, [["g00", "single"]], [["g00", "single", "high"]], [["g00", "single", 0.5]], [["g00", "single", 1_000_001]]],
    ids=str,
)
def test_groups_that_are_none_are_refused(groups: object) -> None:
    """A receipt of another form is refused like any other, not met with an error of another kind."""
    document = receipt.build(SUBJECT, PLACE, SCORED, HERE) | {"groups": groups}
    with pytest.raises(ReceiptInvalid, match="no groups"):
        checked(document)


@pytest.mark.parametrize("samples", [None, 7, ["g00"], [{"group": "g00"}], [{"group": [], "score": 1, "prompt": "p"}]], ids=str)
def test_samples_that_are_none_are_refused(samples: object) -> None:
    """As groups are."""
    document = receipt.build(SUBJECT, PLACE, SCORED, HERE) | {"samples": samples}
    with pytest.raises(ReceiptInvalid, match="no samples"):
        checked(document)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}], ids=["NaN", "infinity", "object", "set"])
def test_what_is_no_json_has_no_hash(value: object) -> None:
    """An error of its own kind, not one of the JSON package."""
    with pytest.raises(ReceiptInvalid, match="not JSON"):
        receipt.digest({"score": value})


def test_equal_means_equal_as_json() -> None:
    """3 is neither 3.0 nor true: each has another hash, and another meaning elsewhere."""
    document = receipt.build(SUBJECT, PLACE, SCORED, HERE)
    for value in (3.0, "3"):
        with pytest.raises(ReceiptInvalid, match="another round"):
            checked(document | {"round": value}, claims={"round": 3})
    with pytest.raises(ReceiptInvalid, match="another round"):
        checked(document | {"round": True}, claims={"round": 1})
