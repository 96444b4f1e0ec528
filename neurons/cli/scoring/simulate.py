"""`voice simulate`: the effect of the competition's rules on fields of made-up miners."""

import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import progress
from rich.console import Console
from rich.table import Table

from neurons.cli.options import MOST_BLOCK, TrackOption, track_of
from neurons.cli.pages import Check, write_or_check
from scoring import competition
from scoring.competition import Competition
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scoring.studies.simulation.measured import Study, StudyOrigin
    from scoring.studies.simulation.payoff import Payoff, Setting
    from scoring.studies.simulation.study import Bar
    from scoring.studies.simulation.summary import FieldSummary

MEASURED = Path("docs/measured/incentives.json")
RIVALS = Path("docs/measured/rivals.json")
app = typer.Typer(
    help="Simulate the competition: the earnings of each kind of miner, and how surely the best takes the top.",
    no_args_is_help=False,
)
Rules = Annotated[Path | None, typer.Option("--competition", help="Another competition file.", show_default=False)]
Seed = Annotated[int, typer.Option("--seed", min=0, max=MOST_BLOCK, help="Decides every draw.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.callback(invoke_without_command=True)
def simulate(
    context: typer.Context,
    field: Annotated[str, typer.Option("--field", help="The field of miners: mixed, honest, copies or junk.")] = "mixed",
    rounds: Annotated[int, typer.Option("--rounds", min=1, max=5000, help="Rounds of a run.")] = 200,
    runs: Annotated[int, typer.Option("--runs", min=1, max=1000, help="Runs, each with draws of its own.")] = 5,
    seed: Seed = 1,
    rules: Rules = None,
    track: TrackOption = None,
    as_json: AsJson = False,
) -> None:
    """Simulate a field of miners with the functions that decide on chain. `study` prints every target, `docs` writes the page."""
    if context.invoked_subcommand is not None:
        return
    from scoring.studies.simulation import study
    from scoring.studies.simulation.actors import FIELDS

    if field not in FIELDS:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no field is called {field}; there are {', '.join(FIELDS)}")
    played = rules_of(rules, track)
    with bars() as bar:
        found = study.field(field, rounds, runs, competition=played, seed=seed, bar=bar)
    if as_json:
        typer.echo(json.dumps({"track": _name(played), **asdict(found)}, indent=1))
    else:
        _show_field(found, _name(played))


@app.command("study")
def study_command(
    out: Annotated[Path | None, typer.Option("--out", help="Write the result there, for the page.", show_default=False)] = None,
    small: Annotated[bool, typer.Option("--small", help="A try of seconds, with little meaning.")] = False,
    seed: Seed = 1,
    rules: Rules = None,
    track: TrackOption = None,
    as_json: AsJson = False,
) -> None:
    """Simulate every number of docs/incentives.md, and print each target with its measured value. Takes minutes."""
    from scoring.studies.simulation import measured, study

    competition, begun = rules_of(rules, track), time.monotonic()
    with bars() as bar:
        found = study.simulate(study.SMALL if small else study.StudySize(), competition, _origin(competition, seed), bar)
    seconds = round(time.monotonic() - begun, 1)
    found = found.model_copy(update={"origin": found.origin.model_copy(update={"seconds": seconds})})
    if out is not None:
        measured.write(found, out)
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        _show_targets(found, _name(competition))


@app.command()
def attack(
    file: Annotated[
        str, typer.Argument(help="A Python file with commit(moment), or the name of one of the project's own tricks.")
    ],
    where: Annotated[
        list[str] | None,
        typer.Option("--setting", metavar="NAME", help="Play it there only; may be repeated.", show_default="all"),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Runs of 72 rounds instead of 120: a first impression.")] = False,
    seed: Seed = 1,
    rules: Rules = None,
    track: TrackOption = None,
    as_json: AsJson = False,
) -> None:
    """Play a strategy by the functions that decide on chain, and print its pay-off against one honest hotkey of the same ability.

    It is played in six settings at three spreads, 20 runs each unless its RUNS asks for more: minutes. WHERE, by which the project's own
    tricks say in which settings the study plays them, is not read.
    """
    from scoring.studies.simulation.measured import rules_hash
    from scoring.studies.simulation.payoff import LONG, QUICK, SDS, SETTINGS, Arena
    from scoring.studies.simulation.strategy_file import StrategyFile, known

    strategy = known().get(file) or StrategyFile(Path(file))
    settings = [_setting(name, SETTINGS) for name in where or SETTINGS]
    hotkeys = strategy.miner(()).hotkeys  # a file without a strategy is refused before anything is played
    arena = Arena(rules_of(rules, track), QUICK if quick else LONG, seed)
    with bars() as bar:
        advance = bar(strategy.name, arena.steps([strategy], len(settings), len(SDS)))
        found = tuple(arena.attack([strategy], settings, SDS, advance))
    if as_json:
        rows = [asdict(row) | {"pays": row.pays, "surely": row.surely} for row in found]
        made = {"track": _name(arena.competition), "rules_hash": rules_hash(arena.competition)}
        typer.echo(json.dumps(made | {"seed": seed, "payoffs": rows}, indent=1))
    else:
        _show_payoffs(found, arena.size.rounds, hotkeys, _name(arena.competition))


@app.command()
def ceiling(rules: Rules = None, track: TrackOption = None, as_json: AsJson = False) -> None:
    """Compute the highest mean score that the rules let anybody reach, and print it beside the one that they state."""
    from scoring.studies.simulation.ceiling import ceiling as computed

    chosen = rules_of(rules, track).track[0]
    found = {"computed": computed(chosen), "stated": chosen.duel.ceiling}
    if as_json:
        typer.echo(json.dumps(found))
    else:
        typer.echo(
            f"A voice without a fault that does what is asked scores {found['computed']:.4f}; "
            f"the track {chosen.name} states {found['stated']:g}."
        )


@app.command()
def docs(
    out: Annotated[Path, typer.Option("--out", help="The page to write; its charts go into a folder of its name.")] = Path(
        "docs/incentives.md"
    ),
    measured: Annotated[Path, typer.Option("--measured", help="The study's result.")] = MEASURED,
    others: Annotated[Path, typer.Option("--rivals", help="The result against others' rules.")] = RIVALS,
    check: Check = False,
) -> None:
    """Render docs/incentives.md and its charts from the code and from the study's result."""
    from scoring.studies.simulation import measured as studies
    from scoring.studies.simulation import rivals
    from scoring.studies.simulation.page import render

    write_or_check(render(studies.read(measured), rivals.read(others), out), check, "voice simulate docs")


def rules_of(path: Path | None, track: str | None = None) -> Competition:
    """The rules in force last, for one track alone; raises PlatformError(ARGUMENT_INVALID) for a track that there is not."""
    rules = competition.load(path or competition.DEFAULT_PATH).version[-1]
    return rules.alone(track_of(rules, track))


def _origin(competition: Competition, seed: int) -> "StudyOrigin":
    from scoring.studies.simulation.measured import StudyOrigin, rules_hash

    machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    return StudyOrigin(
        date=datetime.now(UTC).date().isoformat(), machine=machine, seed=seed, seconds=0.0, rules_hash=rules_hash(competition)
    )


@contextmanager
def bars() -> "Iterator[Bar]":
    """One bar for each part of the work, on stderr."""
    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True)) as bars:

        def begin(name: str, steps: int) -> Callable[[int], None]:
            row = bars.add_task(name, total=steps)
            return lambda done: bars.advance(row, done)

        yield begin


def _name(played: Competition) -> str:
    """The name of the one track of rules that are played alone."""
    return played.track[0].name


def _show_field(found: "FieldSummary", track: str) -> None:
    console = Console()
    table = Table("who", "hotkeys", "share of emission", "rounds' emission per registration", "least – most", box=None)
    for row in found.earnings:
        table.add_row(row.kind, str(row.hotkeys), f"{row.share:.1%}", f"{row.each:.2f}", f"{row.least:.2f} – {row.most:.2f}")
    table.add_row("burned", "", f"{found.burned:.1%}", "", "")
    console.print(table)
    spent = found.spending
    lines = (
        f"{found.runs} runs of {found.rounds} rounds each. Shares are of the emission of the track {track}.",
        f"The top changed hands {found.crownings} times by duel: {found.unearned} times to a model not better, "
        f"{found.narrow} times to one better by less than the margin.",
        f"{found.better} models came that were truly better than the king by more than the margin; "
        f"{found.served} times they or one as good took the top, after {found.rounds_to_crown or 0:g} rounds (median).",
        f"{found.evaluations:.0f} evaluations a run, {found.gpu_hours:.0f} GPU-hours at an assumed five minutes each.",
        "No duel was settled."
        if spent is None
        else f"{spent.settled} duels were settled with {spent.groups:.0f} groups each, "
        f"{spent.ratio:.2f} of what a test of fixed length would take.",
    )
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _setting(name: str, known: "Mapping[str, Setting]") -> "Setting":
    """A setting by its name; raises PlatformError(ARGUMENT_INVALID)."""
    if name not in known:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no setting is called {name}; there are {', '.join(known)}")
    return known[name]


def _show_payoffs(found: "Sequence[Payoff]", rounds: int, hotkeys: int, track: str) -> None:
    table = Table("setting", "sd", "earned", "one honest hotkey", "ratio (95 % interval)", "", box=None)
    for row in found:
        ratio = "–" if row.ratio is None else f"{row.ratio:.3f} ({row.low:.3f} – {row.high:.3f})"
        table.add_row(row.setting, f"{row.sd:g}", f"{row.earned:.1%}", f"{row.honest:.1%}", ratio, _verdict(row))
    console = Console()
    console.print(table)
    verdict = "It does not pay."
    if any(row.pays for row in found):
        verdict = "It pays." if any(row.surely for row in found) else "It is not excluded that it pays: too few runs."
    console.print(
        f"{verdict} {found[0].runs} runs of {rounds} rounds each; shares are of the emission of the track {track}.",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"It has {hotkeys} hotkeys; what their registration costs is not taken off. –: honest work earns nothing there."
    )


def _verdict(row: "Payoff") -> str:
    """What the row's interval says."""
    if row.surely:
        return "PAYS"
    return "not excluded" if row.pays else ""


def _show_targets(found: "Study", track: str) -> None:
    from scoring.studies.simulation.targets import targets

    table = Table("target", "measured (95 % interval)", "asked", "", box=None)
    for row in targets(found):
        table.add_row(row.name, row.measured, row.bound, "met" if row.met else "NOT MET")
    console = Console()
    console.print(table)
    origin = found.origin
    console.print(f"{origin.seconds:.0f} s, seed {origin.seed}, track {track}, rules {origin.rules_hash[:12]}")
