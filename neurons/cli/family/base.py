"""`voice family base`: the sketches of a model that everybody may train from, for a competition to name."""

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from scoring.errors import Code, PlatformError


def base(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The model's folder, as it is published.", exists=True, file_okay=False)
    ],
    out: Annotated[Path | None, typer.Option("--out", help="Where the file goes; by default beside the code.")] = None,
) -> None:
    """Sketch a public model that miners train from, so that two who did are not taken for each other's copies.

    Prints the line that names it in the competition's rules on copies; every worker needs the file.
    """
    from scoring.model.bases import FOLDER, write_base
    from scoring.model.nearness import base_of

    found = base_of(folder)
    raw = write_base(found)
    path = (out or FOLDER) / f"{found.content}.sketches"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be written: {exc.strerror}.") from exc
    typer.echo(f"wrote {path}", err=True)
    typer.echo(f'[version.copies.bases]\n"{found.content}" = "{hashlib.sha256(raw).hexdigest()}"')
