"""`make study-round-variance`: which share of the variance of D is common to a round?

D is the difference of two models' scores on the same group, clipped as a duel clips it. Models speak through the sandbox and are
judged by the embedded panel, round after round, each with prompts and a panel of its own; a round is half of the default plan.
Usage: python -m tests.benchmarks.study_round_variance [--json] [--out docs/measured/round_variance.json] [--rounds 10]
"""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from prompts.generate import generate
from prompts.groups import GroupPlan
from scoring import competition
from scoring.competition import Competition
from scoring.evidence.variance import Share, common_share
from scoring.judges.panel import Panel
from scoring.types import MICRO, BlockHash, RoundNumber
from tests.benchmarks.espeak_models import FORMANT, KLATT, Recipe, answers, build
from workers.main import tools

PLAN = GroupPlan(single=10, counterfactual=4, voice=2)
MODELS = (
    Recipe("clear", f"{KLATT}, {FORMANT}", "en-us+edward", "en-us+f2"),
    Recipe("hurried", f"{KLATT}, {FORMANT}", "en-us+edward", "en-us+f2", {"rate": 1.15}),
    Recipe("other", f"{KLATT}, {FORMANT}", "en-us+klatt4", "en-us+f5"),
)
PAIRS = (("clear", "hurried"), ("clear", "other"))

Scores = Mapping[str, Sequence[float]]
"""Each model's group scores of one round, in the groups' order."""


def one_round(number: int, rules: Competition, folders: Mapping[str, Path], parent: Path, progress: Progress) -> Scores:
    """Every model in one round."""
    block_hash = BlockHash("0x" + hashlib.sha256(f"round {number}".encode()).hexdigest())
    groups = generate(bytes.fromhex(block_hash[2:]), PLAN)
    panel, outside = Panel.embedded(groups), tools("http://127.0.0.1", parent)
    task = progress.add_task(f"round {number}", total=len(folders))
    found = {}
    for name, folder in folders.items():
        spoken = answers(folder, groups, block_hash, rules, outside)
        report = panel.judge(groups, spoken, rules, lambda _done, _total: None)
        found[name] = [group.score / MICRO for group in report.groups]
        progress.advance(task)
    return found


def share_of(one: str, other: str, rounds: Sequence[Scores], clip: float) -> Share:
    """The share that is common to a round for a pair of models."""
    differences = [[max(-clip, min(clip, a - b)) for a, b in zip(scores[one], scores[other], strict=True)] for scores in rounds]
    return common_share(differences)


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rules = competition.load().at(RoundNumber(0))
    with tempfile.TemporaryDirectory(prefix="voice-study-") as name, Progress(console=Console(stderr=True)) as progress:
        folders = {recipe.name: build(recipe, Path(name)) for recipe in MODELS}
        rounds = [one_round(number, rules, folders, Path(name), progress) for number in range(asked.rounds)]
    shares = {pair: share_of(*pair, rounds, rules.duel.clip) for pair in PAIRS}
    rows = [
        {"pair": list(pair), **{key: round(value, 4) for key, value in asdict(share).items()}} for pair, share in shares.items()
    ]
    document = json.dumps({"clip": rules.duel.clip, "pairs": rows}, indent=1)
    if asked.out is not None:
        asked.out.write_text(document + "\n", encoding="utf-8")
    if asked.json:
        Console(soft_wrap=True).print_json(document)
        return
    table = Table("models", "rounds", "groups in each", "F", "share common to a round", "95 % interval")
    for (one, other), share in shares.items():
        cells = (
            str(share.rounds),
            str(share.groups),
            f"{share.f:.2f}",
            f"{share.estimate:.3f}",
            f"{share.low:.3f} … {share.high:.3f}",
        )
        table.add_row(f"{one} - {other}", *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
