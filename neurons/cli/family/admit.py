"""`voice family admit`: the rules' next version, in which the track of described voices begins."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from neurons.cli.options import MOST_BLOCK, CompetitionFile, given
from scoring.competition import Competition, load
from scoring.described import described, with_described
from scoring.errors import Code, PlatformError
from scoring.types import RoundNumber


def admit(
    from_round: Annotated[int, typer.Option("--from-round", min=1, max=MOST_BLOCK, help="The first round of the new version.")],
    parts: Annotated[
        list[Path], typer.Option("--parts", help="A file that `voice family pin` wrote; once for each family of the track.")
    ],
    out: Annotated[Path, typer.Option("--out", help="The competition's file to write; it must not exist.")],
    competition: CompetitionFile = None,
) -> None:
    """Write a competition's file with one more version: its tracks as they are, and beside them `described`, with its pinned parts.

    The other tracks give up the new one's share of the emission, in proportion. Earlier versions stay as they are, and keep their hashes.
    """
    from neurons.settings import MinerSettings

    before = MinerSettings(**given(competition=competition)).competition
    _begins_or_raise(before, from_round)
    texts = [_read(path) for path in (before, *parts)]
    rules = _written(out, with_described(texts[0], RoundNumber(from_round), texts[1:]))
    shares = ", ".join(f"{track.name} has {track.share:.4g} of the emission" for track in rules.track)
    typer.echo(f"Written to {out}: from round {from_round} on {shares}.")
    typer.echo(
        f"Every validator and worker needs it before that round, as scoring/competition.toml of a release or by VOICE_COMPETITION. "
        f"{described().name} speaks on cards: docs/validator.md says what a validator without one does."
    )


def _begins_or_raise(before: Path, from_round: int) -> None:
    """Raise PlatformError for a file that holds no rules, has the track already, or whose last version begins no earlier."""
    last, name = load(before).version[-1], described().name
    if name in [track.name for track in last.track]:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{before} has the track {name} already, from round {last.from_round} on")
    if from_round <= last.from_round:
        why = f"--from-round {from_round}: the last version of {before} begins in round {last.from_round}, and the next one later"
        raise PlatformError(Code.ARGUMENT_INVALID, why)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} is no text in UTF-8") from exc


def _written(out: Path, text: str) -> Competition:
    """The last version of what now stands in `out`; nothing that is no competition is ever there."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "rules"
        made.write_text(text, encoding="utf-8")
        try:
            rules = load(made).version[-1]
        except PlatformError as exc:
            raise PlatformError(exc.code, exc.detail.replace(str(made), "nothing was written, for what would be")) from exc
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {out} is there already: rules are not written over") from exc
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {out} cannot be written: {exc.strerror}") from exc
    return rules
