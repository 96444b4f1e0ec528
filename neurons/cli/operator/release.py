"""`voice release`: the signed record of a release, written by who publishes it and checked by who takes it."""

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.options import AsJson, address, answer, given, set_by
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable

    from voice_api.keys import ServiceKey

app = typer.Typer(help="Signed records of releases.", no_args_is_help=True)

KeyFile = Annotated[Path, typer.Option("--key", help="The release key's file: 64 hex digits that nobody else may read.")]
_STDIN = Path("-")


@app.command()
def key(file: Annotated[Path, typer.Argument(metavar="FILE", help="The key's file; made if it is not there.")]) -> None:
    """Print the address of a release key, which is made first where there is none: operators name it in VOICE_RELEASE_KEY.

    Keep the file apart from all else: whoever has it says what operators run.
    """
    from voice_api.keys import ServiceKey

    typer.echo(_release_key(file, ServiceKey.at).address)


@app.command()
def write(
    key: KeyFile,
    commit: Annotated[str, typer.Option("--commit", help="The commit that was built, 40 hex digits.")],
    images: Annotated[
        list[str], typer.Option("--image", metavar="TARGET=REPOSITORY@sha256:…", help="An image that was built; for each target.")
    ],
    source: Annotated[Path, typer.Option("--source", help="The folder of that commit.")] = Path(),
) -> None:
    """Print the signed record of the release that is installed here, built from the source in a folder.

    What changes for whom is read from CHANGELOG.md, from the section of the version; with a heading "Security" in it, nodes take it sooner.
    """
    from neurons.release.record import signed
    from neurons.release.source import ReleaseBuild, record_of
    from voice_api.keys import ServiceKey

    signer = _release_key(key, ServiceKey.read)
    build = ReleaseBuild(commit=commit, published_at=datetime.now(UTC), images=_named(images))
    typer.echo(signed(record_of(source, build, signer.address), signer.sign), nl=False)


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record of a release; - is standard input.")],
    key: Annotated[
        str | None,
        typer.Option("--key", help="The address of the release key.", show_default=set_by("VOICE_RELEASE_KEY"), parser=address),
    ] = None,
    running: Annotated[
        str | None, typer.Option("--running", help="The version that the node has taken.", show_default="this release's")
    ] = None,
    seen: Annotated[
        datetime | None,
        typer.Option("--seen", help="When the node saw the record first, in UTC.", show_default="when it was published"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a record: whose it is, that it is newer than what runs, and that it was held back for long enough.

    Ends with 1, and a code, where one of these does not hold: 3501 forged, 3502 held back, 3503 not newer.
    """
    from neurons.release import hold_back
    from neurons.release.record import read_signed, text_of
    from neurons.settings import ReleaseSettings
    from scoring.foreign_words import printable
    from voice_api import keys
    from voice_api.db.database import release

    settings = ReleaseSettings(**given(key=key))
    if settings.key is None:
        raise PlatformError(Code.SETTING_INVALID, "no release key is named: give --key, or set VOICE_RELEASE_KEY")
    record = read_signed(_bytes_of(file), settings.key, keys.verify)
    held = hold_back.HoldBack(timedelta(hours=settings.hold_back_hours), timedelta(hours=settings.hold_back_security_hours))
    until = held.until(record, record.published_at if seen is None else seen.replace(tzinfo=seen.tzinfo or UTC))
    hold_back.check(record, running or release(), until, datetime.now(UTC))
    lines = [
        f"{record.version} may be taken: published {text_of(record.published_at)}, signed by {record.signer}",
        *(f"{name}: {image}" for name, image in sorted(record.images.items())),
        *(f"\n{printable(kind)}\n{printable(note, lines=True)}" for kind, note in record.notes.items()),
    ]
    answer(as_json, record.model_dump(mode="json"), lambda: typer.echo("\n".join(lines)))


def _release_key(file: Path, read: "Callable[[Path], ServiceKey]") -> "ServiceKey":
    """The key in a file; raises PlatformError(ARGUMENT_INVALID), also where others may read it."""
    try:
        found = read(file)
        mode = file.stat().st_mode
    except PlatformError as exc:
        why = exc.__cause__.strerror if isinstance(exc.__cause__, OSError) else "it does not hold 64 hex digits"
        how = "Put the right file there, and no new key: operators trust its address"
        raise PlatformError(Code.ARGUMENT_INVALID, f"the release key {file} cannot be used ({why}). {how}") from exc
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise PlatformError(Code.ARGUMENT_INVALID, f"others may read the release key {file}: chmod 600 {file}")
    return found


def _bytes_of(file: Path) -> bytes:
    from neurons.release.record import MAX_BYTES

    try:
        with sys.stdin.buffer if file == _STDIN else file.open("rb") as source:
            return source.read(MAX_BYTES + 1)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{file} cannot be read ({exc.strerror})") from exc


def _named(images: list[str]) -> dict[str, str]:
    parts = [image.partition("=") for image in images]
    named = {target: image for target, _, image in parts}
    if len(named) < len(parts):
        raise PlatformError(Code.ARGUMENT_INVALID, "a target is named twice")
    return named
