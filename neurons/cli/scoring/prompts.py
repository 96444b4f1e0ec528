"""`voice scoring prompts`: a round's prompts with their kinds, as every model of that round is asked them."""

import json
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from neurons.cli.options import AsJson, CompetitionFile, TrackOption, given, load, track_of
from prompts.generate import SEED_BYTES, generate
from prompts.groups import GroupPlan
from prompts.voices import asked_attributes
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from prompts.groups import Prompt


def prompts(
    seed: Annotated[
        str | None, typer.Option("--seed", help="A block hash, 64 hex digits (default: a random one).", show_default=False)
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", min=1, max=5000, help="So many single prompts instead of a round.", show_default=False),
    ] = None,
    track: TrackOption = None,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Print the prompts that a round with this block hash asks, with their kinds."""
    from neurons.settings import MinerSettings
    from scoring.receipts.receipt import expected_seconds

    chosen = _seed(seed)
    rules = track_of(load(MinerSettings(**given(competition=competition)).competition).version[-1], track)
    plan = rules.prompts.plan
    if count is not None:
        plan = GroupPlan(single=count, counterfactual=0, voice=0, asks=plan.asks)
    asked = [prompt for group in generate(chosen, plan) for prompt in group.prompts]
    seconds = [round(expected_seconds(prompt), 1) for prompt in asked]
    if as_json:
        rows = [asdict(prompt) | {"expected_seconds": about} for prompt, about in zip(asked, seconds, strict=True)]
        typer.echo(json.dumps({"track": rules.name, "seed": chosen.hex(), "prompts": rows}, indent=1, ensure_ascii=False))
    else:
        _show(rules.name, chosen, asked, seconds)


def _seed(given: str | None) -> bytes:
    """The seed in bytes; raises PlatformError(ARGUMENT_INVALID)."""
    if given is None:
        return secrets.token_bytes(SEED_BYTES)
    try:
        seed = bytes.fromhex(given.removeprefix("0x"))
    except ValueError:
        seed = b""
    if len(seed) != SEED_BYTES:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--seed {given}: a block hash has {2 * SEED_BYTES} hex digits")
    return seed


def _show(track: str, seed: bytes, asked: "list[Prompt]", seconds: list[float]) -> None:
    console = Console()
    described = any(asked_attributes(prompt.voice) for prompt in asked)
    table = Table("prompt", "kind", "s", "text", *(["voice"] if described else []), box=None)
    for prompt, about in zip(asked, seconds, strict=True):
        voice = [prompt.description] if described else []
        table.add_row(prompt.id, prompt.kind.value, f"{about:.1f}", prompt.text, *voice)
    console.print(table)
    told = f"{len(asked)} prompts of the track {track}, about {sum(seconds):.0f} s of speech. Block hash: {seed.hex()}"
    console.print(told, soft_wrap=True, highlight=False)
