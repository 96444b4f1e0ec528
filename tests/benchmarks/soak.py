"""Memory of a judging process: does it grow with what it judged?"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil

from scoring.audio import Audio, from_pcm
from scoring.judges.panel import Panel
from scoring.manipulations.pcm import to_pcm
from scoring.spoken import Spoken
from tests.benchmarks.scoring_corpus import Evaluation

EACH_TIME_SHORTER = 37
"""Samples cut off a round's clips each time it is judged again: every sound is new, and of a new length."""
MIB = 2**20


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of the process: after the first evaluation, at most, and its growth over the second half of the samples."""

    samples: int
    first_mib: float
    peak_mib: float
    mib_per_1000_samples: float


def soak(evaluation: Evaluation, samples: int, progress: Callable[[int, float], None]) -> Memory:
    """Judge the evaluation again and again, a little shorter each time, until so many samples were judged; at least twice."""
    panel, process = Panel.embedded(evaluation.groups), psutil.Process()
    count = len(evaluation.spoken)
    seen: list[tuple[int, float]] = []
    for turn in itertools.count():
        spoken = {key: _shorter(said, turn * EACH_TIME_SHORTER) for key, said in evaluation.spoken.items()}
        panel.judge(evaluation.groups, spoken, evaluation.competition, lambda _done, _total: None)
        seen.append(((turn + 1) * count, process.memory_info().rss / MIB))
        progress(*seen[-1])
        if seen[-1][0] >= samples and turn > 0:
            break
    late = seen[len(seen) // 2 :] if len(seen) > 3 else seen
    slope = float(np.polyfit([done for done, _ in late], [mib for _, mib in late], 1)[0])
    return Memory(seen[-1][0], seen[0][1], max(mib for _, mib in seen), slope * 1000.0)


def _shorter(said: Spoken, samples: int) -> Spoken:
    """A sample without its last few; never shorter than a second."""
    audio = from_pcm(said.pcm, said.rate)
    kept = max(said.rate, audio.samples.shape[0] - samples % said.rate)
    return Spoken(said.prompt_id, said.rate, to_pcm(Audio(audio.samples[:kept], audio.rate)), said.seconds)
