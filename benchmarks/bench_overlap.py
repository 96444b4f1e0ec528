"""Speaking and judging beside each other against one after the other: seconds, and the share of the best that two can do."""

import time
from dataclasses import dataclass

from scoring.competition import Competition
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.types import BlockHash
from workers.evaluation.obtain import LocalModel
from workers.evaluation.requests import requests_of
from workers.evaluation.speaking import speak
from workers.evaluation.speech import judge_model
from workers.evaluation.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Wall-clock seconds of one evaluation: speaking alone (the guest's start included), judging alone, and both together."""

    speak: float
    judge: float
    both: float

    @property
    def gain(self) -> float:
        """How many times quicker than one after the other."""
        return (self.speak + self.judge) / self.both

    @property
    def bound(self) -> float:
        """The most that it can be: `(S + J) / max(S, J)`."""
        return (self.speak + self.judge) / max(self.speak, self.judge)

    @property
    def share(self) -> float:
        """Of the bound, at most 1; more is better."""
        return self.gain / self.bound


def measure(model: LocalModel, block_hash: BlockHash, competition: Competition, tools: Tools) -> Overlap:
    """Let a model speak a round's prompts three times over: alone, for judges afterwards in one lane, and both at once."""
    groups = competition.groups(block_hash)
    panel: Panel = tools.panel(competition.profile)
    asked = requests_of(model.family, groups, block_hash, competition.limits)
    began = time.monotonic()
    spoken = list(speak(model, asked, competition, tools, NO_PROGRESS))
    middle = time.monotonic()
    panel.listen(groups, [spoken], competition, NO_PROGRESS, is_alone=lambda: False)
    end = time.monotonic()
    both = judge_model(model, block_hash, competition, tools, NO_PROGRESS).seconds
    return Overlap(speak=middle - began, judge=end - middle, both=both)
