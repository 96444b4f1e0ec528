"""Which evaluations a follower judges again: the share that is asked for, by a lot of its own that nobody knows beforehand."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from neurons.validator.follow.audit import DEEP, draw
from scoring.receipts.certificate import Certificate
from scoring.report import GroupReport
from scoring.types import Block, BlockHash, EvaluationId, Hotkey, Micro, PublicKey, RoundNumber, SubmissionId
from tests.builders.ledger import a_ledger_entry, some_inputs
from voice_api.db.rounds import EvaluationResult, Round, RoundEvidence
from voice_api.db.states import EvaluationState, RoundState, SubmissionState

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CERTIFICATE = Certificate(
    issuer=Hotkey("5I"), service="5S", host="host-1", not_before=NOW, not_after=NOW.replace(year=2027), signature=""
).to_json()
HASH, OTHER = BlockHash("0x" + "1" * 64), BlockHash("0x" + "2" * 64)
RESULT = EvaluationResult(
    evaluation_id=EvaluationId(1),
    submission_id=SubmissionId(1),
    hotkey=Hotkey("h"),
    commit_block=Block(1),
    tiebreak="t",
    public_key=PublicKey("00"),
    tag=None,
    repo=None,
    revision=None,
    state=EvaluationState.SCORED,
    submission_state=SubmissionState.SCORED,
    code=None,
    track="small",
    score=Micro(1),
    stderr=Micro(1),
    groups=(GroupReport("g", "single", Micro(1)),),
    samples=(),
    receipt={},
    receipt_hash="",
    signature="",
    certificate=CERTIFICATE,
    finished_at=NOW,
)
MANY = tuple(replace(RESULT, receipt_hash=f"{number:064x}", commit_block=Block(number)) for number in range(4_000))
ROUND = Round(
    round=RoundNumber(3),
    start_block=Block(120),
    block_hash=HASH,
    deadline_block=Block(400),
    competition_hash="c" * 64,
    state=RoundState.CLOSED,
    pending=0,
)


def drawn(
    rate: float, me: str = "5Me", closed_at: BlockHash = HASH, results: tuple[EvaluationResult, ...] = MANY
) -> dict[str, int]:
    """The level at which each receipt is tried that was drawn; every receipt but the last counts."""
    counted = {str(result.receipt_hash): "t" for result in results[:-1]}
    entry = a_ledger_entry(3, inputs=some_inputs(counted=counted))
    lots = draw(Hotkey(me), closed_at, entry, RoundEvidence(ROUND, None, results), rate)
    return {item.receipt_hash: item.level for item in lots}


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_the_share_is_what_was_asked_for(rate: float) -> None:
    """Within five standard errors of a binomial draw; a fifth of it goes to the model itself."""
    levels = drawn(rate)
    assert len(levels) / 3_999 == pytest.approx(rate, abs=5 * (rate * (1 - rate) / 3_999) ** 0.5)
    deep = [level for level in levels.values() if level == 3]
    assert len(deep) / len(levels) == pytest.approx(DEEP, abs=5 * (DEEP * (1 - DEEP) / len(levels)) ** 0.5)


def test_nothing_and_everything() -> None:
    """At 0 none is drawn, at 1 each that counts; what does not count is judged by nobody again."""
    assert drawn(0.0) == {}
    assert set(drawn(1.0)) == {result.receipt_hash for result in MANY[:-1]}


def test_each_validator_and_each_round_draws_anew_and_anybody_draws_the_same_again() -> None:
    """By the own hotkey and the hash of the block at which the round closed; a greater share holds the smaller one."""
    mine = drawn(0.1)
    assert drawn(0.1) == mine
    assert len(set(mine) & set(drawn(0.1, me="5Other"))) < len(mine) / 2
    assert len(set(mine) & set(drawn(0.1, closed_at=OTHER))) < len(mine) / 2
    assert set(mine) <= set(drawn(0.2))


def test_a_refusal_is_tried_with_the_model() -> None:
    """There is no audio to hear."""
    refused = tuple(replace(result, groups=()) for result in MANY[:20])
    assert set(drawn(1.0, results=refused).values()) == {3}
