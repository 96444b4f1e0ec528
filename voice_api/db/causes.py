"""Failures that nobody foresaw: whether the same one was seen on another host decides whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scoring.errors import Code
from scoring.types import SubmissionId
from voice_api.db.database import Connection, sql


@dataclass(frozen=True, slots=True)
class Cause:
    """One unforeseen failure on one host. Equal `cause` texts are the same failure."""

    host: str
    code: Code
    cause: str


async def causes_of(connection: Connection, submission: SubmissionId) -> tuple[Cause, ...]:
    """A submission's unforeseen failures that met no other one, in any round; each once, in order."""
    rows = await connection.fetch(sql("causes.of_submission"), submission)
    return tuple(sorted((_cause(row) for row in rows), key=lambda cause: (cause.host, cause.code, cause.cause)))


def _cause(row: Mapping[str, Any]) -> Cause:
    return Cause(row["host"] or "", Code(row["code"] or Code.WORKER_ERROR), row["cause"])
