"""Tables of `voice operator`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from neurons.cli.output import plain
from scoring.errors import EXPLANATIONS

if TYPE_CHECKING:
    from scoring.types import EvaluationId
    from voice_api.schemas.evaluations import EvaluationOut
    from voice_api.schemas.operations import StuckOut, WorkerOut

    Crew = tuple[Sequence[WorkerOut], Mapping[EvaluationId, EvaluationOut]]


def show_stuck(rows: "Sequence[StuckOut]") -> None:
    """Show each parked evaluation with its code and advice."""
    if not rows:
        Console().print("Nothing waits for an operator.")
        return
    table = Table(
        "evaluation",
        "submission",
        "round",
        "queue",
        "parked",
        "host",
        "failures",
        Column("why", overflow="fold"),
        box=SIMPLE_HEAD,
    )
    for row in rows:
        why = plain(f"[{row.code}] {row.reason} {EXPLANATIONS[row.code].advice}" if row.code else row.reason or "")
        table.add_row(
            str(row.evaluation_id),
            str(row.submission_id),
            str(row.round),
            row.queue.value,
            f"{row.parked_why.value}, {row.finished_at:%m-%d %H:%M}",
            plain(row.host or ""),
            str(row.failures),
            Text(why),
        )
    Console().print(table)


def show_workers(rows: "Sequence[WorkerOut]", evaluations: "Mapping[EvaluationId, EvaluationOut]", now: datetime) -> None:
    """Show each worker with its work, and when it was last seen."""
    if not rows:
        Console().print("No worker lives.")
        return
    table = Table("worker", "host", "queue", "does", "since", "seen", box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(
            plain(row.name),
            plain(row.host),
            row.queue.value,
            _does(row, evaluations),
            f"{row.started_at:%m-%d %H:%M}",
            f"{max(0, round((now - row.seen_at).total_seconds()))} s ago",
        )
    Console().print(table)


def _does(row: "WorkerOut", evaluations: "Mapping[EvaluationId, EvaluationOut]") -> str:
    drains = "draining" if row.draining else ""
    if row.evaluation_id is None:
        return drains or "waits"
    found = evaluations.get(row.evaluation_id)
    stage = f" {found.stage} {found.done}/{found.total}" if found and found.stage else ""
    return f"evaluation {row.evaluation_id}{stage}" + (", then ends" if drains else "")
