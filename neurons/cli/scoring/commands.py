"""`voice scoring`: attack the score, calibrate it, pin its judges' models, see its prompts, and write down how it works."""

import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from neurons.cli.options import given, set_by
from neurons.cli.pages import Check, write_or_check
from neurons.cli.scoring.prompts import prompts
from neurons.settings import MinerSettings
from scoring.competition import Profile
from scoring.errors import Code, PlatformError
from scoring.foreign_words import printable
from scoring.judges.standard.models import CATALOGUE, ModelSource, Role, read_catalogue, write_pins

if TYPE_CHECKING:
    from scoring.judges.panel import Panel
    from scoring.studies.manipulations.manipulation import Manipulation

app = typer.Typer(help="The score itself: attack it, calibrate it, read how it works.", no_args_is_help=True)
app.command()(prompts)


@app.command()
def attack(
    name: Annotated[str | None, typer.Argument(help="The manipulation.", show_default=False)] = None,
    source: Annotated[Path | None, typer.Argument(help="A WAV, FLAC or OGG file.", show_default=False)] = None,
    target: Annotated[Path | None, typer.Argument(help="The WAV file to write.", show_default=False)] = None,
    listed: Annotated[bool, typer.Option("--list", help="Show every manipulation.")] = False,
) -> None:
    """Manipulate a recording as an attacker would; the same file gives the same result."""
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
    from scoring.scores import aggregate, calibration
    from scoring.studies import recordings

    chosen = _profile(profile)
    sets = {"natural": recordings.find(natural, "natural"), "degraded": recordings.find(degraded, "degraded")}
    panel = _panel(chosen)
    measured = {}
    with Progress(console=Console(stderr=True)) as bars:
        for label, found in sets.items():
            row = bars.add_task(label, total=len(found.files))
            measured[label] = recordings.measure(panel, found, chosen, partial(_advance, bars, row))
    present = aggregate.load_anchors(chosen)
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


def _profile(name: str) -> Profile:
    try:
        return Profile(name)
    except ValueError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no profile is called {name}; there are {', '.join(Profile)}") from exc


def _panel(profile: Profile) -> "Panel":
    """The panel that a worker on this machine would build."""
    import torch

    from workers.evaluation.judge_models import StandardModels
    from workers.evaluation.tools import LastPanel

    torch.set_num_threads(1)  # as a worker does
    settings = MinerSettings()
    return LastPanel(StandardModels(settings.standard_pins, settings.hub, settings.data / "judges", settings.device))(profile)


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


@app.command()
def pin(
    out: Annotated[Path, typer.Option("--out", help="The file of pins to write.")] = Path("pins.toml"),
    hub: Annotated[
        str | None, typer.Option("--hub", help="The model hub.", show_default=set_by("HF_ENDPOINT", "https://huggingface.co"))
    ] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="A file of the repositories that fill the roles (default: the packaged list).")
    ] = None,
    repo: Annotated[
        list[str] | None,
        typer.Option(
            "--repo", help="Another repository for a role: ROLE=NAMESPACE/NAME or ROLE=NAMESPACE/NAME@BRANCH; may be repeated."
        ),
    ] = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="The folder of the models (default: the worker's own).")] = None,
    judges: Annotated[
        Path | None, typer.Option("--judges", help="The judges' folder to fill (default: this Python environment's).")
    ] = None,
    folder_only: Annotated[bool, typer.Option("--folder-only", help="Fill the judges' folder, and pin nothing.")] = False,
) -> None:
    """Fetch the standard profile's judge models as they are published now, and write their revisions and checksums.

    A pickled checkpoint is converted to safetensors in the sandbox. What the judges' folder lacks and the hub has is put there first.
    """
    from scoring.judges import weights
    from workers.evaluation import hub_weights
    from workers.evaluation.judge_models import pin_models

    if out.is_dir() or not out.parent.is_dir():  # said before gigabytes are fetched
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {out} cannot be written: name a file in a folder that exists.")
    settings = MinerSettings(**given(hub=hub))
    sources = {**read_catalogue(models or CATALOGUE)}
    sources |= _chosen(sources, repo or [])
    endpoint, place, folder = settings.hub, cache or settings.data / "judges", judges or weights.folder()
    with Progress(console=Console(stderr=True)) as bars:
        brought = hub_weights.fill(folder, endpoint, place, partial(_advance, bars, bars.add_task("judges' folder", total=None)))
        bars.console.print(f"{folder}: {brought} files came from the hub")
        if folder_only:
            return
        rows = {role: bars.add_task(role.value, total=None) for role in sources}
        pins = pin_models(sources, endpoint, place, lambda role: partial(_advance, bars, rows[role]))
    write_pins(out, pins)
    for role, pinned in pins.items():
        typer.echo(printable(f"{role}: {pinned.label}"))
    typer.echo(f"Written to {out}. Workers that have VOICE_STANDARD_PINS={out} judge with these models.")


def _advance(bars: Progress, row: TaskID, done: int, total: int) -> None:
    bars.update(row, completed=done, total=total)


def _chosen(sources: Mapping[Role, ModelSource], given: Sequence[str]) -> dict[Role, ModelSource]:
    """The roles that `--repo` fills otherwise; raises PlatformError(ARGUMENT_INVALID)."""
    chosen: dict[Role, ModelSource] = {}
    for text in given:
        name, _, place = text.partition("=")
        repo, _, ref = place.partition("@")
        try:
            role = Role(name)
            chosen[role] = ModelSource(repo=repo, ref=ref or "main", files=sources[role].files, weights=sources[role].weights)
        except (ValueError, ValidationError) as exc:
            roles = ", ".join(Role)
            raise PlatformError(
                Code.ARGUMENT_INVALID, f"--repo {text}: give ROLE=NAMESPACE/NAME[@BRANCH], ROLE of {roles}"
            ) from exc
    return chosen
