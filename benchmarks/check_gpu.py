"""`make check-gpu`: does a machine with one card do what a track on cards needs? Minutes, no network; ends with 1 where it does not.

A Llama with SNAC of the published size (3 billion parameters, random weights) speaks in the sandbox. Speed is measured as the Open TTS
Leaderboard does it (github.com/huggingface/open-tts-leaderboard), on the competition's prompts: RTFx is all seconds of sound by all
seconds of saying, in batches, after two batches to warm up; time to first audio is that of a whole answer, as these models do not
stream, alone, the first three left out. Usage: python -m benchmarks.check_gpu [--device cuda|cpu] [--size full|tiny]
[--only speech same kill hostile judge]
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from benchmarks import bench_gpu
from benchmarks.voices_child import BLOCK_HASH
from scoring.audio.spoken import Spoken
from scoring.competition import SubmissionLimits, SynthesisRules, load
from scoring.errors import InfrastructureFault
from scoring.judges.standard.models import LANES, Role
from scoring.judges.standard.models import Device as JudgeDevice
from scoring.model.checkpoint import convert
from scoring.progress import NO_PROGRESS
from scoring.synthesis.llama_snac import tiny
from scoring.synthesis.load import Device
from scoring.synthesis.synthesiser import Request
from scoring.types import RoundNumber
from tests.builders import fake_models
from workers.evaluation.requests import requests_of
from workers.sandbox.card import OwnCard, free_bytes
from workers.sandbox.conversation import Conversation
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import Sandbox
from workers.sandbox.selftest.catalogue import ATTEMPTS

_FAMILY = "llama_snac"
_HOSTILE = Path(__file__).parents[1] / "tests" / "attacks" / "hostile_guest.py"
_FULL: Mapping[str, Any] = {
    "hidden_size": 3_072,
    "intermediate_size": 8_192,
    "num_hidden_layers": 28,
    "num_attention_heads": 24,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "initializer_range": 1e-3,
}
"""Of Llama 3.2 3B. Layers that add little leave the stop's odds to its own weights, so that a speech ends."""
_FULL_CODEC: Mapping[str, Any] = {"decoder_dim": 1_024, "encoder_dim": 48}
_RATIO = 8.0
"""A batch's seconds of sound for a second, by those of a prompt alone."""
_LEFT_OUT, _WARM_UP = 3, 2
_SECONDS = 400.0
_KILL_AFTER = 1.0
_TAKEN_BACK = 64 << 20


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step found, and whether it is as it should be."""

    step: str
    found: str
    is_well: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A machine, a model, and how much it is asked."""

    device: Device
    size: fake_models.Size
    root: Path
    alone: int  # prompts that are said alone, beside those left out
    batch: int
    card: OwnCard

    @property
    def rules(self) -> SynthesisRules:
        """The arithmetic of a track on this device."""
        dtype: Any = "bfloat16" if self.device == "cuda" else "float32"
        return SynthesisRules(device=self.device, threads=1, batch=self.batch, dtype=dtype)

    @property
    def limits(self) -> SubmissionLimits:
        """Wide ones."""
        shipped = load().at(RoundNumber(0)).track[0].limits
        card = 40 << 30 if self.device == "cuda" else None
        return shipped.model_copy(update={"ram_bytes": 48 << 30, "card_bytes": card, "load_seconds": _SECONDS})

    def requests(self, count: int) -> list[Request]:
        """Prompts of a round, short texts first, as batches are made; those of another round where one has not enough."""
        track = load().at(RoundNumber(0)).track[0]
        timed = requests_of(_FAMILY, track.groups(BLOCK_HASH), BLOCK_HASH, track.limits)
        asked = [timed[number % len(timed)].request for number in range(count)]
        return sorted(asked, key=lambda request: len(request.text))

    def guest(self, sandbox: Sandbox) -> Any:
        """A guest with the model loaded, as a context manager of its conversation."""
        where = (self.root / "model", _FAMILY, self.limits, self.rules)
        return sandbox.guest(*where, parts=self.root / "parts", environment=None, seconds=_SECONDS)

    def sandbox(self, program: Sequence[str] = ("-m", "workers.sandbox.guest")) -> Sandbox:
        """A sandbox on this machine's card."""
        return Sandbox(self.root / "scratch", program, self.card)

    def free(self) -> int | None:
        """Bytes of the card that nobody holds; None without a card."""
        return free_bytes(self.card(0)) if self.device == "cuda" else None


def build(root: Path, device: Device, *, is_full: bool) -> None:
    """Write model and codec, random, where the card makes the numbers."""
    with torch.device(device):
        tiny.build(root / "model", **(_FULL if is_full else {}))
    tiny.build_codec(root / "published", **(_FULL_CODEC if is_full else {}))
    (root / "parts" / "codec").mkdir(parents=True)
    (root / "published" / "config.json").rename(root / "parts" / "codec" / "config.json")
    convert(root / "published" / "pytorch_model.bin", root / "parts" / "codec" / "model.safetensors")


def speech(bench: Bench) -> Iterator[Finding]:
    """Speed alone and in a batch, by the leaderboard's protocol, and the same batch twice."""
    with bench.guest(bench.sandbox()) as talk:
        waits = [
            (time.monotonic(), _say(talk, [request]), time.monotonic()) for request in bench.requests(_LEFT_OUT + bench.alone)
        ]
        seconds = [end - began for began, _, end in waits[_LEFT_OUT:]]
        alone = _sound([said for _, answers, _ in waits[_LEFT_OUT:] for said in answers]) / sum(seconds)
        ends = statistics.quantiles(seconds, n=20, method="inclusive")
        shown = ", ".join(f"p{part} {ends[part // 5 - 1]:.2f} s" for part in (50, 90, 95))
        yield Finding("time to first audio", f"{shown} ({len(seconds)} prompts alone)")
        rows = bench.requests(bench.batch)
        runs = [(time.monotonic(), _say(talk, rows), time.monotonic()) for _ in range(_WARM_UP + 1)]
    began, spoken, end = runs[-1]
    together = _sound(spoken) / (end - began)
    failed = sum(said.failure is not None for said in spoken)
    yield Finding(
        "RTFx",
        f"{together:.2f} in a batch of {len(rows)}, {alone:.2f} alone; {failed} did not end",
        is_well=failed < len(rows) / 4,
    )
    is_full = bench.size is fake_models.FULL
    yield Finding(
        "batch by alone",
        f"{together / alone:.1f} times, of {_RATIO:g} at full size",
        is_well=not is_full or together / alone >= _RATIO,
    )
    same = [said.pcm for said in runs[-2][1]] == [said.pcm for said in spoken]
    yield Finding("the same batch twice", "the same sounds" if same else "other sounds", is_well=same)


def _say(talk: Conversation, requests: Sequence[Request]) -> list[Spoken]:
    return talk.say(requests, _SECONDS)


def _sound(spoken: Sequence[Spoken]) -> float:
    return sum(said.duration for said in spoken)


def kill(bench: Bench) -> Iterator[Finding]:
    """A guest that is killed while it speaks, and what is left of the card a moment later."""
    sandbox, before = bench.sandbox(), bench.free()
    rows = bench.requests(bench.batch)
    ended = "it went on"
    try:
        with bench.guest(sandbox) as talk:
            threading.Timer(_KILL_AFTER, sandbox.stop).start()
            for _ in range(1_000):
                _say(talk, rows)
    except InfrastructureFault as fault:
        ended = fault.detail
    yield Finding("killed while it speaks", ended, is_well=ended.startswith("the guest was killed from outside the sandbox"))
    if before is None:
        return
    after, end = 0, time.monotonic() + 20.0
    while after < before - _TAKEN_BACK and time.monotonic() < end:
        after = bench.free() or 0
        time.sleep(0.5)
    yield Finding(
        "memory of the card", f"{before >> 20} MiB free before, {after >> 20} after", is_well=after >= before - _TAKEN_BACK
    )


def hostile(bench: Bench) -> Iterator[Finding]:
    """The attacks' list of ways out, tried by a guest with this device's walls; then the reference model, on the same card."""
    tried = [name for name, one in ATTEMPTS.items() if bench.device == "cpu" or not one.on_card]
    model = bench.root / "hostile"
    model.mkdir()
    (bench.root / "secret").write_text("a key", encoding="ascii")
    (model / "config.json").write_text("{}", encoding="ascii")
    (model / "link").symlink_to(bench.root / "secret")
    asked = [Request(f"p{number}", name, "", number) for number, name in enumerate(tried)]
    rules = bench.rules.model_copy(update={"batch": 1})
    spoken = bench.sandbox([str(_HOSTILE)]).speak(model, "escape", asked, bench.limits, rules, on_sample=NO_PROGRESS)
    out = [f"{name} ({said.reason})" for name, said in zip(tried, spoken, strict=True) if said.failure is not None]
    yield Finding("ways out", ", ".join(out) or f"none of {len(tried)}", is_well=not out)
    passes = ReferenceGuest(bench.sandbox()).passes(bench.device)
    yield Finding("the reference model", "speaks" if passes else "does not speak", is_well=passes)


def judge(bench: Bench) -> Iterator[Finding]:
    """One network of the standard profile, batched and one by one."""
    device, heard = JudgeDevice(bench.device), bench_gpu.clips(2 * bench.batch)
    network = bench_gpu.networks(bench.root / "judges", bench.size, device)[Role.STRONG_ASR.value]
    timing = bench_gpu.measure(network, heard, device, LANES[JudgeDevice.CUDA])
    found = f"{len(heard)} clips in {timing.together:.1f} s, one by one in {timing.one_by_one:.1f} s"
    yield Finding("a judge in batches", found, is_well=timing.exact)


STEPS: Mapping[str, Callable[[Bench], Iterator[Finding]]] = {"speech": speech, "kill": kill, "hostile": hostile, "judge": judge}


def check(bench: Bench, steps: Sequence[str]) -> Iterator[Finding]:
    """Build the model in a process of its own, so that this one holds nothing of the card; then step after step."""
    began, free = time.monotonic(), bench.free()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(build, bench.root, bench.device, is_full=bench.size is fake_models.FULL).result()
    room = "no card" if free is None else f"{free >> 20} MiB free"
    yield Finding("machine", f"{bench.device}, {room}; the model was made in {time.monotonic() - began:.0f} s")
    for name in steps:
        yield from STEPS[name](bench)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each finding as it is made; 1 where one is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--size", default="full", choices=("full", "tiny"))
    parser.add_argument("--alone", type=int, default=6)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--only", nargs="+", default=list(STEPS), choices=list(STEPS))
    given = parser.parse_args(arguments)
    size = fake_models.FULL if given.size == "full" else fake_models.TINY
    is_well = True
    with tempfile.TemporaryDirectory(prefix="voice-check-") as folder:
        bench = Bench(device=given.device, size=size, root=Path(folder), alone=given.alone, batch=given.batch, card=OwnCard())
        for finding in check(bench, given.only):
            sys.stdout.write(f"{'well' if finding.is_well else 'WRONG':6}{finding.step}: {finding.found}\n")
            sys.stdout.flush()
            is_well &= finding.is_well
    return 0 if is_well else 1


if __name__ == "__main__":
    raise SystemExit(main())
