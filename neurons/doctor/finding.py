"""What a check found: the health of one part of a node, in words for its operator."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from neurons.doctor.catalogue import CATALOGUE, CheckName
from scoring.errors import Code, VoiceError
from scoring.foreign_words import escaped
from scoring.shown_addresses import without_access


class Health(StrEnum):
    """The health of one part."""

    OK = "ok"
    WARNING = "warning"
    """It works, and somebody should look at it soon."""
    FAILING = "failing"
    """It does not work, or stops within days: somebody has to act."""
    UNKNOWN = "unknown"
    """It could not be looked at; the value says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row: what was looked at, how it is, and what to do where it is not well."""

    check: CheckName
    health: Health
    value: str
    """How it is now, or why that is not known."""
    fix: str = ""
    """What to do; '' where nothing is to be done."""
    code: Code | None = None
    """The error that the look ended with, where it did."""
    follows: tuple[CheckName, ...] = ()
    """The rows of which this one's failure is only a consequence, where one of them fails; what comes first in time first."""

    @property
    def meaning(self) -> str:
        """What this row tells of."""
        return CATALOGUE[self.check].meaning

    @property
    def see(self) -> str:
        """The place in the documents that has more; '' where there is none."""
        return CATALOGUE[self.check].see

    def as_data(self) -> dict[str, Any]:
        """The finding as plain JSON data."""
        return {
            "check": self.check.value,
            "health": self.health.value,
            "value": self.value,
            "meaning": self.meaning,
            "fix": self.fix or None,
            "code": None if self.code is None else self.code.value,
            "see": self.see or None,
        }


def well(check: CheckName, value: str) -> Finding:
    """A part that is as it should be."""
    return Finding(check=check, health=Health.OK, value=_shown(value))


def warning(check: CheckName, value: str, fix: str) -> Finding:
    """A part that works, and that somebody should look at."""
    return Finding(check=check, health=Health.WARNING, value=_shown(value), fix=fix)


def failing(check: CheckName, value: str, fix: str, code: Code | None = None, *, follows: tuple[CheckName, ...] = ()) -> Finding:
    """A part that does not work; where a row that it `follows` fails, that one is the cause."""
    return Finding(check=check, health=Health.FAILING, value=_shown(value), fix=fix, code=code, follows=follows)


def unknown(check: CheckName, value: str, fix: str = "", code: Code | None = None) -> Finding:
    """A part that could not be looked at."""
    return Finding(check=check, health=Health.UNKNOWN, value=_shown(value), fix=fix, code=code)


def _shown(value: str) -> str:
    """On one line, and without what of an address may be a password: what the doctor says is copied to others."""
    return escaped(without_access(value))


def fault(check: CheckName, error: VoiceError) -> Finding:
    """A part whose look ended with an error that means this part."""
    return failing(check, error.detail, error.advice, error.code)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing fails; a warning, and what is not known, fails nothing."""
    return all(finding.health is not Health.FAILING for finding in findings)
