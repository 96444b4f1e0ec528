"""`make study-speaker`: does the embedded profile tell one voice from two? The numbers beside its anchors come from here.

Every voice of the studies that can speak here says the same texts, and a person brings recordings. Same: one voice in two texts. Other:
two voices in two texts. Shifted: one voice in two texts, one of them three semitones higher or lower. Anchors are tuned on the even
texts; what is printed of the odd ones was not looked at for that.
Usage: python -m benchmarks.study_speaker [--people FOLDER ...] [--texts 16] [--json]
"""

import argparse
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.voices import VOICES, Kind, absent, present, recordings
from prompts.generate import generate
from prompts.groups import GroupPlan
from scoring.audio.audio import Audio
from scoring.audio.clip import Clip
from scoring.judges.panel import deterministic
from scoring.judges.speaker import SpeakerJudge
from scoring.report import Factor
from scoring.scores import aggregate
from scoring.studies.manipulations.effects import shift_pitch

SEED = b"\x31" * 32
SEMITONES = (3.0, -3.0)
ONE_SPEAKER = (frozenset({"hts", "flite"}), frozenset({"espeak", "m1"}))
"""Voices that are no two: both made of the recordings of slt; and espeak-ng's own voice, which its variant m1 hardly changes."""
SHORTEST = 1.5
"""Seconds of speech: a prompt has more."""
COLUMNS = ("texts", "pairs", "number", "similarity", "utility", "utility 1", "equal error")


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A voice's embeddings, one per text: float64 [texts, 256], each of length 1; `shifted` of the same clips moved in pitch."""

    plain: NDArray[np.float64]
    shifted: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Row:
    """What the judge says of one kind of pairs; `equal_error` against pairs of the same voice."""

    texts: str
    pairs: str
    number: int
    quantiles: tuple[float, float, float]
    """1st, 50th and 99th percentile of the likeness."""
    utility: float
    full: float
    """Share of pairs with utility 1."""
    equal_error: float


def hear(judge: SpeakerJudge, clips: Sequence[Audio]) -> Heard:
    """Embeddings of a voice's clips."""
    long = [audio for audio in clips if Clip(audio).level.seconds >= SHORTEST]
    moved = [shift_pitch(audio, SEMITONES[place % 2]) for place, audio in enumerate(long)]
    plain, shifted = (
        np.stack(
            [torch.nn.functional.normalize(judge.embed(Clip(audio).level).to(torch.float64), dim=0).numpy() for audio in some]
        )
        for some in (long, moved)
    )
    return Heard(plain, shifted)


def pairs(heard: Mapping[str, Heard]) -> dict[str, NDArray[np.float64]]:
    """Cosines of all pairs, by kind; and those of each voice with itself, by its name."""
    own = {name: _different_texts(voice.plain @ voice.plain.T) for name, voice in heard.items()}
    other = [
        (heard[one].plain @ heard[two].plain.T).ravel()
        for one, two in itertools.combinations(heard, 2)
        if frozenset({one, two}) not in ONE_SPEAKER
    ]
    shifted = [_different_texts(voice.plain @ voice.shifted.T) for voice in heard.values()]
    return {"same": np.concatenate(list(own.values())), "other": np.concatenate(other), "shifted": np.concatenate(shifted)} | own


def _different_texts(cosines: NDArray[np.float64]) -> NDArray[np.float64]:
    return cosines[np.triu_indices(len(cosines), 1)]


def equal_error(same: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The share of pairs judged wrongly on both sides at the threshold where those shares are closest."""
    return min(max(float((same < level).mean()), float((other >= level).mean())) for level in np.concatenate([same, other]))


def rows(texts: str, likeness: Mapping[str, NDArray[np.float64]]) -> Iterator[Row]:
    """One row per kind of pairs and per voice."""
    anchor = aggregate.load_anchors().factors[Factor.CONSISTENCY].metrics["speaker_similarity"]
    for kind, found in likeness.items():
        utilities = np.array([anchor.utility(cosine) for cosine in found])
        low, middle, high = (float(point) for point in np.quantile(found, [0.01, 0.5, 0.99]))
        yield Row(
            texts=texts,
            pairs=kind,
            number=len(found),
            quantiles=(low, middle, high),
            utility=float(utilities.mean()),
            full=float((utilities == 1.0).mean()),
            equal_error=equal_error(likeness["same"], found) if kind in {"other", "shifted"} else 0.0,
        )


def measure(texts: int, people: Sequence[Path]) -> list[Row]:
    """All voices, on the even and on the odd texts."""
    groups = generate(SEED, GroupPlan(single=texts, counterfactual=0, voice=0))
    said = [prompt.text for group in groups for prompt in group.prompts]
    clips = {voice.name: voice.say(said) for voice in present(VOICES)}
    for folder in people:
        clips[f"{Kind.PERSON.value} {folder.name}"] = [audio for _, audio in recordings(folder).values()]
    judge, found = SpeakerJudge(), list[Row]()
    for first, name in enumerate(("even", "odd")):
        found += rows(name, pairs({voice: hear(judge, spoken[first::2]) for voice, spoken in clips.items()}))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=Path, nargs="*", default=[], help="folders of recordings, each beside a text file")
    parser.add_argument("--texts", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with deterministic():
        found = measure(options.texts, options.people)
    if options.json:
        print(json.dumps([{name: getattr(row, name) for name in Row.__dataclass_fields__} for row in found], indent=1))  # noqa: T201
        return
    table = Table(*COLUMNS, title="similarity: median (1st … 99th percentile)", caption="\n".join(absent(VOICES)))
    for row in found:
        low, middle, high = row.quantiles
        told = f"{row.equal_error:.3f}" if row.pairs in {"other", "shifted"} else ""
        spread = f"{middle:.2f} ({low:.2f} … {high:.2f})"
        table.add_row(row.texts, row.pairs, str(row.number), spread, f"{row.utility:.2f}", f"{row.full:.3f}", told)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
