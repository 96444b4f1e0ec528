"""Tables and sections of Markdown."""

import html
import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]+`)")


def cell(text: str) -> str:
    """A text as a table's cell: on one line; of its signs, only those that mark code are markup."""
    parts = _CODE.split(" ".join(text.split()))
    plain = [part if number % 2 else html.escape(part, quote=False).replace("*", "\\*") for number, part in enumerate(parts)]
    return "".join(plain).replace("|", "\\|")


def code(text: str) -> str:
    """A text as code in a table's cell; nothing for an empty one."""
    return "`" + " ".join(text.split()).replace("|", "\\|") + "`" if text else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; its cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
