"""Logs as machines read them: every line is JSON, of libraries too, with the ids of the job at hand."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

PROGRAM = """
import logging, warnings
import structlog
from neurons.cli import logs
from scoring.errors import Code
logs.configure()
log = structlog.get_logger()
log.info("before")
with structlog.contextvars.bound_contextvars(evaluation=7, submission=3, round=2):
    log.info("verdict", state="scored")
    logging.getLogger("rq.worker").warning("%s is late", "somebody")
    warnings.warn("old", UserWarning)
    try:
        raise ValueError("a\\nbug")
    except ValueError:
        log.error("failed", code=Code.API_UNAVAILABLE, exc_info=True)
        logging.getLogger("asyncio").exception("unheard")
logging.getLogger("httpx").info("GET http://user:password@host/")
"""
IDS = {"evaluation": 7, "submission": 3, "round": 2}


def printed(log_format: str) -> list[str]:
    """What the program writes to standard error."""
    environment = {"PATH": os.defpath, "VOICE_LOG_FORMAT": log_format}
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
    ]
    assert all(line["level"] in ("info", "warning", "error") and line["timestamp"].endswith("Z") for line in lines)


def test_every_line_of_a_job_carries_its_ids(lines: list[dict[str, Any]]) -> None:
    """Outside a job there are none."""
    first, *job = lines
    assert not IDS.keys() & first.keys()
    assert all(IDS.items() <= line.items() for line in job)


def test_a_traceback_stays_in_its_line(lines: list[dict[str, Any]]) -> None:
    """With its type and its text, as one value."""
    for line in lines[-2:]:
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith("ValueError: a\nbug")
    assert lines[-2]["code"] == 3104


def test_people_read_lines_of_the_same_events() -> None:
    """The console form names event and ids without JSON."""
    shown = "\n".join(printed("console"))
    assert "verdict" in shown and "evaluation=7" in shown and "somebody is late" in shown
    assert "code=3104" in shown
    assert "{" not in shown
