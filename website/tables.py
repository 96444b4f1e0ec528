"""Tables and sections of Markdown."""

import html
import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]+`)")


def cell(text: str) -> str:
    """A text as a table's cell: on one line; of its signs, only those that mark code are markup."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(code(part[1:-1]) if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    return html.escape(text, quote=False).replace("*", "\\*").replace("|", "&#124;")


def code(text: str) -> str:
    """A text as code in a table's cell; nothing for an empty one. What would end the cell is written so that it does not."""
    line = " ".join(text.split())
    if "|" in line:
        return f"<code>{html.escape(line, quote=False).replace('|', '&#124;')}</code>"
    return f"`{line}`" if line else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
