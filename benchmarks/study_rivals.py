"""`make study-rivals`: our duel against others' rules, on the same draws.

The others: the decision of the package `vocencebench` (a paired bootstrap bound against a margin of the headroom), a mean higher by 3 %,
and a mean higher by .02, each looked at after every round and once at the end. The noise is what `make study-round-variance` measured
between two neural voices, half of it, and one assumed.
Usage: python -m benchmarks.study_rivals [--json] [--out docs/measured/rivals.json] [--runs 400] [--seed 1]
"""

import argparse
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from vocencebench.decide import decide, dynamic_margin

from scoring import competition
from scoring.studies.evidence import measured
from scoring.studies.simulation.measured import rules_hash
from scoring.studies.simulation.rivals import LEADS, Handicap, Margin, Rivals, RivalStudy

MEASURED = Path("docs/measured")
ASSUMED_SD = 0.18
"""Between voices in two registers, as judges of before measured it."""
COLUMNS = ("rule", "looked at", "sd", "lead, sd", "crowned (95 % interval)", "groups")


class Bootstrap:
    """`vocencebench.decide`, as published: the 5 % bound of the bootstrapped mean difference must exceed a tenth of the king's headroom."""

    name = "vocencebench's decide"

    def crowns(self, king: Sequence[float], challenger: Sequence[float]) -> bool:
        """Ask the package; a score is one dimension of it."""
        mean = fmean(king)
        if fmean(challenger) - mean <= dynamic_margin(mean):  # a bound below the mean exceeds nothing that the mean does not
            return False
        pairs = zip(king, challenger, strict=True)
        samples = [{"objective": [{"trait": "score", "a": {"score": a}, "b": {"score": b}}]} for a, b in pairs]
        compared = SimpleNamespace(label_a="king", label_b="challenger", per_sample=samples)
        return bool(decide(compared, incumbent="king").winner == "challenger")


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--out", type=Path, help="write the result there, for the page")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    (neural,) = measured.read(MEASURED).round_variance.pairs
    rules = competition.load().version[-1]
    study = RivalStudy(
        competition=rules,
        rules=(Bootstrap(), Handicap(0.03, "mean higher by 3 %"), Margin(0.02, "mean higher by .02")),
        sds=(neural.sd, neural.sd / 2, ASSUMED_SD),
        runs=options.runs,
        seed=options.seed,
    )
    began = time.monotonic()
    with Progress(console=Console(stderr=True)) as bars:
        row = bars.add_task("duels and others", total=options.runs * len(LEADS) * len(study.sds))
        rows = tuple(study.rows(lambda done: bars.advance(row, done)))
    found = Rivals(
        date=f"{datetime.now(UTC):%Y-%m-%d}",
        seed=options.seed,
        seconds=round(time.monotonic() - began, 1),
        rules_hash=rules_hash(rules),
        rows=rows,
    )
    if options.out is not None:
        options.out.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if options.json:
        print(found.model_dump_json(indent=1))  # noqa: T201
        return
    table = Table(*COLUMNS, title="make study-rivals")
    for entry in rows:
        crowned = f"{entry.crowned.share:.3f} ({entry.crowned.low:.3f} – {entry.crowned.high:.3f})"
        table.add_row(entry.rule, entry.looks, f"{entry.sd:.3f}", f"{entry.lead:g}", crowned, f"{entry.groups:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
