"""`make study-order`: does the embedded score put voices in the order that any listener would?

Every voice speaks every prompt set six times: clear, fast (1.6 times), mumbled (nothing above 2 kHz), noisy (white noise as strong
as the speech), other words than asked, and white noise alone. Per voice and set the six scores are ranked against that order.
Usage: python -m benchmarks.study_order [--json] [--out docs/measured/order.json] [--sets 3]
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.espeak_models import FORMANT, KLATT, Recipe, answers, build
from prompts.generate import generate
from prompts.groups import Group, GroupPlan
from prompts.voices import Attribute
from scoring import competition
from scoring.audio.audio import Audio, from_pcm, to_pcm
from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.judges.panel import Panel
from scoring.studies.evidence.agreement import kendall, spearman
from scoring.studies.evidence.discrimination import score
from scoring.studies.evidence.measured import OrderRow, OrderStudy, write
from scoring.studies.manipulations import effects
from scoring.studies.manipulations.manipulation import ENTRIES, Manipulation, apply
from scoring.types import BlockHash, RoundNumber
from workers.evaluation.tools import Tools, open_tools

PLAN = GroupPlan(single=4, counterfactual=0, voice=1, asks=(Attribute.PITCH,))
"""A pitch is asked of a register: each voice is heard in both of its variants."""
VOICES = (
    Recipe(name="edward and f2", synthesis=f"{KLATT}, {FORMANT}", low="en-us+edward", high="en-us+f2"),
    Recipe(name="klatt4 and f5", synthesis=f"{KLATT}, {FORMANT}", low="en-us+klatt4", high="en-us+f5"),
    Recipe(name="m7 and f1", synthesis=FORMANT, low="en-us+m7", high="en-us+f1"),
)
"""One variant for low voices, one for high ones; each is a voice that the recogniser can read."""
OTHER_WORDS = ("seven purple elephants never bought an umbrella yesterday because nobody sells them on thursdays",)
FASTER = 1.6
MUFFLED_HZ = 2000.0
"""Dull, and still understood: with nothing above 1 kHz a listener would rather have the noise."""
ORDER = {
    "clear": "the voice as it is",
    "fast": f"hurried, {FASTER:g} times",
    "mumbled": f"nothing above {MUFFLED_HZ:g} Hz",
    "noisy": ENTRIES[Manipulation.NOISE_0].meaning,
    "wrong words": "another sentence than asked",
    "noise": "white noise alone, as long and as strong",
}
"""From best to worst."""


def changed(spoken: Mapping[str, Spoken], how: "partial[Audio]") -> dict[str, Spoken]:
    """Every clip through a function from Audio to Audio."""
    found = {key: (said, how(from_pcm(said.pcm, said.rate))) for key, said in spoken.items()}
    return {key: replace(said, pcm=to_pcm(audio), rate=audio.rate) for key, (said, audio) in found.items()}


def only_noise(audio: Audio) -> Audio:
    """White noise of the speech's length and strength."""
    noisy = effects.noise(audio, snr=0.0)
    return Audio((noisy.samples - audio.samples).clamp(-1.0, 1.0), audio.rate)


def conditions(
    recipe: Recipe, groups: Sequence[Group], block_hash: BlockHash, rules: Competition, outside: Tools, folder: Path
) -> dict[str, dict[str, Spoken]]:
    """Return the audio of each of the six conditions, by prompt id."""

    def say(name: str, **changes: object) -> dict[str, Spoken]:
        other = replace(recipe, name=name, **changes)  # type: ignore[arg-type]
        return answers(build(other, folder), groups, block_hash, rules, outside)

    clear = say("clear")
    return {
        "clear": clear,
        "fast": say("fast", factors={"rate": FASTER}),
        "mumbled": changed(clear, partial(effects.low_pass, hertz=MUFFLED_HZ)),
        "noisy": changed(clear, partial(apply, Manipulation.NOISE_0)),
        "wrong words": say("wrong", substitute=OTHER_WORDS),
        "noise": changed(clear, partial(only_noise)),
    }


def study(sets: int, rules: Competition, progress: Progress) -> OrderStudy:
    """Every voice on every prompt set."""
    task, rows = progress.add_task("judging", total=sets * len(VOICES) * len(ORDER)), []
    with tempfile.TemporaryDirectory(prefix="voice-study-") as parent:
        outside = open_tools("http://127.0.0.1", Path(parent))
        for number in range(sets):
            block_hash = BlockHash("0x" + f"{number + 1:02x}" * 32)
            groups = generate(bytes.fromhex(block_hash[2:]), PLAN)
            panel = Panel.embedded(groups)
            for recipe in VOICES:
                scores = {}
                for name, spoken in conditions(recipe, groups, block_hash, rules, outside=outside, folder=Path(parent)).items():
                    scores[name] = round(score(panel, groups, spoken, rules), 4)
                    progress.advance(task)
                rows.append(_row(recipe.name, number, scores))
    samples = PLAN.single + 2 * (PLAN.counterfactual + PLAN.voice)
    return OrderStudy(order=ORDER, samples=samples, profile_hash=panel.identity.hash, rows=tuple(rows))


def _row(voice: str, prompts: int, scores: dict[str, float]) -> OrderRow:
    wanted, found = [-float(place) for place in range(len(ORDER))], [scores[name] for name in ORDER]
    agreement = {"spearman": round(spearman(wanted, found), 4), "kendall": round(kendall(wanted, found), 4)}
    return OrderRow(voice=voice, prompts=prompts, scores=scores, **agreement)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as a worker does
    with Progress(console=Console(stderr=True)) as progress:
        document = study(asked.sets, competition.load().at(RoundNumber(0)), progress)
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
