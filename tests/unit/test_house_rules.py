"""The rules of the house that no linter keeps."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from voice_api.dispatch import wakeups

ROOT = Path(__file__).parents[2]
FOLDERS = ("neurons", "workers", "voice_api", "scoring", "prompts")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
MODULES = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
PROGRAMS = ("neurons.cli.__main__", "workers.sandbox.guest.__main__", "voice_api.db.migrations.env")
"""Modules that run when they are imported."""


def test_no_file_passes_300_lines_and_no_function_40() -> None:
    """A file is one concept, a function one thought."""
    long_files = [str(path) for path in FILES if len(path.read_text().splitlines()) > 300]
    long_functions = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno + 1 > 40
    ]
    assert (long_files, long_functions) == ([], [])


def test_no_folder_or_file_is_a_bag() -> None:
    """Nothing is called common, utils, helpers or misc."""
    assert [path for path in FILES if {"common", "utils", "helpers", "misc"} & set(path.with_suffix("").parts)] == []


def test_every_module_imports_with_an_empty_environment() -> None:
    """No settings, no files, no network at import time."""
    modules = [module for module in MODULES if module not in PROGRAMS]
    code = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    done = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "module",
    [
        "neurons.validator.daemon",
        "neurons.validator.follow.daemon",
        "neurons.model_queue.daemon",
        "neurons.miner.daemon",
        "neurons.cli.main",
        "voice_api.web.app",
        "voice_api.dispatch.dispatcher",
        "scoring.weights.plan",
    ],
)
def test_the_api_and_the_daemons_run_without_torch(module: str) -> None:
    """Importing a daemon imports no torch: it starts quickly and stays small."""
    code = f"import sys, {module}\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={}, cwd=ROOT, check=False).returncode == 0


def test_the_job_that_the_api_names_exists() -> None:
    """The dispatcher names its job by string; the string resolves."""
    module, name = wakeups.JOB.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), name))


def test_broad_handlers_stand_in_their_places_only() -> None:
    """`except Exception` is for one job and for the guest's main (the server's 500 handler is a registration, not a clause)."""
    broad = {
        str(path.relative_to(ROOT))
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException"))
    }
    assert broad == {"workers/jobs/evaluate_job.py", "workers/jobs/validate_job.py", "workers/sandbox/guest/serve.py"}


def test_no_environment_is_needed_to_ask_for_help() -> None:
    """`voice --help` answers with nothing set."""
    environment = {"PATH": os.defpath}
    done = subprocess.run(
        [sys.executable, "-m", "neurons.cli", "--help"], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0
    assert "validator" in done.stdout
