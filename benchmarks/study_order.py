"""`make study-order`: does the embedded score put what is heard in the order that any listener would?

Every voice says every prompt set six times: clear, fast (1.5 times, at the same pitch), mumbled (nothing above 2 kHz), noisy (white noise
as strong as the speech), other words than asked, and white noise alone. Per voice and set the six scores are ranked against that order.
Usage: python -m benchmarks.study_order [--json] [--out docs/measured/order.json] [--sets 2]
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.study_voices import spoken
from benchmarks.voices import VOICES, StudyVoice, present
from prompts.generate import generate
from prompts.groups import Group, GroupPlan
from scoring import competition
from scoring.audio.audio import Audio
from scoring.audio.spoken import Spoken
from scoring.competition import Track
from scoring.judges.panel import Panel
from scoring.studies.evidence.agreement import kendall, spearman
from scoring.studies.evidence.discrimination import score
from scoring.studies.evidence.measured import OrderRow, OrderStudy, write
from scoring.studies.manipulations import effects
from scoring.studies.manipulations.manipulation import ENTRIES, Manipulation, apply
from scoring.types import RoundNumber

PLAN = GroupPlan(single=5, counterfactual=0, voice=1)
SPEAKERS = ("hibari", "joe", "f2")
OTHER_WORDS = "seven purple elephants never bought an umbrella yesterday because nobody sells them on thursdays"
MUFFLED_HZ = 2000.0
"""Dull, and still understood: with nothing above 1 kHz a listener would rather have the noise."""
ORDER = {
    "clear": "the voice as it is",
    "fast": ENTRIES[Manipulation.FAST].meaning,
    "mumbled": f"nothing above {MUFFLED_HZ:g} Hz",
    "noisy": ENTRIES[Manipulation.NOISE_0].meaning,
    "wrong words": "another sentence than asked",
    "noise": "white noise alone, as long and as strong",
}
"""From best to worst."""


def only_noise(audio: Audio) -> Audio:
    """White noise of the speech's length and strength."""
    noisy = effects.noise(audio, snr=0.0)
    return Audio((noisy.samples - audio.samples).clamp(-1.0, 1.0), audio.rate)


def conditions(voice: StudyVoice, groups: Sequence[Group]) -> Mapping[str, dict[str, Spoken]]:
    """Return the audio of each of the six conditions, by prompt id."""
    texts = [prompt.text for group in groups for prompt in group.prompts]
    clear = voice.say(texts)
    changes: Mapping[str, Callable[[Audio], Audio]] = {
        "fast": partial(apply, Manipulation.FAST),
        "mumbled": partial(effects.low_pass, hertz=MUFFLED_HZ),
        "noisy": partial(apply, Manipulation.NOISE_0),
        "noise": only_noise,
    }
    sounds = {"clear": clear, "wrong words": voice.say([OTHER_WORDS] * len(texts))}
    sounds |= {name: [change(sound) for sound in clear] for name, change in changes.items()}
    return {name: spoken(groups, sounds[name]) for name in ORDER}


def study(sets: int, rules: Track, progress: Progress) -> OrderStudy:
    """Every voice on every prompt set."""
    voices = [voice for voice in present(VOICES) if voice.name in SPEAKERS]
    task, rows = progress.add_task("judging", total=sets * len(voices) * len(ORDER)), []
    for number in range(sets):
        groups = generate(bytes([number + 1]) * 32, PLAN)
        panel = Panel.embedded()
        for voice in voices:
            scores = {}
            for name, said in conditions(voice, groups).items():
                scores[name] = round(score(panel, groups, said, rules), 4)
                progress.advance(task)
            rows.append(_row(voice.name, number, scores))
    return OrderStudy(order=ORDER, samples=PLAN.single + 2 * PLAN.voice, profile_hash=panel.identity.hash, rows=tuple(rows))


def _row(voice: str, prompts: int, scores: dict[str, float]) -> OrderRow:
    wanted, found = [-float(place) for place in range(len(ORDER))], [scores[name] for name in ORDER]
    agreement = {"spearman": round(spearman(wanted, found), 4), "kendall": round(kendall(wanted, found), 4)}
    return OrderRow(voice=voice, prompts=prompts, scores=scores, **agreement)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as a worker does
    with Progress(console=Console(stderr=True)) as progress:
        document = study(asked.sets, competition.load().at(RoundNumber(0)).track[0], progress)
    if asked.out is not None:
        write(document, asked.out)
    if asked.json:
        Console(soft_wrap=True).print_json(document.model_dump_json())
        return
    table = Table("voice", "prompts", *ORDER, "Spearman", "Kendall")
    for row in document.rows:
        cells = [f"{row.scores[name]:.3f}" for name in ORDER]
        table.add_row(row.voice, str(row.prompts), *cells, f"{row.spearman:.3f}", f"{row.kendall:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
