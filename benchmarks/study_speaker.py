"""`make study-speaker`: does the embedded profile tell one voice from two? The numbers beside its anchors come from here.

espeak-ng variants speak the two texts of voice pairs, each pair as its description asks. Same: one variant, both texts. Other: the
second text by another variant, asked for the same. Shifted: the second text by the same variant, three semitones higher or lower.
Usage: python -m benchmarks.study_speaker [--voices 30] [--pairs 6] [--json]
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.espeak_models import FORMANT, Recipe, build
from prompts.generate import generate
from prompts.groups import Group, GroupPlan
from prompts.render import render
from scoring.audio.audio import Audio
from scoring.audio.clip import Clip
from scoring.judges.judge import Utterance
from scoring.judges.panel import deterministic
from scoring.judges.speaker import SpeakerJudge
from scoring.report import Factor
from scoring.scores import aggregate
from scoring.studies.manipulations.effects import shift_pitch
from scoring.synthesis import espeak
from scoring.synthesis.synthesiser import Request

SEED = b"\x31" * 32
VARIANTS = (
    *("f1", "f2", "f3", "f4", "f5", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "edward", "klatt", "klatt2", "klatt4"),
    *("Annie", "Andrea", "Diogo", "Gene", "Jacky", "Lee", "Mario", "Michael", "Reed", "linda", "robert", "shelby", "zac"),
)
SEMITONES = (3.0, -3.0)
METRICS = ("speaker_similarity", "timbre_distance", "pitch_distance")
COLUMNS = ("pairs", "number", *METRICS, "utility", "area against same", "equal error")


def speak(variant: str, group: Group, folder: Path) -> list[Utterance]:
    """Both texts of a pair in one variant, as asked."""
    voice = espeak.load(
        build(Recipe(name=variant, synthesis=FORMANT, low=f"en-us+{variant}", high=f"en-us+{variant}"), folder), 1, "float32"
    )
    said = [render("espeak", prompt) for prompt in group.prompts]
    waves = voice.generate([Request(p.id, s.text, s.description or "", 0) for p, s in zip(group.prompts, said, strict=True)])
    sounds = (Clip(Audio(torch.from_numpy(wave), voice.sample_rate)) for wave in waves)
    return [Utterance(prompt, group, sound) for prompt, sound in zip(group.prompts, sounds, strict=True)]


def measure(variants: Sequence[str], groups: Sequence[Group], folder: Path) -> dict[str, list[dict[str, float]]]:
    """The judge's numbers for same, other and shifted pairs; each variant meets the third and the eighth one after it."""
    judge = SpeakerJudge()
    found: dict[str, list[dict[str, float]]] = {"same": [], "other": [], "shifted": []}
    for index, group in enumerate(groups):
        said = {variant: speak(variant, group, folder) for variant in variants}
        for place, variant in enumerate(variants):
            one, two = said[variant]
            found["same"].append(dict(judge.compare(one, two)))
            for step in (3, 8):
                found["other"].append(dict(judge.compare(one, said[variants[(place + step) % len(variants)]][1])))
            shifted = Clip(shift_pitch(two.clip.audio, SEMITONES[(index + place) % 2]))
            found["shifted"].append(dict(judge.compare(one, Utterance(two.prompt, group, shifted))))
    return found


def equal_error(same: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The share of pairs judged wrongly on both sides at the threshold where those shares are closest."""
    return min(max(float((same < level).mean()), float((other >= level).mean())) for level in np.concatenate([same, other]))


def area(same: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The chance that a same pair is more alike than another one."""
    return float((same[:, None] > other).mean() + 0.5 * (same[:, None] == other).mean())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--voices", type=int, default=len(VARIANTS))
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    groups = generate(SEED, GroupPlan(single=0, counterfactual=0, voice=options.pairs))
    with tempfile.TemporaryDirectory(prefix="voice-study-") as folder, deterministic():
        found = measure(VARIANTS[: options.voices], groups, Path(folder))
    factor = aggregate.load_anchors().factors[Factor.CONSISTENCY]
    likeness = {name: np.array([pair["speaker_similarity"] for pair in pairs]) for name, pairs in found.items()}
    table = Table(*COLUMNS, title="mean (1st … 99th percentile)")
    rows = []
    for name, pairs in found.items():
        spread = [np.quantile([pair[metric] for pair in pairs], [0.01, 0.99]) for metric in METRICS]
        means = [float(np.mean([pair[metric] for pair in pairs])) for metric in METRICS]
        utility = float(np.mean([factor.utility(pair) for pair in pairs]))
        told = (area(likeness["same"], likeness[name]), equal_error(likeness["same"], likeness[name]))
        rows.append(
            {"pairs": name, "number": len(pairs), "means": means, "utility": utility, "area": told[0], "equal_error": told[1]}
        )
        cells = (f"{mean:.2f} ({low:.2f} … {high:.2f})" for mean, (low, high) in zip(means, spread, strict=True))
        table.add_row(name, str(len(pairs)), *cells, f"{utility:.2f}", *("" if name == "same" else f"{x:.3f}" for x in told))
    if options.json:
        print(json.dumps(rows, indent=1))  # noqa: T201
    else:
        Console(width=160).print(table)


if __name__ == "__main__":
    main()
