"""`voice miner`: convert, check, score, publish, commit and watch a model; or let a daemon do all of it."""

import typer

from neurons.cli.miner import by_hand, check, convert, run, score, status, validate

app = typer.Typer(help="The miner's tools.", no_args_is_help=True)
app.command("check")(check.check)
app.command("convert")(convert.convert)
app.command("score")(score.score)
app.command("validate")(validate.validate)
app.command("run")(run.run)
app.command("publish")(by_hand.publish)
app.command("reveal")(by_hand.reveal)
app.command("commit")(by_hand.commit)
app.command("status")(status.status)
