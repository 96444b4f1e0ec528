"""`voice family`: the kinds of models that a competition can admit, and the parts that it pins for them."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import Progress, TaskID

from neurons.cli.family.admit import admit
from neurons.cli.family.base import base
from neurons.cli.options import given, set_by
from neurons.cli.pages import Check, write_or_check
from neurons.settings import MinerSettings
from scoring.described import described
from scoring.errors import Code, PlatformError
from scoring.foreign_words import printable
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.manifest import Manifest
from scoring.synthesis.parts import PartSource, to_toml

app = typer.Typer(help="The kinds of models that a competition can admit.", no_args_is_help=True)
Chosen = Annotated[
    list[str] | None,
    typer.Option(
        "--repo", help="Another repository for a part: PART=NAMESPACE/NAME or PART=NAMESPACE/NAME@BRANCH; may be repeated."
    ),
]
Files = Annotated[
    list[str] | None, typer.Option("--file", help="Another file of a part's repository: PART=PATH; may be repeated.")
]


@app.callback()
def family() -> None:
    """The kinds of models that a competition can admit."""


app.command()(admit)
app.command()(base)


@app.command()
def docs(
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("docs/families.md"), check: Check = False
) -> None:
    """Render docs/families.md from the families' manifests."""
    from scoring.synthesis.page import render

    write_or_check({out: render()}, check, "voice family docs")


@app.command()
def pin(
    name: Annotated[str, typer.Argument(metavar="FAMILY", help="The family.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")] = Path("parts.toml"),
    hub: Annotated[
        str | None, typer.Option("--hub", help="The model hub.", show_default=set_by("HF_ENDPOINT", "https://huggingface.co"))
    ] = None,
    repo: Chosen = None,
    file: Files = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="The folder of the parts (default: the worker's own).")] = None,
) -> None:
    """Fetch a family's parts as they are published now, and write their revisions and checksums as lines for a competition's file.

    A family whose parts are not pinned is not admitted. The lines belong to the version of the rules that admits it.
    """
    from workers.evaluation.pin_parts import pin_parts

    if out.is_dir() or not out.parent.is_dir():  # said before megabytes are fetched
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {out} cannot be written: name a file in a folder that exists.")
    sources = _with_files(_with_repos(_manifest(name).parts, repo or []), file or [])
    settings = MinerSettings(**given(hub=hub))
    with Progress(console=Console(stderr=True)) as bars:
        rows = {part: bars.add_task(part, total=None) for part in sources}
        pinned = pin_parts(
            name, sources, settings.hub, cache or settings.data / "parts", lambda part: partial(_advance, bars, rows[part])
        )
    head = f"# Made by `voice family pin {name}`. A change of any byte here is another competition."
    try:
        out.write_text(f"{head}\n{to_toml(name, pinned)}\n", encoding="utf-8")
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {out} cannot be written: {exc.strerror}") from exc
    for part, found in pinned.items():
        typer.echo(printable(f"{part}: {found.repo}@{found.revision[:12]} ({found.licence})"))
    typer.echo(f"Written to {out}. Put its lines at the end of the competition's version that admits {name}.")
    if name in described().families:
        typer.echo(f"`voice family admit --parts {out}` does so for the track {described().name}.")


def _advance(bars: Progress, row: TaskID, done: int, total: int) -> None:
    bars.update(row, completed=done, total=total)


def _manifest(name: str) -> Manifest:
    if name not in FAMILIES:
        raise PlatformError(Code.ARGUMENT_INVALID, f"no family is called {name}; there are {', '.join(FAMILIES)}")
    if not FAMILIES[name].parts:
        raise PlatformError(Code.ARGUMENT_INVALID, f"the family {name} needs no parts: there is nothing to pin")
    return FAMILIES[name]


def _with_repos(sources: Mapping[str, PartSource], given: Sequence[str]) -> Mapping[str, PartSource]:
    """The sources with other repositories, whose licences their own cards must state."""
    changed = {**sources}
    for text in given:
        part, place = _part_of(text, "--repo", changed)
        repo, _, ref = place.partition("@")
        changed[part] = _changed(changed[part], f"--repo {text}", repo=repo, ref=ref or "main", licence=None)
    return changed


def _with_files(sources: Mapping[str, PartSource], given: Sequence[str]) -> Mapping[str, PartSource]:
    """The sources with other files."""
    named: dict[str, list[str]] = {}
    for text in given:
        part, path = _part_of(text, "--file", sources)
        named.setdefault(part, []).append(path)
    return {
        part: _changed(source, f"--file {part}=…", files=named[part]) if part in named else source
        for part, source in sources.items()
    }


def _part_of(text: str, option: str, sources: Mapping[str, PartSource]) -> tuple[str, str]:
    part, _, value = text.partition("=")
    if part not in sources or not value:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{option} {text}: give PART=…, PART of {', '.join(sources)}")
    return part, value


def _changed(source: PartSource, option: str, **fields: object) -> PartSource:
    try:
        return PartSource.model_validate(source.model_dump() | fields)
    except ValidationError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{option} names no repository or file of one") from exc
