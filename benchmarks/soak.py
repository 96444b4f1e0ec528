"""Memory of a judging process: does it grow with what it judged? In a process of its own, which does nothing else."""

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import psutil
from rich.console import Console

from benchmarks.scoring_corpus import SpokenEvaluation, evaluation
from scoring.audio.audio import Audio, from_pcm, to_pcm
from scoring.audio.spoken import Spoken
from scoring.judges.panel import Panel

EACH_TIME_SHORTER = 37
"""Samples cut off a round's clips each time it is judged again: every sound is new, and of a new length."""
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryGrowth:
    """Resident memory of the process: after the first evaluation, at most, and its growth over the second half of the samples.

    The error is the growth's standard error: resident memory goes up and down by some 10 MiB, so that few samples say little.
    """

    samples: int
    first_mib: float
    peak_mib: float
    mib_per_1000_samples: float
    error: float


def soak(evaluation: SpokenEvaluation, samples: int, progress: Callable[[int, float], None]) -> MemoryGrowth:
    """Judge the evaluation again and again, a little shorter each time, until so many samples were judged; at least twice."""
    panel, process = Panel.embedded(), psutil.Process()
    count = len(evaluation.spoken)
    seen: list[tuple[int, float]] = []
    for turn in range(max(2, math.ceil(samples / count))):
        spoken = {key: _shorter(said, turn * EACH_TIME_SHORTER) for key, said in evaluation.spoken.items()}

        def look(done: int, _total: int, before: int = turn * count) -> None:
            seen.append((before + done, process.memory_info().rss / MIB))

        panel.judge(evaluation.groups, spoken, evaluation.rules, look)
        progress(*seen[-1])
    slope, error = _growth(seen[len(seen) // 2 :])
    first = next(mib for done, mib in seen if done >= count)
    return MemoryGrowth(
        samples=seen[-1][0],
        first_mib=first,
        peak_mib=max(mib for _, mib in seen),
        mib_per_1000_samples=slope * 1000.0,
        error=error * 1000.0,
    )


def _growth(seen: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """MiB per sample, and its standard error."""
    line, spread = np.polyfit([done for done, _ in seen], [mib for _, mib in seen], 1, cov=True)
    return float(line[0]), float(np.sqrt(spread[0, 0]))


def _shorter(said: Spoken, samples: int) -> Spoken:
    """A sample without its last few; never shorter than a second."""
    audio = from_pcm(said.pcm, said.rate)
    kept = max(said.rate, audio.samples.shape[0] - samples % said.rate)
    return Spoken(
        prompt_id=said.prompt_id, rate=said.rate, pcm=to_pcm(Audio(audio.samples[:kept], audio.rate)), seconds=said.seconds
    )


def soak_elsewhere(samples: int) -> MemoryGrowth:
    """The same in a new process; how far it is goes to standard error."""
    done = subprocess.run([sys.executable, "-m", __name__, str(samples)], check=True, stdout=subprocess.PIPE)
    return MemoryGrowth(**json.loads(done.stdout))


def main() -> None:
    """Judge so many samples; print the growth as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=int, help="judged at least")
    samples, console = parser.parse_args().samples, Console(stderr=True)
    found = soak(evaluation(), samples, lambda done, mib: console.print(f"{done} samples judged, {mib:.0f} MiB"))
    print(json.dumps(asdict(found)))  # noqa: T201


if __name__ == "__main__":
    main()
