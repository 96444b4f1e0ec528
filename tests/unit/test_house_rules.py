"""The rules of the house that no linter keeps."""

import ast
from pathlib import Path

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
