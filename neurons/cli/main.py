"""The `voice` command: the one place that composes processes from their parts. Everything heavy is imported inside its command."""

import sys

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from neurons.cli import daemons, logs, pages, prepare, say, selftest, verify, wallet
from neurons.cli.dev import commands as dev
from neurons.cli.dev import demo
from neurons.cli.family import commands as family
from neurons.cli.miner import commands as miner
from neurons.cli.operator import commands as operator
from neurons.cli.operator import store
from neurons.cli.scoring import commands as scoring
from neurons.cli.scoring import simulate, simulate_validators
from neurons.cli.validator import certificates, ledger, weights
from scoring.errors import Code, VoiceError, with_advice
from scoring.foreign_words import printable

daemons.worker.command("prepare")(prepare.prepare)
daemons.worker.command("selftest")(selftest.selftest)
daemons.worker.command("walls")(selftest.walls)
daemons.validator.command("certify")(certificates.certify)
daemons.validator.command("revoke")(certificates.revoke)
daemons.validator.command("weights")(weights.weights)
daemons.validator.command("replay")(weights.replay)
daemons.validator.command("explain")(weights.explain)
daemons.validator.command("what-if")(weights.what_if)
daemons.validator.command("diff")(ledger.diff)
daemons.validator.add_typer(ledger.app, name="ledger")
simulate.app.command("copying")(simulate_validators.copying)
simulate.app.command("audits")(simulate_validators.audits)
simulate.app.command("bias")(simulate_validators.bias)
app = typer.Typer(name="voice", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(daemons.queue, name="queue")
app.add_typer(daemons.validator, name="validator")
app.add_typer(wallet.app, name="wallet")
app.add_typer(daemons.worker, name="worker")
app.add_typer(daemons.database, name="db")
app.add_typer(miner.app, name="miner")
app.add_typer(operator.app, name="operator")
app.add_typer(store.app, name="store")
app.add_typer(dev.app, name="dev")
app.add_typer(family.app, name="family")
app.add_typer(scoring.app, name="scoring")
app.add_typer(simulate.app, name="simulate")
app.command("api")(daemons.api)
app.command("api-docs")(pages.api_docs)
app.command("dispatcher")(daemons.dispatcher)
app.command("demo")(demo.demo)
app.command("say")(say.say)
app.command("verify")(verify.verify)


@app.callback()
def voice(debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error.")) -> None:
    """Find the best open text-to-speech model, provably, and pay for it on chain."""
    del debug  # read from the arguments in main, before anything can fail


def main() -> None:
    """Run the command line: logs go to standard error, where an error is one line that names it and says what to do.

    A traceback comes only with --debug.
    """
    debug = "--debug" in sys.argv[1:]
    if debug:
        sys.argv.remove("--debug")
    try:
        logs.configure()  # of every command: what a library or a sandbox logs must not stand before the answer
        sys.exit(app(standalone_mode=False))
    except (typer.TyperException, VoiceError, ValidationError) as error:
        if debug:
            raise
        _print(error)
        sys.exit(error.exit_code if isinstance(error, typer.TyperException) else 1)
    except (KeyboardInterrupt, typer.Abort):  # the second: a question was answered with no
        sys.exit(130)


def _print(error: typer.TyperException | VoiceError | ValidationError) -> None:
    """Print the error's code, the fault and the advice in one line; nothing after a help that stands for the error."""
    match error:
        case VoiceError():
            code, message = error.code, error.told
        case ValidationError():
            code, message = Code.SETTING_INVALID, with_advice(_setting(error), Code.SETTING_INVALID)
        case _:
            wrong = error.format_message()
            code, message = Code.ARGUMENT_INVALID, with_advice(wrong, Code.ARGUMENT_INVALID)
            if not wrong:
                return
    line = Text.assemble((f"error {code}", "bold red"), " ", printable(" ".join(message.split())))
    Console(stderr=True, soft_wrap=True).print(line)


def _setting(error: ValidationError) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0]) if first["loc"] else error.title
    wrong = first["msg"].removeprefix("Value error, ")
    return f"setting {name}: {wrong[:1].lower()}{wrong[1:]}"
