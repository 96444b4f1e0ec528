"""`make bench-voices`: what each family's speech costs on one thread, what the sandbox adds, and, when asked, a whole round of one.

Families that are made for a GPU have tiny voices: their loads and starts count, their speed says nothing.

Prints tables; nothing here passes or fails but equal sounds of two rounds. Usage:
python -m benchmarks.bench_voices [--prompts 3] [--families espeak vits csm llama_snac qwen3_tts pocket_tts]
[--only costs starts round]; the round, of the last family, takes minutes.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.voices_child import BLOCK_HASH, prompts_for, rules_for
from benchmarks.voices_published import PUBLISHED, BenchVoice
from benchmarks.voices_tiny import TINY
from scoring.competition import Track
from scoring.model.fingerprint import fingerprint
from scoring.progress import NO_PROGRESS
from scoring.synthesis.families import FAMILIES
from workers.evaluation.bases import BaseStore
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.obtain import LocalModel
from workers.evaluation.parts import PartStore
from workers.evaluation.speech import JudgedSpeech, judge_model
from workers.evaluation.tools import LastPanel, Tools
from workers.hub.client import Hub, OnBytes
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import Sandbox

_BUILDERS = {**PUBLISHED, **TINY}
_FAMILIES = ("espeak", "vits", "csm", "llama_snac", "qwen3_tts", "pocket_tts")
_BATCHES = (1, 8)
_STARTS = 2
_EVALUATIONS = 24
"""Of a round of the packaged competition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a child process needed. Seconds are of its processor, but `wall`, which is from its start to its first sample."""

    load: float
    speak: float
    speech: float  # seconds of sound
    unspoken: int
    peak_bytes: int
    wall: float


def child(voice: BenchVoice, prompts: int, batch: int) -> Cost:
    """Let a process of its own load a voice and say prompts, outside of any sandbox, on one thread."""
    order = json.dumps([voice.family, str(voice.folder), str(voice.parts or ""), prompts, batch])
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
    if voice.environment is not None:
        environment["PYTHONPATH"] = str(voice.environment)
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.voices_child", order], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first sample is there
        wall = time.monotonic() - began
        return Cost(wall=wall, **json.loads(process.stdout.readline()))


def sandboxed_seconds(voice: BenchVoice, sandbox: Sandbox) -> float:
    """Wall-clock seconds from nothing to the first sample out of the sandbox."""
    rules, began = rules_for(voice.family), time.monotonic()
    sandbox.speak(
        voice.folder,
        voice.family,
        prompts_for(voice.family, 1),
        rules.limits,
        rules.synthesis,
        parts=voice.parts,
        environment=voice.environment,
        on_sample=NO_PROGRESS,
    )
    return time.monotonic() - began


def costs(voices: Sequence[BenchVoice], prompts: int) -> Table:
    """Seconds per second of speech by family and batch."""
    table = Table(
        "family", "voice", "batch", "s / s", "of speech", "load", "peak", title="speaking on one thread, processor time"
    )
    for voice in voices:
        for batch in _batches(voice.family):
            cost = child(voice, prompts, batch)
            speech = f"{cost.speech:.1f} s" + (f", {cost.unspoken} did not stop" if cost.unspoken else "")
            row = (
                f"{cost.speak / max(cost.speech, 1e-9):.3f}",
                speech,
                f"{cost.load:.1f} s",
                f"{cost.peak_bytes / 2**30:.2f} GiB",
            )
            table.add_row(voice.family, voice.what, str(batch), *row)
    return table


def _batches(family: str) -> tuple[int, ...]:
    """The batches that a family's voice is asked in; a tiny one's speed says nothing, so the largest is enough."""
    if not FAMILIES[family].capabilities.batch:
        return (1,)
    return _BATCHES if family in PUBLISHED else _BATCHES[-1:]


def starts(voices: Sequence[BenchVoice], sandbox: Sandbox) -> Table:
    """The sandbox against a child without walls, in turns: the least of each, as other work only adds."""
    table = Table("family", "child", "sandbox", "more", title="from nothing to the first sample, wall-clock")
    for voice in voices:
        pairs = [(child(voice, 1, 1).wall, sandboxed_seconds(voice, sandbox)) for _ in range(_STARTS)]
        bare, walled = (min(pair[side] for pair in pairs) for side in (0, 1))
        table.add_row(voice.family, f"{bare:.2f} s", f"{walled:.2f} s", f"{walled - bare:+.2f} s")
    return table


class GivenParts(PartStore):
    """The parts that were built beside a voice."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__("", Path())
        self._folder = folder

    def __call__(self, family: str, rules: Track, on_bytes: OnBytes) -> Path | None:
        """Their folder, whatever is asked for."""
        return self._folder


def whole_round(voice: BenchVoice, sandbox: Sandbox, reference: ReferenceGuest, folder: Path) -> Table:
    """All prompts of a round, spoken and judged, twice; raises SystemExit where the sounds differ."""
    torch.set_num_threads(1)  # as a worker does
    tools = Tools(
        hub=Hub("", folder),
        sandbox=sandbox,
        reference=reference,
        panel=LastPanel(),
        parts=GivenParts(voice.parts),
        bases=BaseStore("", folder / "bases"),
        environments=EnvironmentStore(folder / "environments", installs=False),
    )
    rules = rules_for(voice.family)
    tools.panel(rules.profile)
    began = time.monotonic()
    fingerprint(voice.folder, NO_PROGRESS)
    printed = time.monotonic() - began
    table = Table(
        "evaluation",
        "hash",
        "speak",
        "judge",
        "together",
        "of the bound",
        f"{_EVALUATIONS} a round",
        title=f"a round of {voice.family}",
    )
    sounds = []
    for number in (1, 2):
        speech = judge_model(LocalModel(voice.folder, voice.family, rules), BLOCK_HASH, tools, NO_PROGRESS)
        sounds.append(_sounds(speech))
        speak, judge, together = speech.speak_seconds, speech.judge_seconds, speech.seconds
        gain, bound = (speak + judge) / together, (speak + judge) / max(speak, judge)
        row = (f"{printed:.1f} s", f"{speak:.0f} s", f"{judge:.0f} s", f"{together:.0f} s", f"{gain / bound:.2f}")
        table.add_row(str(number), *row, f"{_EVALUATIONS * (printed + together) / 60:.0f} min")
    if sounds[0] != sounds[1]:
        raise SystemExit("two rounds of the same prompts sound different")
    table.caption = f"{len(sounds[0])} samples, the same PCM hashes twice"
    return table


def _sounds(speech: JudgedSpeech) -> Mapping[str, str]:
    return {name: hashlib.sha256(said.pcm).hexdigest() for name, said in speech.spoken.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=3, help="prompts of a round that each family says at each batch")
    parser.add_argument("--families", nargs="+", default=_FAMILIES, choices=_FAMILIES)
    parser.add_argument("--only", nargs="+", default=["costs", "starts"], choices=["costs", "starts", "round"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="voice-bench-") as folder:
        voices = [_BUILDERS[family](Path(folder)) for family in options.families]
        sandbox = Sandbox(Path(folder) / "scratch")
        console = Console(width=140)
        if "costs" in options.only:
            console.print(costs(voices, options.prompts))
        if "starts" in options.only:
            console.print(starts(voices, sandbox))
        if "round" in options.only:
            console.print(whole_round(voices[-1], sandbox, ReferenceGuest(sandbox), Path(folder)))


if __name__ == "__main__":
    main()
