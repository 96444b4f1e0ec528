"""`voice miner run`: watch a folder of checkpoints, and submit each that beats the last submission."""

import asyncio
import os
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurons.cli.miner import console
from neurons.cli.options import AsJson, ChainOptions, CompetitionFile, keys_of, shared_options

if TYPE_CHECKING:
    import bittensor as bt

    from neurons.chain.adapter import Chain
    from neurons.cli.miner.console import Reporter
    from neurons.miner.client import ModelToPublish, PublishingCost
    from neurons.miner.daemon import DaemonOptions
    from neurons.miner.publish_steps import Consent
    from neurons.settings import MinerSettings

Models = Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="The folder whose sub-folders are checkpoints.")]
Repo = Annotated[str, typer.Option("--repo", help="<namespace>/<name>: each submission gets <name>-<8 hex digits> for itself.")]
Margin = Annotated[
    float | None,
    typer.Option("--margin", min=0.0, max=1.0, help="The lead that must be shown (default: a young king's margin)."),
]
Once = Annotated[bool, typer.Option("--once", help="Do what can be done now, and end.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Score and compare, but sign, upload and show nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Publish without asking.")]
Settle = Annotated[
    float, typer.Option("--settle", min=0.0, help="Seconds without a change after which a checkpoint is complete.")
]


@shared_options
def run(
    options: ChainOptions,
    folder: Models,
    repo: Repo,
    margin: Margin = None,
    once: Once = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    settle: Settle = 30.0,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Watch a folder of checkpoints: check and score each, and submit it when it beats the last submission beyond doubt."""
    from neurons.miner.daemon import DaemonOptions
    from neurons.miner.model_check import check_base
    from neurons.settings import MinerSettings
    from scoring.errors import Code, PlatformError

    settings = options.settings(MinerSettings, competition=competition)
    check_base(repo)
    if not (yes or dry_run) and (as_json or not sys.stdin.isatty()):
        raise PlatformError(
            Code.ARGUMENT_INVALID, "Without a terminal, or with --json, nobody can be asked: add --yes, or --dry-run."
        )
    keys = keys_of(settings)
    reporter: Reporter = console.JsonLines() if as_json else console.Terminal()
    plan = DaemonOptions(
        folder=folder.resolve(), repo=repo, margin=margin, settle=timedelta(seconds=settle), once=once, dry_run=dry_run
    )
    with reporter:
        left_over = asyncio.run(_serve(plan, settings, keys, _asks(yes), reporter))
    if left_over:  # a thread still uploads: Python would wait for it
        sys.stdout.flush()
        os._exit(0)


def _asks(yes: bool) -> "Consent":
    """Ask for consent on the terminal, where the cost was shown just now; with --yes it is given."""

    async def consent(_cost: "PublishingCost", model: "ModelToPublish") -> bool:
        return yes or await console.ask(f"Publish it as {model.repo} and commit it?")

    return consent


async def _serve(
    plan: "DaemonOptions", settings: "MinerSettings", keys: "bt.Wallet", consent: "Consent", notify: "Reporter"
) -> bool:
    """Run until the end; return whether a piece of work was left behind that would keep the process."""
    from neurons.api_client.client import VoiceApi
    from neurons.miner.client import MinerClient
    from neurons.miner.daemon import assemble
    from neurons.miner.hub import ModelHub
    from neurons.miner.journal import Journal
    from neurons.miner.messages import Message, MessageKind
    from neurons.miner.scorer import ScoringProcess
    from neurons.network import open_chain
    from neurons.settings import HeartbeatSettings
    from neurons.shutdown import Shutdown
    from scoring.competition import load

    stop, schedule = Shutdown(HeartbeatSettings().heartbeat), load(settings.competition)
    stop.listen()
    token = None if settings.hub_token is None else settings.hub_token.get_secret_value()
    async with open_chain(settings) as chain, VoiceApi(settings.api_url, None, settings.api_hotkey) as api:
        client = MinerClient(chain, ModelHub(settings.hub, token), api, keys, schedule)
        with Journal(await _journal_path(chain, settings.data, client.hotkey)) as journal:
            scorer = ScoringProcess(settings.competition)
            daemon = assemble(plan, client=client, journal=journal, scorer=scorer, consent=consent, notify=notify)
            notify(Message(MessageKind.WATCHING, f"Watching {plan.folder} for {client.hotkey}.", {"hotkey": client.hotkey}))
            await daemon.run(settings.pause, stop)
    return client.abandon()


async def _journal_path(chain: "Chain", data: Path, hotkey: str) -> Path:
    """One journal for each hotkey, subnet and chain; a chain is known by its first block."""
    from scoring.types import Block

    first = await chain.block_hash(Block(0))
    return data / "mining" / f"{first[2:14]}-{chain.netuid}-{re.sub('[^A-Za-z0-9]', '', hotkey)}.jsonl"
