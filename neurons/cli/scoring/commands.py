"""`voice scoring`: attack the score, calibrate it, and write down how it works."""

import tomllib
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from neurons.cli.pages import Check, write_or_check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prompts.groups import Group
    from scoring.competition import Profile
    from scoring.judges.panel import Panel
    from scoring.studies.manipulations.manipulation import Manipulation

app = typer.Typer(help="The score itself: attack it, calibrate it, read how it works.", no_args_is_help=True)


@app.command()
def attack(
    name: Annotated[str | None, typer.Argument(help="The manipulation.", show_default=False)] = None,
    source: Annotated[Path | None, typer.Argument(help="A WAV, FLAC or OGG file.", show_default=False)] = None,
    target: Annotated[Path | None, typer.Argument(help="The WAV file to write.", show_default=False)] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show every manipulation.")] = False,
) -> None:
    """Manipulate a recording as an attacker would; the same file gives the same result."""
    from scoring.errors import Code, PlatformError
    from scoring.studies.manipulations.manipulation import ENTRIES, manipulate

    if listed:
        table = Table("name", "what it does", box=None)
        for manipulation, entry in ENTRIES.items():
            table.add_row(manipulation, entry.meaning)
        Console().print(table)
        return
    if name is None or source is None or target is None:
        raise PlatformError(Code.ARGUMENT_INVALID, "attack takes NAME, the file to read and the file to write, or --list")
    changed = manipulate(_manipulation(name), source, target)
    typer.echo(f"{target}: {changed.seconds:.2f} s at {changed.rate} Hz")


def _manipulation(name: str) -> "Manipulation":
    from scoring.errors import Code, PlatformError
    from scoring.studies.manipulations.manipulation import Manipulation

    try:
        return Manipulation(name)
    except ValueError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no manipulation is called {name}; --list shows them") from exc


@app.command()
def calibrate(
    natural: Annotated[Path, typer.Option("--natural", help="Folder of natural recordings, each beside a .txt of its words.")],
    degraded: Annotated[Path, typer.Option("--degraded", help="Folder of degraded recordings, in the same form.")],
    out: Annotated[Path, typer.Option("--out", help="The anchors' file to write.")] = Path("anchors.toml"),
    profile: Annotated[
        str, typer.Option("--profile", help="The profile whose judges measure: embedded or standard.")
    ] = "embedded",
    date: Annotated[str | None, typer.Option("--date", help="The day to write into it (default: today, UTC).")] = None,
) -> None:
    """Measure a profile's anchors again, from recordings, through the judges that score models."""
    from scoring.scores import calibration, scales
    from scoring.studies import recordings

    chosen = _profile(profile)
    sets = {"natural": recordings.find(natural, "natural"), "degraded": recordings.find(degraded, "degraded")}
    panel = _panel(chosen, [group for found in sets.values() for group in found.groups])
    measured = {}
    with Progress(console=Console(stderr=True)) as bars:
        for label, found in sets.items():
            row = bars.add_task(label, total=len(found.files))
            measured[label] = recordings.measure(panel, found, chosen, partial(_advance, bars, row))
    present = scales.load_anchors(chosen)
    result = calibration.calibrate(present, measured["natural"][0], measured["degraded"][0])
    source = calibration.Provenance(
        date=date or datetime.now(UTC).date().isoformat(),
        profile=chosen,
        judges=panel.identity.judges,
        natural=measured["natural"][1],
        degraded=measured["degraded"][1],
    )
    out.write_text(calibration.render(result, present, source), encoding="utf-8")
    _show(out, result.kept)


def _profile(name: str) -> "Profile":
    from scoring.competition import Profile
    from scoring.errors import Code, PlatformError

    try:
        return Profile(name)
    except ValueError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no profile is called {name}; there are {', '.join(Profile)}") from exc


def _panel(profile: "Profile", groups: "Sequence[Group]") -> "Panel":
    """The panel that a worker on this machine would build."""
    import torch

    from neurons.settings import MinerSettings
    from workers.evaluation.judge_models import StandardModels
    from workers.evaluation.tools import LastPanel

    torch.set_num_threads(1)  # as a worker does
    settings = MinerSettings()
    return LastPanel(StandardModels(settings.standard_pins, settings.hub, settings.data / "judges", settings.device))(
        profile, groups
    )


def _advance(bars: Progress, row: TaskID, done: int, _total: int) -> None:
    bars.update(row, completed=done)


def _show(path: Path, kept: tuple[str, ...]) -> None:
    written = tomllib.loads(path.read_text(encoding="utf-8"))
    table = Table("metric", "bad", "human", "")
    for factor, rules in written["factors"].items():
        for metric, points in rules["metrics"].items():
            note = "kept: recordings do not say" if f"{factor}.{metric}" in kept else "measured"
            table.add_row(f"{factor}.{metric}", f"{points['bad']:g}", f"{points['human']:g}", note)
    Console().print(table)
    Console().print(f"Written to {path}. A competition uses it when the file replaces the profile's own, in a new version.")


@app.command()
def docs(
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("docs/scoring.md"),
    measured: Annotated[Path, typer.Option("--measured", help="Folder of the studies' results.")] = Path("docs/measured"),
    check: Check = False,
) -> None:
    """Render docs/scoring.md from the code and from the studies' results."""
    from scoring.studies.evidence import measured as studies
    from scoring.studies.evidence.page import render

    write_or_check({out: render(studies.read(measured))}, check, "voice scoring docs")
