"""The page's table of attempts: what is tried, and what refuses it."""

from collections.abc import Iterable
from pathlib import Path

from scoring.errors import Code, PlatformError
from workers.sandbox.selftest.attempt import Attempt, Wall
from workers.sandbox.selftest.behaviours import BEHAVIOURS
from workers.sandbox.selftest.catalogue import AREAS

BEGIN, END = "<!-- attempts: begin (voice worker walls) -->", "<!-- attempts: end -->"


def rendered(page: Path) -> str:
    """The page with its table written anew between the markers; raises PlatformError(ARGUMENT_INVALID) where these are not there."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise PlatformError(Code.ARGUMENT_INVALID, f"{page} has no place for the table: it stands between {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{table()}\n{END}{after}"


def table() -> str:
    """All attempts by their area, what remains possible, and all behaviours with their verdicts, in Markdown."""
    parts: list[str] = []
    for area, attempts in AREAS.items():
        refused = [one for one in attempts if not one.remains]
        parts += [f"**On {area}** ({len(refused)})", "", "| attempt | refused by |", "|---|---|"]
        parts += [f"| {one.name} | {_walls(one.walls)}{_but_on_card(one)} |" for one in refused] + [""]
    remaining = [one for attempts in AREAS.values() for one in attempts if one.remains]
    parts += ["**What remains possible**", "", "| attempt | why, and what it gives |", "|---|---|"]
    parts += [f"| {one.name} | {one.remains} |" for one in remaining] + [""]
    parts += [f"**Behaviours** ({len(BEHAVIOURS)})", "", "| what it does | ended by | verdict |", "|---|---|---|"]
    parts += [f"| {name} | {_walls(one.walls)} | {one.verdict:d} `{one.verdict.slug}` |" for name, one in BEHAVIOURS.items()]
    return "\n".join(parts) + "\n"


def _walls(walls: Iterable[Wall]) -> str:
    return ", ".join(walls)


def _but_on_card(one: Attempt) -> str:
    return "; possible on a card, whose driver needs it" if one.on_card else ""
