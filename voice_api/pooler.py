"""PgBouncer before PostgreSQL: a URL with `pgbouncer=true` says that it is there, pooling by the transaction.

Then one transaction runs on one connection, and nothing else is certain: no statement stays prepared, no lock of a session is kept, and
nobody hears of what is announced. Claims and verdicts need none of that; the dispatcher and migrations do, and name PostgreSQL itself.
"""

from typing import NoReturn
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from scoring.errors import Code, PlatformError

_MARK = "pgbouncer"
_YES = "true"


def is_pooled(url: str) -> bool:
    """Whether a URL says that PgBouncer is there; raises ValueError for a mark that is not `true`."""
    marks = [value for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True) if name == _MARK]
    if any(mark != _YES for mark in marks):
        raise ValueError(f"{_MARK}= takes {_YES} alone: leave it away where PostgreSQL itself is named")
    return bool(marks)


def without_mark(url: str) -> str:
    """The URL as the driver takes it."""
    if not is_pooled(url):
        return url
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != _MARK]
    return urlunsplit(parts._replace(query=urlencode(query, safe="/")))


def insist_on_a_session(url: str) -> None:
    """Raise PlatformError(SETTING_INVALID) for a URL that says that it leads to PgBouncer."""
    if is_pooled(url):
        refuse_a_pooler()


def refuse_a_pooler() -> NoReturn:
    """Raise PlatformError(SETTING_INVALID): what a pooler cannot carry was to go through one."""
    why = (
        "this keeps a lock, or listens, for longer than a transaction, and DATABASE_URL leads to a pooler, which does not carry that: "
        f"name PostgreSQL itself there, without {_MARK}={_YES}"
    )
    raise PlatformError(Code.SETTING_INVALID, why)
