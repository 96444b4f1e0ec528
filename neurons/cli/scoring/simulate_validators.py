"""`voice simulate copying`, `audits` and `bias`: what copied weights earn, how soon a lying worker is found, and what its friend earns."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from neurons.cli.scoring.simulate import AsJson, Rules, Seed, bars, rules_of

if TYPE_CHECKING:
    from scoring.studies.simulation.audit_bias import FriendsPay
    from scoring.studies.simulation.audits import AuditedLife
    from scoring.studies.simulation.copying import Copying, Row
    from scoring.types import Uid

Out = Annotated[Path | None, typer.Option("--out", help="Write the result there, as JSON.", show_default=False)]
KAPPA = 32_767
"""The chain's own majority of stake, in 65,535ths."""


def copying(
    rounds: Annotated[int, typer.Option("--rounds", min=10, max=5000, help="Epochs of a run, one a round.")] = 200,
    runs: Annotated[int, typer.Option("--runs", min=2, max=1000, help="Runs, each with draws of its own.")] = 20,
    seed: Seed = 1,
    rules: Rules = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a validator that copies others' weights: its dividends, with and without commit-reveal."""
    from scoring.studies.simulation import actors, study
    from scoring.studies.simulation.copying import CASES
    from scoring.studies.simulation.copying import copying as copied
    from scoring.studies.simulation.fields import play
    from scoring.studies.simulation.world import World

    who, world, competition = actors.FIELDS["mixed"](), World(study.MEASURED_SD), rules_of(rules)
    with bars() as bar:
        advance = bar("a mixed field", rounds * runs)
        played = [
            play(who, rounds, world=world, competition=competition, seed=seed + run, advance=advance).vectors
            for run in range(runs)
        ]
    found = [copied(case, played, consensus) for case in CASES]
    _answer([asdict(row) for row in found], seed, out, as_json=as_json, show=lambda: _show_copying(found))


def audits(
    runs: Annotated[int, typer.Option("--runs", min=2, max=10_000, help="Lives of each kind of worker.")] = 1000,
    life: Annotated[int, typer.Option("--life", min=10, max=100_000, help="Audited evaluations of an honest worker.")] = 1000,
    within: Annotated[int, typer.Option("--within", min=10, max=100_000, help="Audited evaluations of a liar.")] = 200,
    seed: Seed = 1,
    rules: Rules = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Simulate workers that are audited: how soon a liar is found, and how often an honest one is accused."""
    from scoring.studies.simulation.audits import WORKERS, lives

    competition = rules_of(rules)
    plan = competition.track[0].prompts
    samples = plan.single + 2 * (plan.counterfactual + plan.voice)
    with bars() as bar:
        found = lives(
            competition.audits,
            samples,
            runs=runs,
            honest_audits=life,
            audits=within,
            seed=seed,
            advance=bar("audited workers", len(WORKERS)),
        )
    _answer([asdict(row) for row in found], seed, out, as_json=as_json, show=lambda: _show_lives(found))


def bias(
    rounds: Annotated[int, typer.Option("--rounds", min=10, max=5000, help="Rounds of a run after the friend came.")] = 600,
    runs: Annotated[int, typer.Option("--runs", min=2, max=1000, help="Runs of each noise and rate.")] = 20,
    seed: Seed = 1,
    rules: Rules = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a worker that lies for one hotkey: what the hotkey earns until audits find the worker, and afterwards."""
    from scoring.studies.simulation.audit_bias import friends, steps

    with bars() as bar:
        advance = bar("a worker and its friend", steps(runs, rounds))
        found = friends(rules_of(rules), runs=runs, rounds=rounds, seed=seed, advance=advance)
    _answer([asdict(row) for row in found], seed, out, as_json=as_json, show=lambda: _show_friends(found))


def consensus(stakes: Sequence[int], rows: Sequence["Row"]) -> "tuple[Mapping[Uid, float], Mapping[Uid, float]]":
    """The development chain's epoch: the most that a row may give each uid, and each uid's incentive."""
    from neurons.devchain.epoch import Voter, run
    from scoring.types import Uid
    from scoring.weights.plan import to_u16

    voters = [Voter(place, stake, dict(to_u16(row))) for place, (stake, row) in enumerate(zip(stakes, rows, strict=True))]
    size = max(len(voters), 1 + max(max(row) for row in rows))
    found = run(voters, size, KAPPA)
    by_uid = [{Uid(uid): share for uid, share in enumerate(shares)} for shares in (found.consensus, found.incentive)]
    return by_uid[0], by_uid[1]


def _answer(rows: list[dict[str, Any]], seed: int, out: Path | None, *, as_json: bool, show: Any) -> None:
    """Write, print or show the result, with what is needed to do it again."""
    found = {"date": datetime.now(UTC).date().isoformat(), "seed": seed, "rows": rows}
    text = json.dumps(found, indent=1)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    if as_json:
        typer.echo(text)
    else:
        show()


def _show_copying(found: "Sequence[Copying]") -> None:
    table = Table("weights count after", "bonds kept", "of an honest validator's dividends (95 %)", "least", box=None)
    for row in found:
        wait = f"{row.case.period} epochs, sealed" if row.case.period else "at once, in the open"
        table.add_row(wait, f"{row.case.memory:.0%}", f"{row.ratio:.3f} ({row.low:.3f} – {row.high:.3f})", f"{row.least:.3f}")
    console = Console()
    console.print(table)
    first = found[0]
    console.print(f"{first.runs} runs of {first.epochs} epochs; {first.changes:.1f} times a run the weights changed hands.")


def _show_lives(found: "Sequence[AuditedLife]") -> None:
    table = Table("worker", "audits", "accused (95 %)", "half after", "95 % after", box=None)
    for row in found:
        share = f"{row.found.share:.3f} ({row.found.low:.3f} – {row.found.high:.3f})"
        waits = ["" if value is None else f"{value:.0f}" for value in (row.median, row.late)]
        table.add_row(row.worker, str(row.audits), share, *waits)
    Console().print(table)


def _show_friends(found: "Sequence[FriendsPay]") -> None:
    table = Table("sd", "audited", "crowned", "worker found", "after rounds", "share before", "share after", box=None)
    for row in found:
        waits = "" if row.until_found is None else f"{row.until_found:.0f}"
        after = "" if row.after is None else f"{row.after:.3f}"
        shares = [f"{share.share:.2f}" for share in (row.crowned, row.found)]
        table.add_row(f"{row.sd:g}", f"{row.audited:.0%}", *shares, waits, f"{row.before:.3f}", after)
    Console().print(table)
