"""The `voice` command: the one place that composes processes from their parts. Everything heavy is imported inside its command."""

import sys

import typer
from pydantic import ValidationError
from rich.console import Console

from neurons.cli import daemons, demo, dev, miner
from scoring.errors import Code, VoiceError

app = typer.Typer(name="voice", help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(daemons.queue, name="queue")
app.add_typer(daemons.validator, name="validator")
app.add_typer(daemons.database, name="db")
app.add_typer(miner.app, name="miner")
app.add_typer(dev.app, name="dev")
app.command("api")(daemons.api)
app.command("dispatcher")(daemons.dispatcher)
app.command("worker")(daemons.worker)
app.command("demo")(demo.demo)


@app.callback()
def voice(debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error.")) -> None:
    """Find the best open text-to-speech model, provably, and pay for it on chain."""
    del debug  # read from the arguments in main, before anything can fail


def main() -> None:
    """Run the command line: one line per error that says what and what to do, a traceback only with --debug."""
    debug = "--debug" in sys.argv[1:]
    if debug:
        sys.argv.remove("--debug")
    try:
        app()
    except VoiceError as error:
        if debug:
            raise
        _fail(f"{error.detail.rstrip('.')}. {error.advice}", int(error.code))
    except ValidationError as error:
        if debug:
            raise
        _fail(_setting(error), int(Code.SETTING_INVALID))
    except KeyboardInterrupt:
        sys.exit(130)


def _setting(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else error.title
    return f"setting {name}: {first['msg'].lower()}. Compare the environment with .env.example."


def _fail(message: str, code: int) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"[bold red]error {code}[/]", message)
    sys.exit(1)
