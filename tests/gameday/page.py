"""The table of docs/operations.md: `python -m tests.gameday.page RUN.json` keeps a game day's run, and writes its table anew."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.builders.processes import ROOT

KEPT = ROOT / "docs" / "measured" / "gameday.json"
PAGE = ROOT / "docs" / "operations.md"
BEGIN, END = "<!-- game day: rendered from measured/gameday.json -->\n", "<!-- end of game day -->\n"


def table(run: Mapping[str, Any]) -> str:
    """The rows of a run as Markdown."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: Mapping[str, Any]) -> Iterator[str]:
    yield "| fault | the doctor says | after | alert | after | all is well |"
    yield "|---|---|---|---|---|---|"
    for row in run["rows"]:
        says = f"`{row['role']}`, row `{row['row']}`: {_cell(row['said'])}"
        told = ", ".join(f"`{name}`" for name in run["told"][row["fault"]])
        yield (
            f"| {row['fault']} | {says} | {_seconds(row['named_after'])} | {told} | {_seconds(row['told_after'])}"
            f" | {_seconds(row['well_after'])} later |"
        )
    restore = run["restore"]
    if restore is not None:
        is_same = all(restore[part] == restore[f"{part}_again"] for part in ("ledger", "weights"))
        end = "the same ledger hash and the same weights" if is_same else "another ledger, or other weights"
        says = f"`api`, row `schema`: {_cell(restore['without'])}"
        yield f"| database lost | {says} | at once | | | {end}, {_seconds(restore['seconds'])} later |"


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.0f} s"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def rendered(page: str, run: Mapping[str, Any]) -> str:
    """The page with the table of a run in its place."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table(run)}\n{END}{after}"


if __name__ == "__main__":
    kept = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    KEPT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8"), kept), encoding="utf-8")
