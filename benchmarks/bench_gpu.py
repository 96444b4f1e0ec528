"""`make bench-gpu`: the standard profile's networks, batched by length against one clip at a time, on whatever device is here.

The networks are stand-ins of the published classes with random weights: how fast they are does not depend on what they learned.
Prints a table; nothing here passes or fails. Usage: python -m benchmarks.bench_gpu [--device cpu|cuda] [--size tiny|full]
[--clips N] [--lanes N]. At full size the weights take 7 GB on the disk and on the device.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from prompts.generate import generate
from prompts.groups import GroupPlan
from scoring.audio.audio import from_pcm, normalise
from scoring.audio.clip import RATE, Clip
from scoring.judges.judge import Utterance
from scoring.judges.standard.asr import StrongRecogniser
from scoring.judges.standard.ctc import WeakRecogniser
from scoring.judges.standard.models import LANES, Device, Role
from scoring.synthesis.espeak_library import EspeakSettings, say
from tests.builders import fake_models

_SEED = bytes.fromhex("07" * 32)
_RATES = (110, 140, 175, 220)
"""Words per minute: clips of 2 … 10 s."""
COLUMNS = ("network", "one by one, s", "batched, s", "ratio", "s per s of speech", "alone = in company")


def clips(count: int) -> tuple[Utterance, ...]:
    """Clips of a round's prompts by espeak-ng, at several rates."""
    prompts = [(group, prompt) for group in generate(_SEED, GroupPlan(count, 0, 0)) for prompt in group.prompts]
    found: list[Utterance] = []
    for index, (group, prompt) in enumerate(prompts):
        wave = say(
            prompt.text, EspeakSettings(voice="en-us+f2", rate=_RATES[index % 4], pitch=50, range=50, amplitude=100, word_gap=0)
        )
        found.append(Utterance(prompt, group, Clip(from_pcm((wave * 32768.0).round().astype("<i2").tobytes(), 22_050))))
    return tuple(found)


Run = Callable[[Sequence[Utterance]], list[float] | list[str]]
"""A network on clips: something of each clip's own that shows every difference."""


def networks(folder: Path, size: fake_models.Size, device: Device) -> dict[str, Run]:
    """The profile's pinned networks; all its other judges run on the processor."""
    made = fake_models.build(folder, size)
    strong, weak = StrongRecogniser(made[Role.STRONG_ASR], device), WeakRecogniser(made[Role.WEAK_ASR], device)

    def transcribe(batch: Sequence[Utterance]) -> list[str]:
        return strong.transcribe([heard.clip.level.samples for heard in batch], [heard.prompt.text for heard in batch])

    def listen(batch: Sequence[Utterance]) -> list[float]:
        found = weak.listen([normalise(heard.clip.at(RATE)).samples for heard in batch])
        return [float(emissions.log_probs.sum()) for emissions in found]

    return {Role.STRONG_ASR.value: transcribe, Role.WEAK_ASR.value: listen}


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds for all clips, one at a time and together, and whether a clip alone had the same numbers as in company."""

    one_by_one: float
    together: float
    exact: bool


def measure(run: Run, heard: Sequence[Utterance], device: Device, lanes: int) -> Timing:
    """Both ways on one network, after a pass to warm up."""
    LANES[device] = 1
    run(heard[:1])
    began = time.perf_counter()
    for utterance in heard:
        run([utterance])
    middle = time.perf_counter()
    LANES[device] = lanes
    run(heard[:1])
    start = time.perf_counter()
    found = run(heard)
    end = time.perf_counter()
    alone = [run([utterance])[0] for utterance in heard[:3]]
    return Timing(middle - began, end - start, alone == found[:3])


def main() -> None:
    """Build, load, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--device", type=Device, default=Device.CUDA if torch.cuda.is_available() else Device.CPU, choices=list(Device)
    )
    parser.add_argument("--size", default="tiny", choices=("tiny", "full"))
    parser.add_argument("--clips", type=int, default=44)
    parser.add_argument("--lanes", type=int, default=LANES[Device.CUDA])
    given = parser.parse_args()
    heard = clips(given.clips)
    size = fake_models.FULL if given.size == "full" else fake_models.TINY
    with tempfile.TemporaryDirectory(prefix="voice-bench-") as folder:
        made = networks(Path(folder) / "models", size, given.device)
        found = {name: measure(run, heard, given.device, given.lanes) for name, run in made.items()}
    _show(found, heard, given)


def _show(found: dict[str, Timing], heard: Sequence[Utterance], given: argparse.Namespace) -> None:
    seconds = sum(utterance.clip.audio.seconds for utterance in heard)
    machine = torch.cuda.get_device_name() if given.device is Device.CUDA else platform.processor() or platform.machine()
    title = f"{given.size} size on {given.device} ({machine}), {len(heard)} clips of {seconds:.0f} s, {given.lanes} lanes"
    table = Table(*COLUMNS, title=title)
    for name, timing in found.items():
        ratio = timing.one_by_one / timing.together
        row = (f"{timing.one_by_one:.2f}", f"{timing.together:.2f}", f"{ratio:.2f}", f"{timing.together / seconds:.4f}")
        table.add_row(name, *row, "yes" if timing.exact else "NO")
    alone, together = (sum(getattr(timing, name) for timing in found.values()) for name in ("one_by_one", "together"))
    table.add_row("all", *(f"{alone:.2f}", f"{together:.2f}", f"{alone / together:.2f}", f"{together / seconds:.4f}"), "")
    Console().print(table)


if __name__ == "__main__":
    main()
