"""`make bench-scoring`: speed and memory of the embedded profile, against the judges' own packages.

Every ratio is to a baseline named beside it, measured in the same run; both take turns clip by clip, so that whatever else the machine
does falls on both. Nothing here passes or fails.
Usage: python -m benchmarks.bench_scoring [--json] [--clips 40] [--soak 132] [--only dnsmos evaluation f0 judges memory]
"""

import argparse
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import ParamSpec, TypeVar

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.dnsmos_published import PublishedDnsmos
from benchmarks.file_by_file import FileByFile, load, opinions, pyin
from benchmarks.scoring_corpus import SpokenEvaluation, clips, evaluation
from benchmarks.soak import soak_elsewhere
from benchmarks.what_bounds import bound
from scoring.audio.audio import Audio, from_pcm
from scoring.audio.clip import Clip
from scoring.audio.pitch import HOP, track
from scoring.judges.cleanliness import CleanlinessJudge
from scoring.judges.delivery import DeliveryJudge
from scoring.judges.intelligibility import IntelligibilityJudge
from scoring.judges.judge import Judge, Utterance
from scoring.judges.naturalness import NaturalnessJudge
from scoring.judges.panel import Panel, deterministic
from scoring.judges.recognition.whisper import Recogniser
from scoring.judges.word_timing import WordAligner, WordSpan
from scoring.report import Factor, Metrics
from scoring.scores import aggregate
from scoring.studies.evidence.agreement import spearman

SECTIONS = ("dnsmos", "evaluation", "f0", "judges", "memory")
COLUMNS = ("", "what", "wall s", "cpu s", "ratio", "of cpu", "note")
SOAK = 132
"""Samples by default: three evaluations."""
BOUNDED = 8
"""Samples on which it is measured what bounds a judge."""
FRAME_LENGTH = 1024
"""Samples in librosa's frames where it looks as often as we do."""

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRow:
    """One measured thing. Seconds are wall-clock, and of the processor; ratios are the baseline's over ours."""

    section: str
    what: str
    seconds: float
    cpu_seconds: float
    ratio: float | None = None
    cpu_ratio: float | None = None
    note: str = ""


class Clock:
    """Adds up wall-clock and processor time of what runs under it."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __call__(self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        """Run it, and keep the time."""
        wall, cpu = time.perf_counter(), time.process_time()
        result = work(*args, **kwargs)
        self.wall += time.perf_counter() - wall
        self.cpu += time.process_time() - cpu
        return result

    def row(self, section: str, what: str, baseline: "Clock | None" = None, note: str = "") -> ScoringRow:
        """Make a row of the times, against a baseline if there is one."""
        if baseline is None:
            return ScoringRow(section=section, what=what, seconds=self.wall, cpu_seconds=self.cpu, note=note)
        return ScoringRow(
            section=section,
            what=what,
            seconds=self.wall,
            cpu_seconds=self.cpu,
            ratio=baseline.wall / self.wall,
            cpu_ratio=baseline.cpu / self.cpu,
            note=note,
        )


def dnsmos(said: SpokenEvaluation, count: int) -> list[ScoringRow]:
    """The published protocol and the competition's, against speechmos on a mix of clips."""
    published, competition = PublishedDnsmos(lanes=torch.get_num_threads()), NaturalnessJudge()
    names = ("speechmos", "published", "competition")
    clocks, found = _fresh(names)
    mix = clips(said.groups, count)
    for number, clip in enumerate([mix[0], *mix]):
        if number == 1:  # the first one only warmed up
            clocks, found = _fresh(names)
        found["speechmos"].append(clocks["speechmos"](opinions, clip.samples.numpy()))
        found["published"].append(clocks["published"](published, clip))
        with deterministic():
            found["competition"] += clocks["competition"](competition.measure, [_utterance(said, clip)])
    baseline = clocks["speechmos"]
    return [
        baseline.row("dnsmos", f"speechmos, {count} clips of 2 … 10 s"),
        clocks["published"].row("dnsmos", "published protocol", baseline, _apart(found, "published")),
        clocks["competition"].row(
            "dnsmos", "all of naturalness: these, DistillMOS and what is measured", baseline, _agree(found, "competition")
        ),
    ]


def _fresh(names: Sequence[str]) -> tuple[dict[str, Clock], dict[str, list[Metrics]]]:
    """A clock and an empty list of results for each way."""
    return {name: Clock() for name in names}, {name: [] for name in names}


def _utterance(said: SpokenEvaluation, clip: Audio) -> Utterance:
    return Utterance(said.groups[0].prompts[0], said.groups[0], Clip(clip))


def _apart(found: dict[str, list[Metrics]], name: str) -> str:
    pairs = zip(found[name], found["speechmos"], strict=True)
    return f"max |Δ| {max(abs(ours[key] - theirs[key]) for ours, theirs in pairs for key in theirs):.1e}"


def _agree(found: dict[str, list[Metrics]], name: str) -> str:
    """Rank correlation with speechmos of each of DNSMOS's scores that the factor uses."""
    anchors = aggregate.load_anchors().factors[Factor.NATURALNESS]
    keys = [key for key, kind in anchors.kinds.items() if kind == "dnsmos"]
    agreed = {key: spearman(*([one[key] for one in found[side]] for side in (name, "speechmos"))) for key in keys}
    return "rank correlation " + ", ".join(f"{key} {rho:.3f}" for key, rho in agreed.items())


def whole(said: SpokenEvaluation) -> list[ScoringRow]:
    """One evaluation by the panel, and file by file."""
    panel, baseline = Panel.embedded(), FileByFile()
    ours, theirs = Clock(), Clock()
    first = said.groups[0]
    panel.judge([first], said.spoken, said.rules, _ignored)
    baseline.group(first, [said.spoken[prompt.id] for prompt in first.prompts])
    step = 8
    for begin in range(0, len(said.groups), step):
        part = said.groups[begin : begin + step]
        ours(panel.judge, part, said.spoken, said.rules, _ignored)
        for group in part:
            sounds = [said.spoken[prompt.id] for prompt in group.prompts]
            theirs(baseline.group, group, sounds)
    what = f"one evaluation: {len(said.spoken)} samples, {said.seconds:.0f} s of sound"
    per_second = f"{ours.wall / said.seconds:.3f} s per second of sound"
    return [theirs.row("evaluation", "file by file"), ours.row("evaluation", what, theirs, per_second)]


def _ignored(_done: int, _total: int) -> None:
    """Nobody asks how far it is."""


def pitch(said: SpokenEvaluation) -> list[ScoringRow]:
    """F0 of a minute of speech against librosa's."""
    sounds = [Audio(torch.from_numpy(load(from_pcm(spoken.pcm, spoken.rate))), 16_000) for spoken in said.spoken.values()]
    ours, equal, default = Clock(), Clock(), Clock()
    for number, sound in enumerate(sounds[:13]):
        if number == 1:  # the first one compiles librosa's code
            ours, equal, default = Clock(), Clock(), Clock()
        wave = sound.samples.numpy()
        with deterministic():
            ours(track, sound)
        equal(pyin, wave, frame_length=FRAME_LENGTH, hop_length=HOP)
        default(pyin, wave)
    seconds = sum(sound.seconds for sound in sounds[1:13])
    note = f"{ours.cpu / seconds * 10_000:.0f} ms per 10 s"
    return [
        equal.row("f0", f"librosa pyin, {seconds:.0f} s of sound, 100 frames per second"),
        ours.row("f0", "pitch.track, 100 frames per second", equal, note),
        default.row("f0", "librosa pyin by default, 31 frames per second"),
        ours.row("f0", "pitch.track, 100 frames per second", default, note),
    ]


def judges(said: SpokenEvaluation) -> list[ScoringRow]:
    """Each judge by itself over the evaluation, and what bounds it."""
    recogniser = Recogniser()
    listener = WordAligner(recogniser)
    panel: dict[str, Judge] = {
        "intelligibility": IntelligibilityJudge(recogniser),
        "naturalness": NaturalnessJudge(),
        "delivery": DeliveryJudge(ScoringFound({spoken.prompt.id: listener.find(spoken) for spoken in _utterances(said)})),
        "cleanliness": CleanlinessJudge(),
    }
    rows = []
    with deterministic():
        for name, judge in panel.items():
            clock = Clock()
            judge.measure(_utterances(said, 1))
            clock(judge.measure, _utterances(said))
            found = bound(partial(_judge_some, judge, said))
            cost = f"{clock.cpu / said.seconds:.3f} s per second of sound"
            why = f"{found.name} (native {found.native:.0%}, beside memory traffic × {found.slowed:.2f})"
            rows.append(clock.row("judges", name, note=f"{cost}; bound by {why}"))
    return rows


@dataclass(frozen=True, slots=True)
class ScoringFound:
    """Words found before: delivery's time without the recogniser's, which counts as intelligibility's."""

    spans: Mapping[str, tuple[WordSpan, ...]]

    def find(self, utterance: Utterance) -> tuple[WordSpan, ...]:
        """Look the words up by the prompt's id."""
        return self.spans[utterance.prompt.id]


def _judge_some(judge: Judge, said: SpokenEvaluation) -> None:
    judge.measure(_utterances(said, BOUNDED))


def _utterances(said: SpokenEvaluation, count: int | None = None) -> list[Utterance]:
    """Fresh sounds: nothing that an earlier judge derived is used again."""
    prompts = [(group, prompt) for group in said.groups for prompt in group.prompts][:count]
    sounds = (from_pcm(said.spoken[prompt.id].pcm, said.spoken[prompt.id].rate) for _, prompt in prompts)
    return [Utterance(prompt, group, Clip(sound)) for (group, prompt), sound in zip(prompts, sounds, strict=True)]


def memory(samples: int) -> list[ScoringRow]:
    """A judging process over many samples."""
    clock = Clock()
    found = clock(soak_elsewhere, samples)
    growth = f"{found.mib_per_1000_samples:+.0f} ± {found.error:.0f} MiB per 1,000 over the second half"
    note = f"{found.first_mib:.0f} MiB after the first evaluation, at most {found.peak_mib:.0f}; {growth}"
    return [clock.row("memory", f"{found.samples} samples in one process", note=note)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--clips", type=int, default=40, help="clips for DNSMOS, at least 3")
    parser.add_argument("--soak", type=int, default=SOAK, metavar="N", help="samples judged while memory is watched")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS)
    options = parser.parse_args()
    said = evaluation()
    measures: dict[str, Callable[[], list[ScoringRow]]] = {
        "dnsmos": partial(dnsmos, said, options.clips),
        "evaluation": partial(whole, said),
        "f0": partial(pitch, said),
        "judges": partial(judges, said),
        "memory": partial(memory, options.soak),
    }
    rows = [row for name, measure in measures.items() if name in options.only for row in measure()]
    where = f"{platform.machine()}, {torch.get_num_threads()} cores, {torch.backends.cpu.get_cpu_capability()}"
    when = f"{datetime.now(UTC):%Y-%m-%d}"
    if options.json:
        print(json.dumps({"machine": where, "date": when, "rows": [asdict(row) for row in rows]}, indent=1))  # noqa: T201
        return
    table = Table(*COLUMNS, title=f"make bench-scoring: {where}, {when}")
    for row in rows:
        ratios = ("" if value is None else f"{value:.1f} ×" for value in (row.ratio, row.cpu_ratio))
        seconds = (f"{row.seconds:.1f}", f"{row.cpu_seconds:.1f}")
        table.add_row(row.section, row.what, *seconds, *ratios, row.note)
    Console().print(table)


if __name__ == "__main__":
    main()
