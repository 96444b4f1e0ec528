"""`voice verify`: run a receipt's score again, as far as asked."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.options import AsJson, address, given
from neurons.cli.output import stages
from neurons.settings import MinerSettings
from scoring.default_rules import DEFAULT_PATH
from scoring.errors import Code, PlatformError
from scoring.foreign_words import printable
from scoring.types import MICRO, Hotkey
from voice_api.settings import StoreSettings

if TYPE_CHECKING:
    from scoring.receipts.certificate import Trust
    from scoring.receipts.store import AudioStore
    from scoring.store.files import StoredFiles
    from workers.evaluation.progress import Progress
    from workers.evaluation.tools import LastPanel
    from workers.verify.receipt import Case, Check, VerifyOutcome

ReceiptName = Annotated[str, typer.Argument(metavar="RECEIPT", help="The receipt's file, or its hash in the store.")]
Level = Annotated[
    int, typer.Option(min=1, max=3, help="1 the receipt in itself, 2 its audio judged again, 3 the model speaks again.")
]
Sample = Annotated[str | None, typer.Option("--sample", help="Levels 2 and 3: only this sample's group (its index or prompt).")]
ModelFolder = Annotated[
    Path | None,
    typer.Option("--model", exists=True, file_okay=False, help="Level 3: the model's folder (default: from the hub)."),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        help="Where the evidence is, a folder or s3://BUCKET/PREFIX.",
        show_default="the folder the receipt lies in, else VOICE_STORE",
    ),
]
Issuer = Annotated[
    str | None,
    typer.Option(
        "--issuer", parser=address, metavar="ADDRESS", help="The validator's hotkey whose certificates count (default: any)."
    ),
]
RulesFile = Annotated[
    Path | None,
    typer.Option("--competition", help="The file whose rules must hold (default: those of this version, else the store's)."),
]
RevocationsFile = Annotated[Path | None, typer.Option("--revocations", help="The issuer's list of revoked certificates.")]

Sandboxed = Annotated[
    bool, typer.Option("--sandboxed", help="Unpack each sound in the sandbox: for evidence that a stranger keeps. Slower.")
]

_HASH = re.compile("[0-9a-f]{64}")
_SHOWN = 60
"""Rows of the table; --json has all."""


def verify(
    receipt: ReceiptName,
    level: Level = 2,
    sample: Sample = None,
    model: ModelFolder = None,
    store: Store = None,
    issuer: Issuer = None,
    revocations: RevocationsFile = None,
    competition: RulesFile = None,
    sandboxed: Sandboxed = False,
    as_json: AsJson = False,
) -> None:
    """Run a receipt's score again: exit 0 if nothing is found against it, 1 if something is, with a table of the differences.

    Level 1 finds changes made after the signature, and numbers that do not follow from each other; level 2 metrics that are not the
    audio's; level 3, which asks in another order, audio that is not the model's, and a model that is not the receipt's.

    With --json, `rules` is `known` for rules from a file, and `store` where only the store has them. The receipt's author may have
    written those: the exit status is 0 all the same. Name the validator's file with --competition to be sure. A time-out depends on the
    host: such a verdict is `not_comparable`, and nothing against the receipt.
    """
    from scoring.audio.kept_sound import kept_pcm
    from scoring.receipts.receipt import digest
    from workers.evaluation.audio_store import EvidenceStore, read_receipt
    from workers.verify.foreign_sounds import kept_pcm_in_sandbox
    from workers.verify.receipt import check_itself, open_case
    from workers.verify.receipt import verify as run

    is_hash = _HASH.fullmatch(receipt) is not None and not Path(receipt).exists()
    unpack = kept_pcm_in_sandbox if sandboxed else kept_pcm
    evidence = EvidenceStore(_files(store, None if is_hash else Path(receipt)), unpack)
    signed = evidence.receipt(receipt) if is_hash else read_receipt(Path(receipt))
    case = open_case(signed, evidence, competition or DEFAULT_PATH, pinned=competition is not None)
    trust, remarks = _trust(case, issuer, revocations)
    with stages() as progress:
        levels: list[Check] = [partial(check_itself, trust=trust, name=Path(receipt).stem, now=datetime.now(UTC))]
        if level > 1:
            levels += _with_judges(level, sample, evidence, model, progress)
        outcome = run(case, levels)
    (_print_json if as_json else _print)(case, digest(signed.receipt), level, remarks, outcome)
    raise typer.Exit(0 if outcome.holds else 1)


def _files(store: str | None, receipt: Path | None) -> "StoredFiles":
    """The files of the named store; else of the one that the receipt lies in, else of VOICE_STORE, else of the receipt's folder."""
    from scoring.receipts.store import RECEIPTS

    settings = StoreSettings(**given(store_place=store))
    folder = None if receipt is None else receipt.resolve().parent
    if store is None and folder is not None:
        if folder.name == RECEIPTS:
            return settings.files(folder.parent)
        return settings.files(settings.store_place or folder)
    if settings.store_place is None:
        raise PlatformError(Code.ARGUMENT_INVALID, "A receipt's hash needs the store that keeps it: name --store or VOICE_STORE.")
    return settings.files(settings.store_place)


def _trust(case: "Case", issuer: str | None, revocations: Path | None) -> "tuple[Trust, list[str]]":
    """The issuers whose certificates count, and remarks for the reader."""
    from scoring.receipts.certificate import Trust
    from voice_api import keys

    wanted = Hotkey(issuer or case.signed.certificate.issuer)
    remarks = [] if issuer else [f"The issuer {wanted} is not pinned: name the validator's hotkey with --issuer."]
    if revocations is None:
        remarks.append("No list of revocations was given (--revocations): a certificate that was taken back passes.")
        return Trust(frozenset({wanted}), frozenset(), keys.verify), remarks
    if not revocations.is_file():
        raise PlatformError(Code.REVOCATIONS_INVALID, f"there is no file {revocations}")
    return keys.trust(wanted, revocations), remarks


def _with_judges(
    level: int, sample: str | None, evidence: "AudioStore", model: Path | None, progress: "Progress"
) -> "list[Check]":
    import torch

    from workers.evaluation.judge_models import StandardModels
    from workers.evaluation.tools import LastPanel
    from workers.verify.audio import check_audio

    torch.set_num_threads(1)  # as a worker does, unless it is told otherwise
    settings = MinerSettings()
    panel = LastPanel(StandardModels(settings.standard_pins, settings.hub, settings.data / "judges", settings.device))
    checks: list[Check] = [partial(check_audio, sample=sample, store=evidence, panel_of=panel, progress=progress)]
    return checks if level == 2 else [*checks, _again(sample, model, panel, progress)]


def _again(sample: str | None, model: Path | None, panel: "LastPanel", progress: "Progress") -> "Check":
    from workers.evaluation.environments import EnvironmentStore
    from workers.evaluation.tools import open_tools
    from workers.verify.model import check_model

    def check(case: "Case") -> "VerifyOutcome":
        settings = MinerSettings()
        environments = EnvironmentStore(settings.environments, installs=False)
        means = replace(open_tools(settings.hub, settings.data, environments=environments), panel=panel)
        return check_model(case, sample, model, means, progress)

    return check


def _print_json(case: "Case", digest: str, level: int, notes: Sequence[str], outcome: "VerifyOutcome") -> None:
    said = case.statement
    report = {
        "receipt": digest,
        "holds": outcome.holds,
        "level": level,
        "issuer": case.signed.certificate.issuer,
        "rules": "known" if case.known_rules else "store",
        "score": None if said.finding.report is None else said.finding.report.score,
        "differences": [asdict(row) for row in outcome.differences],
        "not_comparable": [asdict(row) for row in outcome.not_comparable],
        "notes": [*notes, *outcome.notes],
        "deviation": None if outcome.deviation is None else asdict(outcome.deviation),
    }
    typer.echo(json.dumps(report))


def _print(case: "Case", digest: str, level: int, notes: Sequence[str], outcome: "VerifyOutcome") -> None:
    console = Console(soft_wrap=True)
    for name, value in _facts(case, digest):
        console.print(Text(f"{name:<12}{printable(value)}"))
    if outcome.differences:
        table = Table("what", Column("receipt says", overflow="fold"), Column("found", overflow="fold"))
        for row in outcome.differences[:_SHOWN]:
            table.add_row(*(Text(printable(text)) for text in (row.what, row.claimed, row.found)))
        Console().print(table)
        if len(outcome.differences) > _SHOWN:
            console.print(f"… and {len(outcome.differences) - _SHOWN} more: --json shows all")
    open_rows = [f"{row.what}: the receipt says {row.claimed}, found: {row.found}" for row in outcome.not_comparable]
    for note in (*notes, *outcome.notes, *(f"not comparable, as it depends on the host or the day: {row}" for row in open_rows)):
        console.print(Text(f"note: {printable(note)}", "dim"))
    if outcome.holds:
        console.print(f"[bold green]The receipt holds[/] (level {level}).")
    else:
        console.print(f"[bold red]The receipt does not hold[/] (level {level}): found against it: {len(outcome.differences)}.")


def _facts(case: "Case", digest: str) -> list[tuple[str, str]]:
    subject, _, finding, here = case.statement
    certificate, report = case.signed.certificate, finding.report
    said = f"rejected: [{finding.code}] {finding.reason}"
    if report is not None:
        said = f"{report.score / MICRO:.6f} ± {report.stderr / MICRO:.6f} over {len(report.samples)} samples"
    return [
        ("receipt", digest),
        ("model", f"{subject.repo}@{subject.revision} of {subject.hotkey}"),
        ("round", f"{subject.round}, block hash {subject.block_hash}"),
        ("judged", f"{here.judged_at.isoformat()} on {certificate.host}: {here.hardware}"),
        ("certificate", f"{certificate.serial}, by {certificate.issuer}"),
        ("says", said),
    ]
