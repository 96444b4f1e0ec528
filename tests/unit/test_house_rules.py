"""The rules of the house that no linter keeps."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

import pytest

from tests.conftest import LONG

Node = TypeVar("Node", bound=ast.AST)
ROOT = Path(__file__).parents[2]
FOLDERS = ("neurons", "workers", "voice_api", "scoring", "prompts")
MOST_LINES, MOST_OF_A_FUNCTION = 450, 60
MOST_FIELDS, MOST_ARGUMENTS = 4, 5
VARIADIC = frozenset(
    {"Table", "add_row", "assemble", "call", "espeak_Synth", "execute", "fetch", "fetchrow", "fetchval", "mmap", "pack"}
)
"""Calls of libraries that take any number of like things: columns, cells, parameters of a query; or of C, which knows no names."""


def test_no_file_and_no_function_is_too_long() -> None:
    """A file is one concept, a function one thought; most of both are far shorter."""
    long_files = [path for path in product() if len((ROOT / path).read_text(encoding="utf-8").splitlines()) > MOST_LINES]
    long_functions = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in product().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_OF_A_FUNCTION
    ]
    assert (long_files, long_functions) == ([], [])


def test_the_long_files_that_begin_first_are_there() -> None:
    """One that was renamed would begin last, and keep every other process waiting."""
    assert [name for name in LONG if not (ROOT / "tests" / name).is_file()] == []


def test_no_folder_or_file_is_a_bag() -> None:
    """Nothing is called common, utils, helpers or misc."""
    assert [path for path in trees() if {"common", "utils", "helpers", "misc"} & set(re.split(r"[/.]", path))] == []


def test_every_package_says_in_a_sentence_what_it_holds() -> None:
    """The docstring of its __init__.py is one sentence, or begins with one."""
    packages = {path: ast.get_docstring(tree) or "" for path, tree in product().items() if path.endswith("__init__.py")}
    assert [path for path, said in packages.items() if not said.partition("\n\n")[0].endswith(".")] == []


def test_a_dataclass_with_many_fields_is_built_by_name() -> None:
    """Nobody has to know the order of more than four fields."""
    by_place = [
        f"{path} {node.name}"
        for path, node in nodes(ast.ClassDef)
        if len([field for field in node.body if isinstance(field, ast.AnnAssign)]) > MOST_FIELDS
        for decorator in map(ast.unparse, node.decorator_list)
        if decorator.startswith("dataclass") and "kw_only=True" not in decorator
    ]
    assert by_place == []


def test_no_call_has_six_arguments_by_place() -> None:
    """More than five are told apart by name."""
    crowded = [
        f"{path}:{node.lineno} {ast.unparse(node.func)}"
        for path, node in nodes(ast.Call)
        if len(node.args) > MOST_ARGUMENTS and ast.unparse(node.func).rpartition(".")[2] not in VARIADIC
    ]
    assert crowded == []


def test_broad_handlers_stand_in_their_places_only() -> None:
    """`except Exception` is for one job and for the guest's main (the server's 500 handler is a registration, not a clause)."""
    broad = {
        path
        for path, node in nodes(ast.ExceptHandler)
        if node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
    }
    jobs = {f"workers/jobs/{kind}_job.py" for kind in ("evaluate", "request")}
    assert broad == jobs | {"workers/sandbox/guest/serve.py"}


def test_a_program_in_a_string_imports_what_there_is() -> None:
    """Tests start interpreters with programs that no type checker reads: a renamed module is found here, not by a time-out."""
    missing = [
        f"{path}: from {clause.module} import {alias.name}"
        for path, tree in trees().items()
        for text in strings(tree)
        for clause in imports(text)
        for alias in clause.names
        if not defines(str(clause.module), alias.name)
    ]
    assert missing == []


@pytest.mark.parametrize(
    ("module", "name", "there"),
    [
        pytest.param("scoring.types", "Block", True, id="a variable"),
        pytest.param("scoring.errors", "Code", True, id="a class"),
        pytest.param("voice_api.db", "database", True, id="a module"),
        pytest.param("voice_api.db", "Pool", False, id="of a module below"),
        pytest.param("voice_api.nowhere", "database", False, id="no such module"),
    ],
)
def test_what_a_module_defines_is_found_without_importing_it(module: str, name: str, there: bool) -> None:
    """The rule above can fail."""
    assert defines(module, name) is there


@cache
def trees() -> dict[str, ast.Module]:
    """Every file of ours by its path; parsed when first asked for, as processes that run other tests only list these."""
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for folder in (*FOLDERS, "tests", "benchmarks")
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


@cache
def product() -> dict[str, ast.Module]:
    """Those of them that are not tests or benchmarks."""
    return {path: tree for path, tree in trees().items() if path.startswith(FOLDERS)}


def nodes(kind: type[Node]) -> Iterator[tuple[str, Node]]:
    """Every node of a kind in the product, with its file."""
    return ((path, node) for path, tree in product().items() for node in ast.walk(tree) if isinstance(node, kind))


def strings(tree: ast.AST) -> Iterator[str]:
    """Every string of a file that may hold a program."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "import " in node.value:
            yield node.value


def imports(text: str) -> Iterator[ast.ImportFrom]:
    """The clauses of a program that import from the product; none if the text is no program."""
    try:
        program = ast.parse(text)
    except SyntaxError:
        return
    for node in ast.walk(program):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(FOLDERS):
            yield node


def defines(module: str, name: str) -> bool:
    """Whether a module of the product binds a name at its top, or holds a module of that name."""
    path = module.replace(".", "/")
    if {f"{path}/{name}.py", f"{path}/{name}/__init__.py"} & product().keys():
        return True
    tree = product().get(f"{path}.py", product().get(f"{path}/__init__.py"))
    return tree is not None and any(name in bound(node) for node in tree.body)


def bound(node: ast.stmt) -> set[str]:
    """The names that a statement binds."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {node.name}
        case ast.Import() | ast.ImportFrom():
            return {alias.asname or alias.name for alias in node.names}
        case _:
            return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
