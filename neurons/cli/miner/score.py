"""`voice miner score`: the validator's own code on the miner's machine."""

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.miner import score_files
from neurons.cli.miner.yardstick import UNASKED, Yardstick, yardstick
from neurons.cli.options import MOST_BLOCK, AsJson, CompetitionFile, NetworkOptions, answer, load, open_chain, shared_options
from neurons.cli.output import prints_aside, stages
from neurons.settings import MinerSettings
from scoring.errors import Code, PlatformError
from scoring.foreign_words import printable
from scoring.report import Factor, SampleReport
from scoring.scores.flags import sentence
from scoring.types import MICRO, Block, BlockHash, ContentHash, RoundNumber

if TYPE_CHECKING:
    from prompts.groups import Group, Prompt
    from scoring.competition import Competition, Schedule, Track
    from workers.evaluation.obtain import LocalModel
    from workers.evaluation.progress import Progress
    from workers.evaluation.speech import JudgedSpeech
    from workers.evaluation.tools import Tools

Target = Annotated[
    str, typer.Argument(metavar="PATH|REPO@REVISION", help="A model's folder, or <namespace>/<name>@<40 hex digits>.")
]
RoundOption = Annotated[
    int | None, typer.Option("--round", min=0, max=MOST_BLOCK, help="A past round; its block hash is read from the chain.")
]
BlockOption = Annotated[
    int | None, typer.Option("--block", min=0, max=MOST_BLOCK, help="A past block: the round that it lies in.")
]
HashOption = Annotated[
    str | None, typer.Option("--block-hash", help="The hash of a round's first block (default: a random one).")
]
Out = Annotated[Path | None, typer.Option("--out", help="Keep each sample as a WAV file, and report.json, in this folder.")]

ReportFile = Annotated[
    Path | None, typer.Option("--report", help="Write one HTML file with players, pictures, numbers and reasons of every sample.")
]

_REPO = re.compile(r"([\w.-]+/[\w.-]+)(?:@([0-9a-f]{40}))?", re.ASCII)
_WORST = 5
_WIDE, _SHORT = 100, 5
"""Columns in which the factors' names fit beside each other; below, so many letters of each stand in its heading."""


@dataclass(frozen=True, slots=True)
class RoundSeed:
    """The block hash that a round's prompts are drawn from, and its rules; no number for a hash that was given or drawn."""

    number: int | None
    block_hash: BlockHash
    rules: "Competition"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredModel:
    """A model with its prompts, its samples and their scores, and reasons by prompt id."""

    target: str
    family: str
    track: "Track"
    content: ContentHash
    seed: RoundSeed
    groups: "tuple[Group, ...]"
    speech: "JudgedSpeech"
    reasons: Mapping[str, Sequence[str]]

    @property
    def prompts(self) -> "dict[str, Prompt]":
        """The prompts by their ids."""
        return {prompt.id: prompt for group in self.groups for prompt in group.prompts}


@shared_options
def score(
    options: NetworkOptions,
    target: Target,
    number: RoundOption = None,
    block: BlockOption = None,
    block_hash: HashOption = None,
    out: Out = None,
    report: ReportFile = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the API for the king's score.")] = False,
    competition: CompetitionFile = None,
    as_json: AsJson = False,
) -> None:
    """Score a model with the validator's own code and sandbox, to the last digit of a worker's score.

    Beside it stands the king's score, as the API (VOICE_API_URL) has it: of the same round where it has one.
    """
    _check(target)
    settings = options.settings(MinerSettings, competition=competition)
    seed = _seed(settings, load(settings.competition), number, block, block_hash)
    if out is not None:
        score_files.make(out)
    if report is not None:
        score_files.check_page(report)
    with prints_aside():
        found = _score(target, seed, settings)
    king = UNASKED if offline else asyncio.run(yardstick(settings, found.track.name, seed.number))
    data = _report(found) | {"king": king.to_json()}
    if out is not None:
        score_files.keep(out, data, found.speech.spoken)
    if report is not None:
        score_files.write_page(report, data, found.speech.spoken, king.beside(found.speech.report.score))
    answer(as_json, data, lambda: _show(found, king))


def _check(target: str) -> None:
    """Refuse a target that is neither a folder nor a repository at a pinned revision, before anything is started for it."""
    named = _REPO.fullmatch(target)
    if Path(target).is_dir() or (named and named[2]):
        return
    hint = f"; a repository is named {target}@<40 hex digits>" if named else ""
    raise PlatformError(Code.ARGUMENT_INVALID, f"There is no folder {target}{hint}.")


def _seed(
    settings: MinerSettings, schedule: "Schedule", number: int | None, block: int | None, block_hash: str | None
) -> RoundSeed:
    """Read the seed from the chain for a named round or block; else draw one under the newest rules, which come next."""
    if sum(value is not None for value in (number, block, block_hash)) > 1:
        raise PlatformError(Code.ARGUMENT_INVALID, "--round, --block and --block-hash name the same thing: give one of them.")
    if block is not None:
        number = block // schedule.round_blocks
    if number is None:
        return RoundSeed(None, BlockHash(_digits(block_hash)), schedule.version[-1])
    start = Block(number * schedule.round_blocks)
    return RoundSeed(number, asyncio.run(_first_hash(settings, start, number)), schedule.at(RoundNumber(number)))


def _digits(given_hash: str | None) -> str:
    if given_hash is None:
        return f"0x{secrets.token_hex(32)}"
    digits = given_hash.lower().removeprefix("0x")
    if not re.fullmatch("[0-9a-f]{64}", digits):
        raise PlatformError(Code.ARGUMENT_INVALID, f"--block-hash {given_hash}: a block hash has 64 hex digits.")
    return f"0x{digits}"


async def _first_hash(settings: MinerSettings, start: Block, number: int) -> BlockHash:
    async with open_chain(settings) as chain:
        newest = await chain.finalized()
        if start > newest:
            why = f"Round {number} begins at block {start}; the newest finalized one is {newest}."
            raise PlatformError(Code.ARGUMENT_INVALID, why)
        return await chain.block_hash(start)


def _score(target: str, seed: RoundSeed, settings: MinerSettings) -> ScoredModel:
    import torch

    from scoring.model.fingerprint import fingerprint
    from scoring.scores import aggregate
    from scoring.scores.aggregate import ScoreRules
    from scoring.scores.reasons import explain
    from workers.evaluation.environments import EnvironmentStore
    from workers.evaluation.progress import Stage
    from workers.evaluation.speech import judge_model
    from workers.evaluation.tools import open_tools

    torch.set_num_threads(1)  # as a worker does, unless it is told otherwise
    with stages() as progress:
        environments = EnvironmentStore(settings.environments, installs=True)
        means = open_tools(
            settings.hub, settings.data, environments=environments, pins=settings.standard_pins, device=settings.device
        )
        model = _model(target, seed.rules, means, progress)
        content = fingerprint(model.folder, partial(progress, Stage.FINGERPRINT)).content
        speech = judge_model(model, seed.block_hash, means, progress)
    track = model.track
    groups = track.groups(seed.block_hash)
    reasons = explain(groups, speech.report, ScoreRules(aggregate.load_anchors(track.profile), track.factors))
    return ScoredModel(
        target=target,
        family=model.family,
        track=track,
        content=content,
        seed=seed,
        groups=groups,
        speech=speech,
        reasons=reasons,
    )


def _model(target: str, rules: "Competition", means: "Tools", progress: "Progress") -> "LocalModel":
    """A folder as it is, or a repository fetched at a pinned revision; checked as a validator does."""
    from workers.evaluation.obtain import fetch, open_folder

    named = None if Path(target).is_dir() else _REPO.fullmatch(target)
    if named is None:
        return open_folder(Path(target), rules, progress)
    return fetch(named[1], named[2], rules, means, progress)


def _report(found: ScoredModel) -> dict[str, Any]:
    """Everything, as plain JSON data."""
    asked, report = found.prompts, asdict(found.speech.report)
    for sample in report["samples"]:
        prompt = asked[sample["prompt_id"]]
        sample |= {"text": prompt.text, "description": prompt.description, "reasons": list(found.reasons[prompt.id])}
    return {
        "model": found.target,
        "family": found.family,
        "track": found.track.name,
        "content_hash": found.content,
        "round": found.seed.number,
        "block_hash": found.seed.block_hash,
        "competition_hash": found.seed.rules.hash,
        "speak_seconds": found.speech.speak_seconds,
        "judge_seconds": found.speech.judge_seconds,
        "seconds": found.speech.seconds,
        **report,
    }


def _told(prompt: "Prompt", sample: SampleReport) -> Text:
    """What was asked, in which voice, and what was heard or why there was nothing to hear: a line each."""
    lines = [(prompt.text, ""), (prompt.description, "dim"), (sample.heard, "italic"), (sample.reason, "red")]
    parts = [(line, style) for line, style in lines if line]
    return Text("\n").join(Text(printable(line), style, overflow="ellipsis") for line, style in parts)


def _show(found: ScoredModel, king: Yardstick) -> None:
    report, asked, console = found.speech.report, found.prompts, Console(soft_wrap=True, highlight=False)
    factors = [factor for factor in Factor if factor in found.track.factors]
    names = {factor: factor.value if console.width >= _WIDE else factor.value[:_SHORT] for factor in factors}
    words = Table(Column("prompt", no_wrap=True), Column("text, voice, heard", no_wrap=True), box=SIMPLE_HEAD)
    numbers = Table(
        Column("prompt", no_wrap=True),
        Column("score", width=6),
        *(Column(name, no_wrap=True, min_width=len(name)) for name in names.values()),
        Column("s", justify="right", no_wrap=True),
        Column("gate", overflow="fold"),
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for sample in report.samples:
        words.add_row(sample.prompt_id, _told(asked[sample.prompt_id], sample))
        utilities = [f"{sample.utilities[factor]:.3f}" if factor in sample.utilities else "" for factor in factors]
        score, seconds = f"{sample.score / MICRO:.4f}", f"{sample.seconds:.2f}"
        numbers.add_row(sample.prompt_id, score, *utilities, seconds, sample.gate or "")
    Console().print(words, numbers)
    if console.width < _WIDE:
        console.print(Text(", ".join(f"{short}: {factor}" for factor, short in names.items()), "dim"))
    worst = sorted(report.samples, key=lambda sample: (sample.score, sample.prompt_id))[:_WORST]
    for sample in worst:
        console.print(f"[bold]{sample.prompt_id}[/] {sample.score / MICRO:.4f}  {asked[sample.prompt_id].text}")
        for reason in found.reasons[sample.prompt_id]:
            console.print(Text(f"  {reason}"))
    for flag in report.flags:
        console.print(Text(f"{flag.prompt_id} {sentence(flag)}; what is noticed changes no score", "yellow"))
    where = f"track {found.track.name}, " + ("" if found.seed.number is None else f"round {found.seed.number}, ")
    console.print(
        f"score [bold]{report.score / MICRO:.4f}[/] ± {report.stderr / MICRO:.4f}, {where}block hash {found.seed.block_hash}"
    )
    if said := king.beside(report.score):
        console.print(Text(printable(said), "dim"))
