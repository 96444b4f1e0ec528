"""`voice worker selftest`: does this host's sandbox hold? And `voice worker walls`, which writes what it tries into a page."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table

from neurons.cli.options import AsJson, answer
from neurons.cli.pages import Check, write_or_check
from neurons.settings import MinerSettings
from scoring.foreign_words import printable

if TYPE_CHECKING:
    from workers.sandbox.selftest.run import Finding

Full = Annotated[bool, typer.Option("--full", help="Every kind of guest, and behaviours that the worker must end: a minute.")]
Page = Annotated[Path, typer.Option("--out", help="The page, which has a place for the table.")]


def selftest(full: Full = False, as_json: AsJson = False) -> None:
    """Let a hostile guest try every known way out of this host's sandbox; ends with code 2110 where one succeeds.

    A worker does the same at its start, without --full.
    """
    from workers.sandbox.selftest import run

    scratch = MinerSettings().data / "scratch"
    findings = list(run.everything(scratch)) if full else list(run.attempts(scratch))
    answer(as_json, _document(findings), lambda: _show(findings))
    run.check(findings)


def _document(findings: "Sequence[Finding]") -> dict[str, Any]:
    return {
        "held": not any(finding.is_breach for finding in findings),
        "findings": [
            {
                "guest": finding.kind,
                "name": finding.name,
                "outcome": finding.outcome,
                "said": finding.said,
                "remains": finding.remains or None,
            }
            for finding in findings
        ],
    }


def _show(findings: "Sequence[Finding]") -> None:
    table = Table("guest", Column("what", overflow="fold"), "outcome", Column("said", overflow="fold"), box=SIMPLE_HEAD)
    for finding in findings:
        outcome = "remains" if finding.remains and not finding.is_breach else finding.outcome
        table.add_row(finding.kind, finding.name, outcome, printable(finding.said))
    console = Console()
    console.print(table)
    counts = Counter("remain possible, as docs/security.md says" if finding.remains else finding.outcome for finding in findings)
    console.print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))


def walls(out: Page = Path("docs/security.md"), check: Check = False) -> None:
    """Render what the self-test tries, and what refuses it, into the page on security."""
    from workers.sandbox.selftest.table import rendered

    write_or_check({out: rendered(out)}, check, "voice worker walls")
