"""What a miner's Prometheus reads."""

import math

from neurons.miner.messages import Message, MessageKind
from neurons.miner.miner_metrics import MinerMetrics


def test_what_is_told_is_shown() -> None:
    """Each message is handed on, and its facts become the numbers of the last submission; lacking ones change nothing."""
    metrics, told = MinerMetrics(), list[Message]()
    notify = metrics.beside(told.append)
    value = metrics.registry.get_sample_value
    assert math.isnan(value("voice_miner_round_score_ratio") or 0)
    messages = [
        Message(MessageKind.SCORED, "a", {"model": "step-1", "round": 1, "score": 612_000, "stderr": 9_000}),
        Message(MessageKind.SUBMISSION, "b", {"commit_block": 7, "state": "queued", "position": 3, "eta_p50_seconds": None}),
        Message(MessageKind.SUBMISSION, "c", {"state": "scored", "round": 12, "evaluation": "scored", "score": 580_000}),
        Message(MessageKind.SUBMISSION, "d", {"state": "scored", "round": 13, "evaluation": "parked", "score": None}),
        Message(MessageKind.SUBMISSION, "e", {"state": "scored", "track": "small", "rank": 2, "king": False, "lead": -40_000}),
        Message(MessageKind.OUTAGE, "f", {"code": 3104}),
    ]
    for message in messages:
        notify(message)
    assert told == messages
    found = {
        "own": value("voice_miner_own_score_ratio"),
        "place": value("voice_miner_queue_place"),
        "round": value("voice_miner_round"),
        "score": value("voice_miner_round_score_ratio"),
        "rank": value("voice_miner_rank", {"track": "small"}),
        "king": value("voice_miner_is_king", {"track": "small"}),
        "lead": value("voice_miner_lead_ratio", {"track": "small"}),
        "queued": value("voice_miner_submission", {"state": "queued"}),
        "scored": value("voice_miner_submission", {"state": "scored"}),
        "outages": value("voice_miner_messages_total", {"kind": "outage"}),
    }
    assert found == {
        "own": 0.612,
        "place": 3,
        "round": 13,
        "score": 0.58,
        "rank": 2,
        "king": 0,
        "lead": -0.04,
        "queued": 0,
        "scored": 1,
        "outages": 1,
    }
