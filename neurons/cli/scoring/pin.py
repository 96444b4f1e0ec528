"""`voice scoring pin`: which judge models the standard profile uses from now on, to the byte."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

if TYPE_CHECKING:
    from scoring.judges.standard.models import ModelSource, Role


def pin(
    out: Annotated[Path, typer.Option("--out", help="The file of pins to write.")] = Path("pins.toml"),
    hub: Annotated[str | None, typer.Option("--hub", help="The model hub (default: HF_ENDPOINT).")] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="A file of the repositories that fill the roles (default: the packaged list).")
    ] = None,
    repo: Annotated[
        list[str] | None,
        typer.Option("--repo", help="Another repository for a role: ROLE=NAMESPACE/NAME[@BRANCH]; may be repeated."),
    ] = None,
    cache: Annotated[Path | None, typer.Option("--cache", help="The folder of the models (default: the worker's own).")] = None,
) -> None:
    """Fetch the standard profile's judge models as they are published now, and write their revisions and checksums."""
    from neurons.settings import MinerSettings
    from scoring.errors import Code, PlatformError
    from scoring.judges.standard.models import CATALOGUE, read_catalogue, write_pins
    from workers.evaluation.judge_models import pin_models

    if out.is_dir() or not out.parent.is_dir():  # said before gigabytes are fetched
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {out} cannot be written: name a file in a folder that exists.")
    settings = MinerSettings()
    sources = {**read_catalogue(models or CATALOGUE)}
    sources |= _chosen(sources, repo or [])
    with Progress(console=Console(stderr=True)) as bars:
        rows = {role: bars.add_task(role.value, total=None) for role in sources}
        pins = pin_models(
            sources, hub or settings.hub, cache or settings.data / "judges", lambda role: partial(_advance, bars, rows[role])
        )
    write_pins(out, pins)
    for role, pinned in pins.items():
        typer.echo(f"{role}: {pinned.label}")
    typer.echo(f"Written to {out}. Workers that have VOICE_STANDARD_PINS={out} judge with these models.")


def _advance(bars: Progress, row: TaskID, done: int, total: int) -> None:
    bars.update(row, completed=done, total=total)


def _chosen(sources: "Mapping[Role, ModelSource]", given: Sequence[str]) -> "dict[Role, ModelSource]":
    """The roles that `--repo` fills otherwise; raises PlatformError(ARGUMENT_INVALID)."""
    from pydantic import ValidationError

    from scoring.errors import Code, PlatformError
    from scoring.judges.standard.models import ModelSource, Role

    chosen: dict[Role, ModelSource] = {}
    for text in given:
        name, _, place = text.partition("=")
        repo, _, ref = place.partition("@")
        try:
            role = Role(name)
            chosen[role] = ModelSource(repo=repo, ref=ref or "main", files=sources[role].files)
        except (ValueError, ValidationError) as exc:
            roles = ", ".join(Role)
            raise PlatformError(
                Code.ARGUMENT_INVALID, f"--repo {text}: give ROLE=NAMESPACE/NAME[@BRANCH], ROLE of {roles}"
            ) from exc
    return chosen
