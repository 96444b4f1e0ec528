"""`make study-round-variance`: which share of the variance of D is common to a round?

D is the difference of two voices' scores on the same group, clipped as a duel clips it. Two neural voices speak the prompts of round after
round and are judged by the embedded panel; a round is half of the default plan.
Usage: python -m benchmarks.study_round_variance [--json] [--out docs/measured/round_variance.json] [--rounds 8]
"""

import argparse
import hashlib
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.study_voices import spoken
from benchmarks.variance import common_share
from benchmarks.voices import VOICES
from prompts.generate import generate
from prompts.groups import GroupPlan
from scoring import competition
from scoring.competition import Track
from scoring.judges.panel import Panel
from scoring.progress import NO_PROGRESS
from scoring.studies.evidence.measured import PairShare, RoundVarianceStudy, write
from scoring.types import MICRO, RoundNumber

PLAN = GroupPlan(single=14, counterfactual=0, voice=2)
PAIRS = (("hibari", "joe"),)

COLUMNS = ("models", "rounds", "groups in each", "mean of D", "sd of D", "F", "share common to a round", "95 % interval")

Scores = Mapping[str, Sequence[float]]
"""Each model's group scores of one round, in the groups' order."""


def one_round(number: int, panel: Panel, rules: Track, progress: Progress) -> Scores:
    """Every voice in one round."""
    groups = generate(hashlib.sha256(f"round {number}".encode()).digest(), PLAN)
    texts = [prompt.text for group in groups for prompt in group.prompts]
    wanted = {name for pair in PAIRS for name in pair}
    task = progress.add_task(f"round {number}", total=len(wanted))
    found = {}
    for voice in VOICES:
        if voice.name in wanted:
            report = panel.judge(groups, spoken(groups, voice.say(texts)), rules, NO_PROGRESS)
            found[voice.name] = [group.score / MICRO for group in report.groups]
            progress.advance(task)
    return found


def share_of(one: str, other: str, rounds: Sequence[Scores], clip: float) -> PairShare:
    """The share that is common to a round for a pair of models."""
    differences = [[max(-clip, min(clip, a - b)) for a, b in zip(found[one], found[other], strict=True)] for found in rounds]
    share, every = common_share(differences), [difference for row in differences for difference in row]
    numbers = {"mean": statistics.mean(every), "sd": statistics.stdev(every)} | asdict(share)
    return PairShare.model_validate({"pair": (one, other), **{name: round(value, 4) for name, value in numbers.items()}})


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    torch.set_num_threads(1)  # as a worker does
    rules = competition.load().at(RoundNumber(0)).track[0]
    panel = Panel.embedded()
    with Progress(console=Console(stderr=True)) as progress:
        rounds = [one_round(number, panel, rules, progress) for number in range(asked.rounds)]
    shares = tuple(share_of(one, other, rounds, rules.duel.clip) for one, other in PAIRS)
    document = RoundVarianceStudy(clip=rules.duel.clip, profile_hash=panel.identity.hash, pairs=shares)
    if asked.out is not None:
        write(document, asked.out)
    if asked.json:
        Console(soft_wrap=True).print_json(document.model_dump_json())
        return
    table = Table(*COLUMNS)
    for share in shares:
        cells = (str(share.rounds), str(share.groups), f"{share.mean:.3f}", f"{share.sd:.3f}", f"{share.f:.2f}")
        table.add_row(" - ".join(share.pair), *cells, f"{share.estimate:.3f}", f"{share.low:.3f} … {share.high:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
