"""What importing a module needs and brings along, each found out in a fresh interpreter."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from voice_api.dispatch.wakeups import JOB

ROOT = Path(__file__).parents[2]
FOLDERS = ("neurons", "workers", "voice_api", "scoring", "prompts")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
PROGRAMS = ("neurons.cli.__main__", "workers.sandbox.guest.__main__", "voice_api.db.migrations.env")
"""Modules that run when they are imported."""
LIGHT = (
    "scoring.model.fingerprint",
    "scoring.weights.plan",
    "neurons.validator.daemon",
    "neurons.validator.follow.daemon",
    "neurons.model_queue.daemon",
    "neurons.miner.daemon",
    "neurons.cli.main",
    "voice_api.web.app",
    "voice_api.dispatch.dispatcher",
)


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program with nothing in its environment but what is given."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False, timeout=100)


def test_every_module_imports_with_an_empty_environment_and_daemons_without_torch() -> None:
    """No settings, no files, no network at import time. A daemon starts quickly and stays small: it is imported before all others."""
    rest = [name for name in MODULES if name not in PROGRAMS]
    tell = "importlib.import_module(name); print(name, sorted({'torch', 'safetensors'} & set(sys.modules)))"
    every = f"for name in {rest}: importlib.import_module(name)\nprint('torch' in sys.modules)"
    done = python("-c", f"import importlib, sys\nfor name in {LIGHT}: {tell}\n{every}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [*(f"{name} []" for name in LIGHT), "True"]


def test_the_command_line_starts_light() -> None:
    """Each command imports what it needs: asking for help waits for no SDK, no server and no torch."""
    heavy = {"asyncpg", "bittensor", "fastapi", "redis", "torch"}
    done = python("-c", f"import sys, neurons.cli.main; print(sorted({heavy} & set(sys.modules)))")
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize("asked", ["--help", "--version"])
def test_what_is_asked_first_waits_for_nothing(asked: str) -> None:
    """The list of commands, and the version, need no settings, no numbers and none of the commands."""
    heavy = ["asyncio", "bittensor", "fastapi", "numpy", "prompts", "pydantic", "structlog", "torch", "yaml"]
    commands = ["neurons.cli.daemons", "neurons.cli.miner", "neurons.cli.options", "neurons.settings"]
    tell = f"atexit.register(lambda: print([name for name in {heavy + commands} if name in sys.modules], file=sys.stderr))"
    done = python("-c", f"import atexit, sys; sys.argv = ['voice', '{asked}']; {tell}; from neurons.cli.main import main; main()")
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert "voice" in done.stdout


def test_the_job_that_the_api_names_exists() -> None:
    """The dispatcher names its job by string; the string resolves."""
    module, name = JOB.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), name))


def test_no_environment_is_needed_to_ask_for_help() -> None:
    """`voice --help` answers with nothing set."""
    done = python("-m", "neurons.cli", "--help", PATH=os.defpath)
    assert (done.returncode, done.stderr) == (0, "")
    assert "validator" in done.stdout
