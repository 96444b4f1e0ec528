"""`voice family base`: a model that everybody may train from, for a competition to name."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from scoring.errors import Code, PlatformError


def base(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The model's folder, as it is published.", exists=True, file_okay=False)
    ],
    repo: Annotated[str, typer.Option("--repo", help="The public repository that holds the same files: NAMESPACE/NAME.")],
    revision: Annotated[str, typer.Option("--revision", help="Its revision: 40 hexadecimal digits.")],
) -> None:
    """Name a public model that miners train from, so that two who did are not taken for each other's copies.

    Prints the lines that name it in the competition's rules on copies. Workers fetch it when they first need it.
    """
    from scoring.model.copy_rules import PinnedBase
    from scoring.model.fingerprint import fingerprint
    from scoring.progress import NO_PROGRESS

    try:
        pinned = PinnedBase(repo=repo, revision=revision)
    except ValidationError as exc:
        why = "--repo is NAMESPACE/NAME, and --revision the 40 hexadecimal digits of a commit."
        raise PlatformError(Code.ARGUMENT_INVALID, why) from exc
    content = fingerprint(folder, NO_PROGRESS).content
    typer.echo(f'[version.copies.bases."{content}"]\nrepo = "{pinned.repo}"\nrevision = "{pinned.revision}"')
