"""The `voice` command: the one place that composes processes from their parts. Everything heavy is imported inside its command."""

import errno
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from neurons.cli.commands import COMMANDS
from neurons.cli.lazy import LazyGroup
from scoring.errors import Code, PlatformError, VoiceError, with_advice

if TYPE_CHECKING:
    from types import TracebackType

    from pydantic import ValidationError


class VoiceCommands(LazyGroup):
    """The group of all commands."""

    table = COMMANDS


app = typer.Typer(
    name="voice",
    cls=VoiceCommands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    """Print the version, and end."""
    if asked:
        from importlib.metadata import version

        typer.echo(f"voice {version('voice-subnet')}")
        raise typer.Exit


ANYWHERE = {"--debug": "debug", "--quiet": "quiet", "-q": "quiet", "--verbose": "verbose", "-v": "verbose"}
"""Options that may stand anywhere on the line: main reads them before anything can fail."""


@app.callback()
def voice(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error. May stand anywhere.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors only. May stand anywhere.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log details, too, of libraries as well. May stand anywhere.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and end.")
    ] = False,
) -> None:
    """Find the best open text-to-speech model, provably, and pay for it on chain."""
    del debug, quiet, verbose, version  # read from the arguments in main
    if context.obj is not None:
        context.obj(context)


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def main() -> None:
    """Run the command line: logs go to standard error, where an error is one line that names it and says what to do.

    A traceback comes only with --debug.
    """
    given, sys.excepthook = taken_out(sys.argv), print_traceback
    if sys.stdin is None:  # closed by who started this: it says nothing, and is no terminal
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - open until the end
    try:
        status = app(standalone_mode=False, obj=partial(_begin, given))
        sys.stdout.flush()
    except (typer.TyperException, VoiceError) as error:
        _fail(error, given)
    except _invalid_settings() as error:
        _fail(error, given)
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        _fail(PlatformError(Code.DISK_FULL, f"{error.filename or 'what was printed'}: {error.strerror}"), given)
    except (KeyboardInterrupt, typer.Abort):  # the second: a question was answered with no
        status = 130
    sys.exit(status)


def print_traceback(kind: type[BaseException], error: BaseException, trace: "TracebackType | None") -> None:
    """Print what ended this program as Python does, without what of an address may be a password: libraries' errors quote theirs."""
    from traceback import format_exception

    from scoring.shown_addresses import without_access

    sys.stderr.write(without_access("".join(format_exception(kind, error, trace))))


def taken_out(arguments: list[str]) -> set[str]:
    """Take the options that may stand anywhere out of the arguments, up to a `--`: which of them were there."""
    own = arguments.index("--") if "--" in arguments else len(arguments)
    given = {ANYWHERE[word] for word in arguments[1:own] if word in ANYWHERE}
    if {"-h", "--help"}.intersection(arguments[1:own]):
        given.add("help")
    arguments[1:own] = [word for word in arguments[1:own] if word not in ANYWHERE]
    return given


MENDING = frozenset({"config", "doctor", "init"})
"""Commands for whoever has a file of settings that cannot be read: they go on without it, and say what is wrong with it."""


def _begin(given: set[str], context: typer.Context) -> None:
    """Check the file of settings, and set up the logs: what a library or a sandbox logs must not stand before a command's answer.

    A help needs neither.
    """
    if "help" in given:
        return
    from neurons.cli import logs
    from neurons.cli.roles import check_file, file_trouble
    from neurons.settings import LogLevel
    from voice_api.settings import reading

    if context.invoked_subcommand in MENDING and file_trouble():
        context.with_resource(reading(None))
    check_file()
    chosen = (level for name, level in (("verbose", LogLevel.DEBUG), ("quiet", LogLevel.WARNING)) if name in given)
    logs.configure(next(chosen, None))


def _invalid_settings() -> "type[ValidationError]":
    """The error of a setting that is none; whoever asks for help does not wait for its import."""
    from pydantic import ValidationError

    return ValidationError


def _fail(error: "typer.TyperException | VoiceError | ValidationError", given: set[str]) -> NoReturn:
    """End with an error's line; with --debug, with its traceback."""
    if "debug" in given:
        raise error
    _print(error)
    sys.exit(error.exit_code if isinstance(error, typer.TyperException) else 1)


def _print(error: "typer.TyperException | VoiceError | ValidationError") -> None:
    """Print the error's code, the fault and the advice in one line; nothing after a help that stands for the error."""
    match error:
        case VoiceError():
            code, message = error.code, error.told
        case typer.TyperException():
            wrong = error.format_message().replace("Value error, ", "")
            code, message = Code.ARGUMENT_INVALID, with_advice(wrong, Code.ARGUMENT_INVALID)
            if not wrong:
                return
        case _:
            code, message = Code.SETTING_INVALID, with_advice(_setting(error), Code.SETTING_INVALID)
    from rich.console import Console
    from rich.text import Text

    from scoring.foreign_words import printable
    from scoring.shown_addresses import without_access

    line = Text.assemble((f"error {code}", "bold red"), " ", printable(" ".join(without_access(message).split())))
    Console(stderr=True, soft_wrap=True).print(line)


def _setting(error: "ValidationError") -> str:
    """The first setting that is wrong, what is wrong, and the file that says it."""
    from voice_api.settings_file import key_of
    from voice_api.settings_origin import file_that_says

    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else error.title
    wrong = first["msg"].removeprefix("Value error, ")
    path = file_that_says(name, first.get("input"))
    place = f", {key_of(name)} in {path}" if path else ""
    return f"setting {name}{place}: {wrong[:1].lower()}{wrong[1:]}"
