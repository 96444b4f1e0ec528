"""Failures that nobody foresaw: whether the same one was seen on another host decides whose they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scoring.errors import Code


@dataclass(frozen=True, slots=True)
class Cause:
    """One unforeseen failure on one host. Equal `cause` texts are the same failure."""

    host: str
    code: Code
    cause: str


def causes_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Cause, ...]:
    """What the database keeps, each once, in order."""
    return tuple(sorted((_cause(row) for row in rows), key=lambda cause: (cause.host, cause.code, cause.cause)))


def _cause(row: Mapping[str, Any]) -> Cause:
    return Cause(row["host"] or "", Code(row["code"] or Code.WORKER_ERROR), row["cause"])
