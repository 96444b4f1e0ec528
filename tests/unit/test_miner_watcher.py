"""What a miner is told of a submission, and that it is told once."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from neurons.miner.messages import spoken
from neurons.miner.watcher import QueuePlace, Rank, SubmissionView, news
from scoring.errors import EXPLANATIONS, Code
from scoring.types import Block, EvaluationId, Micro, RoundNumber, SubmissionId
from voice_api.db.states import EvaluationState, QueueName, SubmissionState
from voice_api.schemas.evaluations import EvaluationOut

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEW = SubmissionView(block=Block(50), state=SubmissionState.QUEUED, code=None, reason=None, rounds=(), turn=None, rank=None)


def evaluation(number: int, state: EvaluationState, **overrides: Any) -> EvaluationOut:
    """One round of a submission."""
    absent = dict.fromkeys(("stage", "done", "total", "code", "reason", "score", "stderr", "receipt_hash", "finished_at"))
    standard = absent | {
        "id": EvaluationId(number),
        "submission_id": SubmissionId(1),
        "round": RoundNumber(number),
        "track": "small",
        "queue": QueueName.CPU,
        "state": state,
        "attempt": 1,
        "failures": 0,
        "created_at": NOW,
        "claimed_at": None,
        "parked_why": None,
    }
    return EvaluationOut(**standard | overrides)


WAITS = replace(NEW, state=SubmissionState.QUEUED, turn=QueuePlace(3, 600, 1200), rounds=(evaluation(7, EvaluationState.QUEUED),))
SCORED = replace(
    NEW,
    state=SubmissionState.SCORED,
    rounds=(evaluation(7, EvaluationState.SCORED, score=Micro(710_000), stderr=Micro(9_000)),),
    rank=Rank("small", 2, False, -20_000),
)


def texts(before: SubmissionView | None, now: SubmissionView) -> list[str]:
    """What is told."""
    return [line.text for line in news(before, now)]


def test_who_waits_is_told_place_and_time() -> None:
    """And the round it waits in."""
    assert texts(None, WAITS) == [
        "The submission of block 50 is queued.",
        "It waits in place 3; it starts in about 10 min, at the latest in 20 min (nine of ten times).",
        "Round 7: queued.",
    ]


def test_who_is_scored_is_told_score_rank_and_what_crowns() -> None:
    """A score with its error, and how far it is from the king's."""
    assert texts(WAITS, SCORED) == [
        "The submission of block 50 is scored.",
        "Round 7: 0.7100 ± 0.0090.",
        "It ranks 2 in the track small, -0.0200 against the king's score over all its rounds. One score crowns nobody: "
        "a duel on the same prompts, round after round, does.",
    ]


def test_a_king_is_told_so() -> None:
    """Once."""
    king = replace(SCORED, rank=Rank("small", 1, True, 0))
    [told] = texts(SCORED, king)
    assert told.startswith("It is king")
    assert texts(king, king) == []


@pytest.mark.parametrize("now", [pytest.param(WAITS, id="waits"), pytest.param(SCORED, id="scored")])
def test_nothing_is_told_twice(now: SubmissionView) -> None:
    """Seconds that pass are no news; a new commitment is all news."""
    assert texts(now, now) == []
    assert texts(replace(now, block=Block(1)), now) == texts(None, now)


def test_who_is_refused_is_told_code_reason_and_what_to_do() -> None:
    """In one line."""
    refused = replace(NEW, state=SubmissionState.REJECTED, code=Code.FILE_NOT_ALLOWED, reason="a.pkl")
    [told] = news(WAITS, refused)
    advice = EXPLANATIONS[Code.FILE_NOT_ALLOWED].advice
    assert (told.text, told.good) == (f"The submission of block 50 is rejected. [1103] a.pkl. {advice}", False)
    assert (told.facts["code"], told.facts["state"]) == (1103, "rejected")


def test_a_failure_of_ours_is_told_as_ours() -> None:
    """With its code, its meaning and what happens next."""
    failed = replace(WAITS, rounds=(evaluation(7, EvaluationState.PARKED, code=Code.HUB_UNAVAILABLE),))
    [told] = texts(WAITS, failed)
    assert told.startswith(f"Round 7: parked. [2001] {EXPLANATIONS[Code.HUB_UNAVAILABLE].meaning}")


def test_a_turn_that_cannot_be_foretold() -> None:
    """No worker lives: the place alone."""
    assert texts(WAITS, replace(WAITS, turn=QueuePlace(2, None, None))) == [
        "It waits in place 2; its start cannot be foretold yet."
    ]


@pytest.mark.parametrize(("seconds", "words"), [(30, "30 s"), (89.6, "90 s"), (600, "10 min"), (86_400, "24.0 h")])
def test_durations_are_in_peoples_units(seconds: float, words: str) -> None:
    """Seconds, minutes, hours."""
    assert spoken(seconds) == words
