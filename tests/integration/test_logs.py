"""Logs as machines read them: every line is JSON, of libraries too, with the ids of the job at hand."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
import structlog
from neurons.cli import logs
from scoring.errors import Code
@dataclass(frozen=True)
class Made:
    number: int
    parts: tuple[object, ...]
logs.configure()
log = structlog.get_logger()
log.info("before")
with structlog.contextvars.bound_contextvars(evaluation=7, submission=3, round=2):
    log.info("verdict", state="scored")
    for _ in range(3):
        logging.getLogger("rq.worker").warning("%s is late", "somebody")
    warnings.warn("old", UserWarning)
    try:
        raise ValueError("a\\nbug")
    except ValueError:
        log.error("failed", code=Code.API_UNAVAILABLE, exc_info=True)
        logging.getLogger("asyncio").exception("unheard")
log.info("kinds", code=Code.API_UNAVAILABLE, codes=(Code.API_UNAVAILABLE,), took=timedelta(seconds=90),
    raw=b"\\x01\\xff", made=Made(1, ("a", None)), kings={"small": "a@1"}, nobody=None,
    names={"b", "a"}, path=Path("/a"), at=datetime(2026, 11, 20, tzinfo=UTC), sure=True)
for _ in range(3):
    log.warning("tick skipped", code=Code.CHAIN_UNAVAILABLE, detail="away")
log.warning("it said", reason="\\x1b[2Jgone\\n2026-01-01 [info] forged \\u202e", paths=["\\x9b"], names=("\\u2066",),
    asked=["redis://:password@host", "wss://node.example/password?apikey=password"])
logging.getLogger("rq.worker").warning("%s", "\\x1b]0;title\\x07")
try:
    raise ValueError("\\x1b[31m\\n2026-01-01 [info] forged at redis://:password@host")
except ValueError:
    log.exception("it raised")
logging.getLogger("httpx").info("GET http://user:password@host/")
"""
IDS = {"evaluation": 7, "submission": 3, "round": 2}


def printed(log_format: str, level: str = "") -> list[str]:
    """What the program writes to standard error."""
    environment = {"PATH": os.defpath, "VOICE_LOG_FORMAT": log_format, "VOICE_LOG_LEVEL": level}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """Every line of a program that logs JSON; json.loads fails the test for one that is not."""
    return [json.loads(line) for line in printed("json")]


def test_every_line_is_one_json_object(lines: list[dict[str, Any]]) -> None:
    """Of the program, of libraries, of warnings and of tracebacks; what libraries chat is left out."""
    assert [line["event"].split(":")[0] for line in lines] == [
        "before",
        "verdict",
        "somebody is late",
        "<string>",
        "failed",
        "unheard",
        "kinds",
        "tick skipped",
        "it said",
        "\x1b]0;title\x07",
        "it raised",
    ]
    assert all(line["level"] in ("info", "warning", "error") and line["timestamp"].endswith("Z") for line in lines)


def test_every_line_of_a_job_carries_its_ids(lines: list[dict[str, Any]]) -> None:
    """Outside a job there are none."""
    first, *job = lines[:-5]
    assert not IDS.keys() & first.keys()
    assert all(IDS.items() <= line.items() for line in job)


def test_a_traceback_stays_in_its_line(lines: list[dict[str, Any]]) -> None:
    """With its type and its text, as one value."""
    failed, unheard = lines[4:6]
    for line in (failed, unheard):
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith("ValueError: a\nbug")
    assert failed["code"] == 3104


def test_the_level_leaves_out_what_is_less_urgent() -> None:
    """`error` leaves out warnings, of libraries too; `debug` adds what libraries say of their doings, without passwords."""
    few = [json.loads(line) for line in printed("json", "error")]
    assert [line["event"] for line in few] == ["failed", "unheard", "it raised"]
    *_, last = [json.loads(line) for line in printed("json", "debug")]
    assert (last["event"], last["level"]) == ("GET http://…@host/", "info")


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_no_password_of_an_address_is_written(log_format: str) -> None:
    """Neither in a list nor in a trace."""
    text = "\n".join(
        json.dumps(json.loads(line), ensure_ascii=False) if log_format == "json" else line
        for line in printed(log_format, "debug")
    )
    assert text.count("://…@host") >= 3
    assert "wss://node.example/…?…" in text
    assert "password" not in text


def test_a_value_is_written_as_what_it_stands_for(lines: list[dict[str, Any]]) -> None:
    """As JSON has it: no line shows how Python writes an object."""
    [kinds] = [line for line in lines if line["event"] == "kinds"]
    assert {name: value for name, value in kinds.items() if name not in ("event", "level", "timestamp")} == {
        "code": 3104,
        "codes": [3104],
        "took": 90.0,
        "raw": "01ff",
        "made": {"number": 1, "parts": ["a", None]},
        "kings": {"small": "a@1"},
        "nobody": None,
        "names": ["a", "b"],
        "path": "/a",
        "at": "2026-11-20T00:00:00+00:00",
        "sure": True,
    }


def test_people_read_lines_of_the_same_events() -> None:
    """The console form names event and ids without JSON. Words of strangers move no cursor there, and forge no entry."""
    lines = printed("console")
    shown = "\n".join(lines)
    assert "verdict" in shown and "evaluation=7" in shown and "somebody is late" in shown
    assert [line for line in lines if not line.isprintable()] == []
    assert [line for line in lines if line.startswith("2026-01-01")] == []
    assert "x1b[2Jgone" in shown and "\\x1b]0;title\\x07" in shown and "paths=\\x9b" in shown
    assert "kings='small: a@1'" in shown and "codes=3104" in shown and "names='a, b'" in shown and "nobody" not in shown
    assert "code=3104" in shown
    assert "{" not in shown
