"""`voice init`: ask little, check what can be checked, and write a file of settings."""

import asyncio
import tomllib
from contextlib import AsyncExitStack, nullcontext
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurons.cli.options import LAST_PORT, AsJson, ChainOptions, DevChainOptions, answer, set_by, shared_options
from neurons.cli.output import confirm
from neurons.doctor.role import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from neurons.cli.init.questions import RoleQuestions
    from neurons.doctor.finding import Finding


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
        typer.Option(
            "--port",
            min=0,
            max=LAST_PORT,
            help="The port that the API listens on.",
            show_default=set_by("VOICE_API_PORT", "8000"),
        ),
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

    competition: Annotated[
        str | None,
        typer.Option(
            "--competition",
            help="The competition's TOML file; not asked.",
            show_default=set_by("VOICE_COMPETITION", "the one of the installed version"),
        ),
    ] = None
    trust: Annotated[
        str | None,
        typer.Option(
            "--trust",
            help="Hotkeys whose certificates count, with commas between; not asked.",
            show_default=set_by("VOICE_TRUST", "the wallet's own"),
        ),
    ] = None

    def answers(self) -> dict[str, object]:
        """What was given, by the names in the file."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) if isinstance(value, Path) else value for name, value in given.items() if value is not None}


@shared_options
def init(
    options: InitOptions,
    role: Annotated[Role, typer.Argument(metavar="validator|worker|api|miner", help="What this node is.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write.", show_default="VOICE_CONFIG, else voice.toml")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Replace a file that is there: it stays as FILE.bak, and what it sets beside the questions stays set."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing: take what is given or set, else the default.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a few questions, write the answers into a commented voice.toml of mode 600, and check with the doctor what they name."""
    from neurons.cli.init.answers import collect, on_terminal
    from neurons.cli.init.questions import ROLE_QUESTIONS
    from neurons.cli.init.written import set_aside, write
    from voice_api.settings import SettingsFileSettings, reading

    questions = ROLE_QUESTIONS[role]
    path = (out or SettingsFileSettings().path or Path("voice.toml")).expanduser().absolute()
    is_there = path.exists()
    earlier = _earlier(path) if is_there else {}
    if is_there:
        confirm(f"{path} is there. Replace it? (It stays beside it, as {path.name}.bak.)", force or yes)
    with reading(path) if earlier else nullcontext():
        values = collect(questions, options.answers(), None if yes else on_terminal)
    written = _text(role, questions, values, earlier).encode()
    if is_there:
        typer.echo(f"kept what was there as {set_aside(path)}", err=True)
    write(path, written)
    typer.echo(f"wrote {path}, which its user alone may read", err=True)
    with reading(path):
        found = asyncio.run(_examined(role))
    lines = _next(path, questions)
    document = {"file": str(path), "role": role.value, "checks": [each.as_data() for each in found], "next": lines}
    answer(as_json, document, lambda: _show(found, lines))


def _earlier(path: Path) -> "Mapping[str, Any]":
    """What a file says that is going to be replaced; nothing, with a line that says so, where it is no TOML.

    Raises PlatformError(ARGUMENT_INVALID) for a folder, or for a pipe, whose reader would wait for ever; and (SETTING_INVALID) for a
    secret that others may read.
    """
    from neurons.cli.roles import variables
    from scoring.errors import Code, PlatformError
    from voice_api.settings_file import key_of, read

    if not path.is_file():
        raise PlatformError(Code.ARGUMENT_INVALID, f"{path} is no ordinary file: name another with --out")
    try:
        found = read(path)
    except PlatformError as error:
        typer.echo(f"{error.detail}: nothing of it is taken over", err=True)
        return {}
    strange = sorted(found.keys() - set(map(key_of, variables())))
    if strange:
        typer.echo(f"no setting is called {', '.join(strange)}: left out", err=True)
    return {key: value for key, value in found.items() if key not in strange}


def _text(role: Role, questions: "RoleQuestions", values: dict[str, object], earlier: "Mapping[str, Any]") -> str:
    """The file's text, which was read as settings: nothing is written that cannot be."""
    from neurons.cli.init.written import text
    from voice_api.settings_file import expanded, key_of

    later = {variable: earlier[key_of(variable)] for variable in questions.later if key_of(variable) in earlier}
    known = set(map(key_of, (*questions.asked, *questions.later)))
    others = {key: value for key, value in earlier.items() if key not in known}
    written = text(role, {**later, **values}, others, datetime.now(UTC).date())
    said = tomllib.loads(written)
    variables = (*questions.asked, *questions.later)
    questions.kind(**{name: expanded(said[key_of(name)]) for name in variables if key_of(name) in said})
    return written


async def _examined(role: Role) -> "tuple[Finding, ...]":
    """What the doctor says of all that the role's settings name."""
    from neurons.cli.doctor.node import Node
    from neurons.cli.doctor.roles import answer_checks_of
    from neurons.doctor.examine import examine

    async with AsyncExitStack() as stack:
        return await examine(answer_checks_of(role, Node(ChainOptions(), None, stack)))


def _next(path: Path, questions: "RoleQuestions") -> list[str]:
    """The commands that come next; where no command would find the file, the one that names it first."""
    from voice_api.settings import found_path

    return [*([] if found_path() == path else [f"export VOICE_CONFIG={path}"]), *questions.next]


def _show(found: "Sequence[Finding]", lines: "Sequence[str]") -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True)
    for each in found:
        if each.health.value == "unknown":  # a row before it says why
            continue
        mark = ("ok      ", "green") if each.health.value == "ok" else ("not yet ", "yellow")
        console.print(
            Text.assemble(
                mark, f"{each.check}: {each.value.rstrip('.')}. {each.fix}" if each.fix else f"{each.check}: {each.value}"
            )
        )
    console.print(Text("\nNext:"))
    for line in lines:
        console.print(Text(f"  {line}"))
