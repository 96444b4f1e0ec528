"""The queries of `queries/*.sql`, by name: `sql("queue.claim")` is the query `claim` of queue.sql."""

import re
from functools import cache
from pathlib import Path

QUERIES = Path(__file__).with_name("queries")
_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def sql(name: str) -> str:
    """The text of a query, comments included; raises KeyError for a name that no file holds."""
    file, _, query = name.partition(".")
    return _parse(file)[query]


def names() -> tuple[str, ...]:
    """Every query's name, in order."""
    return tuple(f"{path.stem}.{query}" for path in sorted(QUERIES.glob("*.sql")) for query in _parse(path.stem))


@cache
def _parse(file: str) -> dict[str, str]:
    path = QUERIES / f"{file}.sql"
    if not path.is_file():
        raise KeyError(file)
    _, *parts = _HEADING.split(path.read_text(encoding="utf-8"))
    return {query: text.strip() for query, text in zip(parts[::2], parts[1::2], strict=True)}
