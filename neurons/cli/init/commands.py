"""`voice init`: ask little, check what can be checked, and write a file of settings."""

import tomllib
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurons.cli.options import AsJson, ChainOptions, DevChainOptions, answer, set_by, shared_options
from neurons.cli.output import confirm

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neurons.cli.init.checks import Tried
    from neurons.cli.init.questions import RoleQuestions
    from voice_api.settings import ProcessSettings


class NodeRole(StrEnum):
    """What a file of settings is written for."""

    VALIDATOR = "validator"
    WORKER = "worker"
    API = "api"
    MINER = "miner"


@dataclass(frozen=True, kw_only=True)
class InitOptions(DevChainOptions, ChainOptions):
    """The answers that may be given on the line; each stands for the setting of its name."""

    database_url: Annotated[
        str | None,
        typer.Option(
            "--database-url", help="PostgreSQL; rather asked: others see a command's line.", show_default=set_by("DATABASE_URL")
        ),
    ] = None
    redis_url: Annotated[
        str | None, typer.Option("--redis-url", help="Redis; rather asked.", show_default=set_by("REDIS_URL"))
    ] = None
    data: Annotated[
        str | None, typer.Option("--data", help="The folder for caches and keys.", show_default=set_by("VOICE_DATA", ".voice"))
    ] = None
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            help="Audio and receipts: a folder, or s3://BUCKET/PREFIX.",
            show_default=set_by("VOICE_STORE", ".voice/store"),
        ),
    ] = None
    api_url: Annotated[
        str | None,
        typer.Option("--api-url", help="The voice API's address.", show_default=set_by("VOICE_API_URL", "http://127.0.0.1:8000")),
    ] = None
    api_hotkey: Annotated[
        str | None,
        typer.Option("--api-hotkey", help="The hotkey that the voice API answers as.", show_default=set_by("VOICE_API_HOTKEY")),
    ] = None
    api_host: Annotated[
        str | None,
        typer.Option("--host", help="The address that the API listens on.", show_default=set_by("VOICE_API_HOST", "127.0.0.1")),
    ] = None
    api_port: Annotated[
        int | None,
        typer.Option("--port", help="The port that the API listens on.", show_default=set_by("VOICE_API_PORT", "8000")),
    ] = None
    queue: Annotated[
        str | None, typer.Option("--queue", help="What the worker takes: cpu, or gpu.", show_default=set_by("VOICE_QUEUE", "cpu"))
    ] = None
    revocations: Annotated[
        str | None,
        typer.Option(
            "--revocations",
            help="The list of revoked certificates.",
            show_default=set_by("VOICE_REVOCATIONS", ".voice/revocations.json"),
        ),
    ] = None

    def answers(self) -> dict[str, object]:
        """What was given, by the names in the file."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) if isinstance(value, Path) else value for name, value in given.items() if value is not None}


@shared_options
def init(
    options: InitOptions,
    role: Annotated[NodeRole, typer.Argument(metavar="validator|worker|api|miner", help="What this node is.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write.", show_default="VOICE_CONFIG, else voice.toml")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there; what it sets beside the questions stays.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what is given or set, else the default.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a few questions, check the answers, and write them into a commented voice.toml of mode 600."""
    from neurons.cli.init.answers import collect, on_terminal
    from neurons.cli.init.checks import tried
    from neurons.cli.init.questions import ROLE_QUESTIONS
    from neurons.cli.init.written import write
    from voice_api.settings import SettingsFileSettings
    from voice_api.settings_file import read

    questions = ROLE_QUESTIONS[role]
    path = (out or SettingsFileSettings().path or Path("voice.toml")).expanduser().absolute()
    if path.exists():
        _ordinary_or_raise(path)
        confirm(f"{path} is there. Replace it?", force or yes)
    values = collect(questions, options.answers(), None if yes else on_terminal)
    text, settings = _text(role, questions, values, read(path) if path.exists() else {})
    write(path, text)
    typer.echo(f"wrote {path}, which its user alone may read", err=True)
    found = list(tried(settings))
    lines = _next(path, questions)
    document = {"file": str(path), "role": role.value, "checks": [asdict(each) for each in found], "next": lines}
    answer(as_json, document, lambda: _show(found, lines))


def _ordinary_or_raise(path: Path) -> None:
    """Raise PlatformError(ARGUMENT_INVALID) for a folder, or for a pipe, whose reader would wait for ever."""
    from scoring.errors import Code, PlatformError

    if not path.is_file():
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} is no ordinary file: name another with --out")


def _text(
    role: NodeRole, questions: "RoleQuestions", values: dict[str, object], earlier: "Mapping[str, Any]"
) -> "tuple[str, ProcessSettings]":
    """The file's text, and what it says as settings, so that nothing is written that cannot be read."""
    from neurons.cli.init.written import text
    from voice_api.settings_file import expanded, key_of

    later = {variable: earlier[key_of(variable)] for variable in questions.later if key_of(variable) in earlier}
    known = set(map(key_of, (*questions.asked, *questions.later)))
    others = {key: value for key, value in earlier.items() if key not in known}
    written = text(role, {**later, **values}, others, datetime.now(UTC).date())
    said = tomllib.loads(written)
    variables = (*questions.asked, *questions.later)
    return written, questions.kind(**{name: expanded(said[key_of(name)]) for name in variables if key_of(name) in said})


def _next(path: Path, questions: "RoleQuestions") -> list[str]:
    """The commands that come next; where no command would find the file, the one that names it first."""
    from voice_api.settings import settings_path

    return [*([] if settings_path() == path else [f"export VOICE_CONFIG={path}"]), *questions.next]


def _show(found: "Sequence[Tried]", lines: "Sequence[str]") -> None:
    from rich.console import Console
    from rich.text import Text

    from scoring.foreign_words import printable

    console = Console(soft_wrap=True)
    for each in found:
        mark = ("ok      ", "green") if each.holds else ("not yet ", "yellow")
        console.print(Text.assemble(mark, f"{each.what}: {printable(each.said)}"))
    console.print(Text("\nNext:"))
    for line in lines:
        console.print(Text(f"  {line}"))
