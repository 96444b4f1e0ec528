"""`make study-attacks`: by how much each manipulation lowers the combined score, on four voices of two synthesisers.

Usage: python -m benchmarks.study_attacks [--json] [--out docs/measured/attacks.json] [--groups 3] [NAME …]
"""

import argparse
import tempfile
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.espeak_models import FORMANT, KLATT, Recipe, answers, build
from prompts.generate import generate
from prompts.groups import Group
from scoring import competition
from scoring.competition import Competition
from scoring.judges.panel import Panel
from scoring.studies.evidence.discrimination import LEAST_DROP, MOST_GAIN, drops, score
from scoring.studies.evidence.measured import AttackedVoice, AttackStudy, write
from scoring.studies.manipulations.manipulation import Manipulation
from scoring.types import BlockHash, RoundNumber
from workers.evaluation.tools import open_tools

SEED = BlockHash("0x" + "07" * 32)
VOICES = {
    "f2": Recipe(name="f2", synthesis=FORMANT, low="en-us+f2", high="en-us+f2"),
    "f5": Recipe(name="f5", synthesis=FORMANT, low="en-us+f5", high="en-us+f5"),
    "edward": Recipe(name="edward", synthesis=KLATT, low="en-us+edward", high="en-us+edward"),
    "klatt4": Recipe(name="klatt4", synthesis=KLATT, low="en-us+klatt4", high="en-us+klatt4"),
}
"""Each speaks only the groups of the register that it was tuned for."""


def measure(
    recipe: Recipe, own: tuple[Group, ...], panel: Panel, rules: Competition, names: list[Manipulation], progress: Progress
) -> AttackedVoice:
    """Speak once, manipulate and judge for each name."""
    task = progress.add_task(recipe.name, total=len(names))
    with tempfile.TemporaryDirectory(prefix="voice-study-") as parent:
        outside = open_tools("http://127.0.0.1", Path(parent))
        spoken = answers(build(recipe, Path(parent)), own, SEED, rules, outside)
    found: dict[Manipulation, float] = {}
    for name, drop in drops(panel, own, spoken, rules, names):
        found[name] = drop
        progress.advance(task)
    return AttackedVoice(
        synthesis=recipe.synthesis,
        rate=max(said.rate for said in spoken.values()),
        score=round(score(panel, own, spoken, rules), 4),
        drops={name: round(drop, 4) for name, drop in found.items()},
    )


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", type=Manipulation, default=list(Manipulation))
    parser.add_argument("--groups", type=int, default=3, help="groups per voice")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as a worker does
    rules = competition.load().at(RoundNumber(0))
    groups = generate(bytes.fromhex(SEED[2:]), rules.round.plan)
    panel = Panel.embedded()
    with Progress(console=Console(stderr=True)) as progress:
        found = {
            name: measure(recipe, groups[: asked.groups], panel, rules, names=asked.names, progress=progress)
            for name, recipe in VOICES.items()
        }
    document = AttackStudy(groups=asked.groups, profile_hash=panel.identity.hash, voices=found)
    if asked.out is not None:
        write(document, asked.out)
    if asked.json:
        Console(soft_wrap=True).print_json(document.model_dump_json())
    else:
        Console().print(table(found, asked.names))


def table(found: dict[str, AttackedVoice], names: list[Manipulation]) -> Table:
    """Rows by manipulation; what falls short of its least amount is marked."""
    shown = Table("manipulation", "least", *(f"{name} ({entry.score:.3f})" for name, entry in found.items()))
    for name in names:
        least = LEAST_DROP.get(name, -MOST_GAIN)
        cells = [f"{entry.drops[name]:.3f}{' !' if entry.drops[name] < least else ''}" for entry in found.values()]
        shown.add_row(name, f"{least:.2f}", *cells)
    return shown


if __name__ == "__main__":
    main()
