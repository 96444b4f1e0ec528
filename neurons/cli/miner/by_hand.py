"""`voice miner publish`, `reveal` and `commit`: each says what it does and costs, and asks, before it does anything."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from neurons.chain.types import included_in
from neurons.cli.options import AsJson, ChainOptions, CompetitionFile, keys_of, load, open_chain, shared_options
from neurons.cli.output import confirm
from neurons.settings import MinerSettings
from scoring.foreign_words import printable

if TYPE_CHECKING:
    import bittensor as bt

    from neurons.miner.by_hand import CommitPlan
    from neurons.miner.hub import ModelHub, Remote
    from scoring.types import Block

Folder = Annotated[Path, typer.Argument(help="The model's folder.")]
Repo = Annotated[str, typer.Option("--repo", help="<namespace>/<name> on the model hub.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done, and what it costs.")]


def publish(
    folder: Folder,
    repo: Repo,
    public: Annotated[
        bool, typer.Option("--public", help="Let everybody see it at once, before it is committed: anybody may commit it first.")
    ] = False,
    competition: CompetitionFile = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Upload a checked model folder to the model hub, where nobody else sees it; prints the revision to commit."""
    from neurons.miner.by_hand import plan_upload
    from neurons.miner.hub import ModelHub
    from neurons.miner.hub import publish as upload
    from neurons.miner.model_check import check_folder

    settings = _settings(competition)
    found = check_folder(folder, load(settings.competition).version[-1])
    hub = ModelHub(settings.hub, settings.token)
    plan = plan_upload(hub, settings.hub, folder, found, repo, public=public)
    revision = plan.there
    _tell((plan.in_words(),))
    if revision is None and not dry_run:
        confirm("Upload it?", yes, may_look=True)
        revision = upload(folder, repo, settings.hub, settings.token, not public)
    if as_json:
        said = {"repo": repo, "revision": revision, "public": public, "uploaded": plan.there is None and not dry_run}
        typer.echo(json.dumps({**said, "files": plan.files, "bytes": plan.bytes, "dry_run": dry_run}))
    elif revision is not None:
        typer.echo(revision)


def reveal(repo: Annotated[str, typer.Argument(metavar="REPO", help="<namespace>/<name> on the model hub.")]) -> None:
    """Let everybody see a repository, once its commitment is final."""
    from neurons.miner.hub import ModelHub

    settings = MinerSettings()
    ModelHub(settings.hub, settings.token).reveal(repo)
    typer.echo(f"{repo} is public")


@shared_options
def commit(
    options: ChainOptions,
    folder: Folder,
    repo: Repo,
    revision: Annotated[str, typer.Option("--revision", help="The published revision, 40 hex digits.")],
    competition: CompetitionFile = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Commit a published model on the chain, bound to the wallet's hotkey.

    It is refused before anything is signed where validators would refuse it: a revision that the hub does not have or that holds
    another model, a hotkey that is not registered or in its cooldown.
    """
    from neurons.miner.by_hand import published
    from neurons.miner.hub import ModelHub
    from neurons.miner.model_check import check_folder, commitment_of

    settings = options.settings(MinerSettings, competition=competition)
    keys = keys_of(settings)
    found = check_folder(folder, load(settings.competition).version[-1])
    text = commitment_of(found.prints.content, repo, revision, keys)
    hub = ModelHub(settings.hub, settings.token)
    remote = published(hub, folder, found, repo, revision)
    plan = asyncio.run(_plan(settings, hub, keys, text, remote))
    _tell(plan.in_words())
    block: Block | None = None
    if not dry_run:
        confirm("Commit it?", yes, may_look=True)
        block = asyncio.run(_commit(settings, text, keys))
    if as_json:
        typer.echo(json.dumps({**_facts(plan), "dry_run": dry_run, "block": block}))
    elif block is not None:
        typer.echo(f"committed in block {block}: {plan.commitment}")


async def _plan(settings: MinerSettings, hub: "ModelHub", keys: "bt.Wallet", text: bytes, remote: "Remote") -> "CommitPlan":
    from neurons.api_client.client import VoiceApi
    from neurons.miner.by_hand import check_commit, plan_commit
    from neurons.miner.client import MinerClient

    async with open_chain(settings) as chain, VoiceApi(settings.api_url, None, settings.api_hotkey) as api:
        client = MinerClient(chain, hub, api, keys, load(settings.competition))
        state = await client.state()
        client.abandon()
        plan = await plan_commit(chain, keys, state, text, remote)
    check_commit(plan, state)
    return plan


async def _commit(settings: MinerSettings, text: bytes, keys: "bt.Wallet") -> "Block":
    async with open_chain(settings) as chain:
        return included_in(await chain.commit(keys, text))


def _settings(competition: Path | None) -> MinerSettings:
    return MinerSettings() if competition is None else MinerSettings(competition=competition)


def _facts(plan: "CommitPlan") -> dict[str, Any]:
    facts = asdict(plan)
    return {**facts, "fee_rao": facts.pop("fee"), "balance_rao": facts.pop("balance")}


def _tell(sentences: tuple[str, ...]) -> None:
    """Say it beside the answer, which standard output is for."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for sentence in sentences:
        console.print(Text(printable(sentence)))
