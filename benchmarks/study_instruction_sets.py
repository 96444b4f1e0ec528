"""`make study-instruction-sets`: by how much do a clip's numbers differ between instruction sets?

The same clips are judged in processes that may use other instructions: torch (ATEN_CPU_CAPABILITY, ONEDNN_MAX_CPU_ISA) and CTranslate2
(CT2_FORCE_CPU_ISA) by their own switches; with --emulate NAME the whole process runs on another processor, emulated by qemu-x86_64, which
takes many minutes. The tolerance of `voice verify` on other hardware must lie above what is found here.
Usage: python -m benchmarks.study_instruction_sets [--clips 4] [--emulate Haswell] [--json]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev

from rich.console import Console
from rich.table import Table

from scoring.receipts.audit import SAMPLE_TOLERANCE
from scoring.types import MICRO

TEXTS = (
    "Please leave the blue folder on the kitchen table before noon.",
    "Nobody told the driver that the bridge was closed.",
    "Would you rather wait here, or come with us to the harbour?",
    "Her brother counted seventeen boats that morning.",
    "It rained all week, so the match was called off.",
    "Thank you; that is exactly what I was hoping to hear.",
)
VOICES = ("hibari", "f2")
HERE = "this processor"
SWITCHES: Mapping[str, Mapping[str, str]] = {
    "torch: AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "torch: SSE": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "CTranslate2: AVX2": {"CT2_FORCE_CPU_ISA": "AVX2"},
    "CTranslate2: generic": {"CT2_FORCE_CPU_ISA": "GENERIC"},
}
"""Environments of the other processes."""

Numbers = Mapping[str, Mapping[str, float]]
"""Metrics by clip, with the score of each as `score`."""


def judge(clips: int) -> dict[str, dict[str, float]]:
    """Numbers of the clips in this process."""
    import torch

    from benchmarks.study_voices import groups_of, spoken
    from benchmarks.voices import VOICES as KNOWN
    from scoring import competition
    from scoring.judges.panel import Panel
    from scoring.progress import NO_PROGRESS
    from scoring.types import RoundNumber

    torch.set_num_threads(1)
    groups = groups_of(TEXTS[:clips])
    panel, rules = Panel.embedded(), competition.load().at(RoundNumber(0)).track[0]
    found: dict[str, dict[str, float]] = {}
    for voice in KNOWN:
        if voice.name in VOICES:
            report = panel.judge(groups, spoken(groups, voice.say(TEXTS[:clips])), rules, NO_PROGRESS)
            for sample in report.samples:
                found[f"{voice.name} {sample.prompt_id}"] = {**sample.metrics, "score": sample.score / MICRO}
    return found


def judge_elsewhere(clips: int, environment: Mapping[str, str], emulator: Sequence[str] = ()) -> Numbers:
    """The same in a process of its own."""
    command = [*emulator, sys.executable, "-m", "benchmarks.study_instruction_sets", "--clips", str(clips), "--numbers"]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    numbers: Numbers = json.loads(done.stdout)
    return numbers


def largest(one: Numbers, other: Numbers) -> dict[str, float]:
    """Largest difference of each metric over the clips."""
    metrics = sorted({name for numbers in one.values() for name in numbers})
    return {
        name: max(abs(numbers[name] - other[clip][name]) for clip, numbers in one.items() if name in numbers) for name in metrics
    }


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """The scores of all clips elsewhere against those here: how many moved at all, and their mean signed difference."""

    clips: int
    moved: int
    largest: float
    mean: float
    stderr: float


def drift(one: Numbers, other: Numbers) -> ScoreDrift:
    """Compare the scores; `AuditRules.drift` must lie above their mean difference."""
    by = [other[clip]["score"] - numbers["score"] for clip, numbers in one.items()]
    return ScoreDrift(
        clips=len(by),
        moved=sum(each != 0.0 for each in by),
        largest=max(map(abs, by)),
        mean=fmean(by),
        stderr=stdev(by) / len(by) ** 0.5,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=4, help=f"texts, at most {len(TEXTS)}, for each of {', '.join(VOICES)}")
    parser.add_argument("--emulate", metavar="CPU", help="a processor that qemu-x86_64 knows, as Haswell")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--numbers", action="store_true", help="print this process's numbers alone")
    asked = parser.parse_args()
    if asked.numbers:
        print(json.dumps(judge(asked.clips)))  # noqa: T201
        return
    here = judge_elsewhere(asked.clips, {})
    there = {name: judge_elsewhere(asked.clips, switches) for name, switches in SWITCHES.items()}
    if asked.emulate:
        emulator = shutil.which("qemu-x86_64")
        if emulator is None:
            parser.error("qemu-x86_64 is not installed (Debian: qemu-user)")
        there[f"{asked.emulate}, emulated"] = judge_elsewhere(asked.clips, {}, (emulator, "-cpu", str(asked.emulate)))
    others = {name: largest(here, numbers) for name, numbers in there.items()}
    scores = {name: drift(here, numbers) for name, numbers in there.items()}
    if asked.json:
        found = {name: {"largest": others[name], "score": asdict(scores[name])} for name in there}
        print(json.dumps(found, indent=1))  # noqa: T201
        return
    show(others, Console())
    for name, found_there in scores.items():
        Console().print(
            f"{name}: the scores of {found_there.moved} of {found_there.clips} clips moved, by {found_there.largest:.4f} at most, "
            f"and by {found_there.mean:+.5f} ± {found_there.stderr:.5f} on average."
        )


def show(others: Mapping[str, Mapping[str, float]], console: Console) -> None:
    """A row for each metric that moved at all, and the tolerance beside the score's."""
    table = Table("metric", *others, title=f"largest difference from {HERE}")
    names = sorted({name for found in others.values() for name in found})
    moved = [name for name in names if any(found[name] > 0.0 for found in others.values())]
    for name in moved:
        table.add_row(name, *(f"{found[name]:.2g}" for found in others.values()))
    console.print(table)
    console.print(f"Exactly equal everywhere: {', '.join(name for name in names if name not in moved)}")
    console.print(f"`voice verify` forgives {SAMPLE_TOLERANCE / MICRO} of a sample's score on other hardware.")


if __name__ == "__main__":
    main()
