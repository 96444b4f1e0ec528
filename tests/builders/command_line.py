"""Runs `voice` inside the test's process: starting an interpreter, and importing the SDK, takes seconds each time."""

import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import structlog

from neurons.cli.main import main


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed, and the status it ended with."""

    returncode: int
    stdout: str
    stderr: str


def voice(folder: Path, *arguments: str, **environment: str) -> Ended:
    """Run a command in a folder, with its wallets and nothing else in the environment but what is given.

    What `main` lets through, an interpreter would show as a traceback: here it is raised.
    """
    given = {"PATH": os.defpath, "HOME": str(folder), "BT_WALLET_PATH": str(folder / "wallets"), **environment}
    stdout, stderr, status = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.dict(os.environ, given, clear=True),
        mock.patch.object(sys, "argv", ["voice", *arguments]),
        mock.patch.object(sys, "excepthook", sys.excepthook),
        logging_as_it_was(),
        chdir(folder),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
    ):
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Ended(status, stdout.getvalue(), stderr.getvalue())


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """A command sets up logging for its whole process."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.configure(**configured)
