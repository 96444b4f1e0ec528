"""A panel of judges: one profile, from raw audio to an evaluation's report."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Self

from prompts.groups import Group
from scoring import anchors
from scoring.aggregate import Judged, Rules, report
from scoring.audio import Audio
from scoring.competition import Competition, Limits
from scoring.judges import integrity
from scoring.judges.delivery import DeliveryJudge
from scoring.judges.intelligibility import IntelligibilityJudge
from scoring.judges.judge import Judge, Utterance
from scoring.judges.naturalness import NaturalnessJudge
from scoring.report import EvaluationReport, Gate, Metrics
from scoring.spoken import Spoken

BATCH = 4
"""Samples judged at a time; it changes memory and how often progress is told, never a number."""


class Panel:
    """Judges of one profile, ready for one round's prompts. Building one takes seconds: keep it for the round."""

    def __init__(self, name: str, judges: Sequence[Judge], batch: int = BATCH) -> None:
        self.name = name
        self._batch = batch
        self._judges = tuple(judges)
        self._anchors = anchors.load()
        facts = [
            [integrity.NAME, integrity.VERSION],
            *([judge.name, judge.version] for judge in judges),
            ["anchors", self._anchors.hash],
        ]
        self.hash = hashlib.sha256(json.dumps([name, facts]).encode()).hexdigest()

    @classmethod
    def embedded(cls, groups: Sequence[Group]) -> Self:
        """The profile whose models ship inside Python packages; raises InfrastructureFault(JUDGE_UNAVAILABLE)."""
        texts = [prompt.text for group in groups for prompt in group.prompts]
        return cls("embedded", [IntelligibilityJudge(texts), NaturalnessJudge(), DeliveryJudge()])

    def judge(
        self,
        groups: Sequence[Group],
        spoken: Mapping[str, Spoken],
        competition: Competition,
        progress: Callable[[int, int], None],
    ) -> EvaluationReport:
        """Judge what was spoken (by prompt id) for the groups; a prompt without audio is a failed generation, never left out.

        `progress(done, total)` is told after each few samples. Raises InfrastructureFault when a judge fails.
        """
        total = sum(len(group.prompts) for group in groups)
        judged: dict[str, Judged] = {}
        pending = self._examined(groups, spoken, competition.limits, judged)
        while len(judged) < total:
            batch = list(islice(pending, self._batch))
            for utterance, metrics in zip(batch, self._measure(batch), strict=True):
                judged[utterance.prompt.id] = self._verdict(spoken[utterance.prompt.id], metrics)
            progress(len(judged), total)
        return report(self.name, self.hash, groups, judged, Rules(self._anchors, competition.factors))

    def _examined(
        self, groups: Sequence[Group], spoken: Mapping[str, Spoken], limits: Limits, judged: dict[str, Judged]
    ) -> Iterator[Utterance]:
        """The utterances that pass the gates; the others enter `judged` at once."""
        for group in groups:
            for prompt in group.prompts:
                said = spoken.get(prompt.id)
                match integrity.examine(prompt, said, limits):
                    case Audio() as audio:
                        yield Utterance(prompt, group, audio)
                    case Gate() as gate:
                        judged[prompt.id] = Judged(gate, {}, _sha256(said), said.seconds if said else 0.0)

    def _measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """All judges' metrics of each utterance."""
        columns = [judge.measure(batch) for judge in self._judges]
        return [{name: value for metrics in row for name, value in metrics.items()} for row in zip(*columns, strict=True)]

    def _verdict(self, said: Spoken, metrics: Metrics) -> Judged:
        gate = Gate.WRONG_WORDS if metrics["wer"] >= self._anchors.wrong_words else None
        return Judged(gate, metrics, _sha256(said), said.seconds)


def _sha256(said: Spoken | None) -> str:
    return hashlib.sha256(said.pcm).hexdigest() if said and said.pcm else ""
