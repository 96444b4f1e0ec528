"""One line an incident."""

import logging
from contextlib import suppress

import pytest
import structlog

from neurons.cli.log_repeats import QUIET_SECONDS, LibraryRepeats, Repeats


class Log:
    """What is written of what is said, by a clock of the test's."""

    def __init__(self) -> None:
        self.now, self.written = 0.0, list[dict[str, object]]()
        self._repeats = Repeats(lambda: self.now)

    def say(self, event: str, level: str = "warning", **facts: object) -> None:
        """Pass one entry through."""
        with suppress(structlog.DropEvent):
            self.written.append(dict(self._repeats(None, level, {"event": event, "level": level, **facts})))


def test_an_outage_is_one_line_in_ten_minutes() -> None:
    """However often a daemon meets it, at whatever time, after whatever pause; the next line says how often it was met."""
    log = Log()
    for turn in range(60):
        log.now = turn * 12.0
        log.say("tick skipped", detail="away", timestamp=f"t{turn}", pause=turn)
    assert [line.get("repeated") for line in log.written] == [None, 49]
    assert log.written[1]["timestamp"] == "t50"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"detail": "another"}, id="another reason"),
        pytest.param({"evaluation": 7}, id="of a job"),
        pytest.param({"exc_info": True}, id="with a trace"),
    ],
)
def test_what_is_said_otherwise_is_written(other: dict[str, object]) -> None:
    """Only the same words of the same thing are an incident; each trace is written."""
    log = Log()
    for facts in ({"detail": "away"}, {"detail": "away"} | other, {"detail": "away"}):
        log.say("tick skipped", **facts)
    assert len(log.written) == 2


def test_what_is_no_warning_is_written_each_time() -> None:
    """A round that is folded is no incident."""
    log = Log()
    for _ in range(3):
        log.say("round folded", "info")
    assert len(log.written) == 3


def test_many_different_warnings_are_not_remembered_for_ever() -> None:
    """The oldest is forgotten, and said again."""
    log = Log()
    for number in (*range(1001), 0):
        log.say("handed back", evaluation=number)
    assert len(log.written) == 1002
    log.now = QUIET_SECONDS / 2
    log.say("handed back", evaluation=1000)
    assert len(log.written) == 1002


def test_a_warning_of_a_library_is_one_line_too() -> None:
    """By its logger, its words and the job at hand; the next line after ten minutes says how many were left out."""
    now = 0.0
    repeats, written = LibraryRepeats(lambda: now), list[object]()

    def say(logger: str, words: str, level: int = logging.WARNING) -> None:
        record = logging.LogRecord(logger, level, "file.py", 1, "%s is late", (words,), None)
        if repeats.filter(record):
            written.append(LibraryRepeats.told(None, "", {"event": record.getMessage(), "_record": record}).get("repeated"))

    for _ in range(4):
        say("rq", "a")
    assert written == [None]
    say("asyncpg", "a")
    say("rq", "b")
    with structlog.contextvars.bound_contextvars(evaluation=7):
        say("rq", "a")
    assert written == [None] * 4
    say("rq", "a", logging.INFO)
    say("rq", "a", logging.INFO)
    assert written == [None] * 6
    now = QUIET_SECONDS
    say("rq", "a")
    assert written == [None] * 6 + [3]
