"""`voice miner`: convert, check, score, publish, commit and watch a model; or let a daemon do all of it."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.chain.types import included_in
from neurons.cli.miner import check, convert, run, score, status, validate
from neurons.cli.options import ChainOptions, CompetitionFile, given, keys_of, open_chain, shared_options
from neurons.settings import MinerSettings
from scoring.competition import Competition, load
from scoring.types import Block

if TYPE_CHECKING:
    import bittensor as bt

app = typer.Typer(help="The miner's tools.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The model's folder.")]
Repo = Annotated[str, typer.Option("--repo", help="<namespace>/<name> on the model hub.")]


app.command("check")(check.check)
app.command("convert")(convert.convert)
app.command("score")(score.score)
app.command("validate")(validate.validate)
app.command("run")(run.run)


@app.command()
def publish(
    folder: Folder,
    repo: Repo,
    private: Annotated[bool, typer.Option("--private", help="Publish it privately: commit it next, then reveal it.")] = False,
    competition: CompetitionFile = None,
) -> None:
    """Upload a checked model folder to the model hub; prints the revision to commit."""
    from neurons.miner.hub import publish as upload
    from neurons.miner.model_check import check_folder

    settings = MinerSettings()
    check_folder(folder, _rules(competition))
    typer.echo(upload(folder, repo, settings.hub, settings.token, private))


@app.command()
def reveal(repo: Annotated[str, typer.Argument(metavar="REPO", help="<namespace>/<name> on the model hub.")]) -> None:
    """Let everybody see a repository that was published with --private, once its commitment is final."""
    from neurons.miner.hub import ModelHub

    settings = MinerSettings()
    ModelHub(settings.hub, settings.token).reveal(repo)
    typer.echo(f"{repo} is public")


@app.command()
@shared_options
def commit(
    options: ChainOptions,
    folder: Folder,
    repo: Repo,
    revision: Annotated[str, typer.Option("--revision", help="The published revision, 40 hex digits.")],
    competition: CompetitionFile = None,
) -> None:
    """Commit a published model on the chain, bound to the wallet's hotkey."""
    from neurons.miner.model_check import check_folder, commitment_of

    settings = options.settings(MinerSettings)
    keys = keys_of(settings)
    text = commitment_of(check_folder(folder, _rules(competition)).prints.content, repo, revision, keys)
    block = asyncio.run(_commit(settings, text, keys))
    typer.echo(f"committed in block {block}: {text.decode()}")


async def _commit(settings: MinerSettings, text: bytes, keys: "bt.Wallet") -> Block:
    async with open_chain(settings) as chain:
        return included_in(await chain.commit(keys, text))


app.command("status")(status.status)


def _rules(path: Path | None) -> Competition:
    """The competition's newest version: a model is checked against the rules to come."""
    return load(MinerSettings(**given(competition=path)).competition).version[-1]
