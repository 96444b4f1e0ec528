"""What `voice miner run` shows Prometheus: its own work, and what the public API says of its last submission."""

import math
import time
from collections.abc import Mapping

from prometheus_client import Counter, Gauge

from neurons.miner.messages import Fact, Message, MessageKind, Notify
from scoring.types import MICRO
from voice_api.db.states import SubmissionState
from voice_api.runtime.process_metrics import new_registry


class MinerMetrics:
    """A miner's numbers, read from the messages that its daemon tells; what was not told yet is not a number."""

    def __init__(self) -> None:
        self.registry = new_registry()
        self._messages = Counter(
            "voice_miner_messages", "Messages told, by what they are about.", ["kind"], registry=self.registry
        )
        self._last = Gauge(
            "voice_miner_message_timestamp_seconds",
            "When a message was last told, in Unix time; before the first, when the process began.",
            registry=self.registry,
        )
        self._state = Gauge(
            "voice_miner_submission", "1 for the state that the last submission is in.", ["state"], registry=self.registry
        )
        self._place = Gauge("voice_miner_queue_place", "Its place in the queue, when it last waited.", registry=self.registry)
        self._round = Gauge("voice_miner_round", "The last round in which it was judged.", registry=self.registry)
        self._score = Gauge("voice_miner_round_score_ratio", "Its score in that round, 0 to 1.", registry=self.registry)
        self._rank = Gauge("voice_miner_rank", "Its place in its track's table; 1 is the top.", ["track"], registry=self.registry)
        self._king = Gauge("voice_miner_is_king", "1 while it is king of its track.", ["track"], registry=self.registry)
        self._lead = Gauge(
            "voice_miner_lead_ratio", "Its score over all rounds less the king's, -1 to 1.", ["track"], registry=self.registry
        )
        self._own_score = Gauge(
            "voice_miner_own_score_ratio",
            "The score that this host gave the checkpoint judged last, 0 to 1.",
            registry=self.registry,
        )
        self._last.set_to_current_time()
        for gauge in (self._place, self._round, self._score, self._own_score):
            gauge.set(math.nan)
        for kind in MessageKind:
            self._messages.labels(kind.value)
        for state in SubmissionState:
            self._state.labels(state.value)

    def beside(self, notify: Notify) -> Notify:
        """Messages are handed on to `notify`, and counted on the way."""

        def told(message: Message) -> None:
            self._read(message)
            notify(message)

        return told

    def _read(self, message: Message) -> None:
        self._messages.labels(message.kind.value).inc()
        self._last.set(time.time())
        if message.kind is MessageKind.SCORED:
            _show(self._own_score, message.facts.get("score"), MICRO)
        if message.kind is MessageKind.SUBMISSION:
            self._read_submission(message.facts)

    def _read_submission(self, facts: Mapping[str, Fact]) -> None:
        if "state" in facts:
            for state in SubmissionState:
                self._state.labels(state.value).set(state.value == facts["state"])
        _show(self._place, facts.get("position"))
        if "evaluation" in facts:
            _show(self._round, facts.get("round"))
            _show(self._score, facts.get("score"), MICRO)
        track = facts.get("track")
        if isinstance(track, str) and "king" in facts:
            _show(self._rank.labels(track), facts.get("rank"))
            _show(self._king.labels(track), facts.get("king"))
            _show(self._lead.labels(track), facts.get("lead"), MICRO)


def _show(gauge: Gauge, value: Fact, unit: int = 1) -> None:
    if isinstance(value, int | float):
        gauge.set(value / unit)
