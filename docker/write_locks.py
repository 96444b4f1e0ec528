"""`make locks`: write what each set-up installs, with the hash of each file, as `pip install --require-hashes --no-deps` reads it.

pip is asked once what the whole project comes to under constraints.txt on this machine, which must be the kind that the locks are for:
Linux, x86-64, Python 3.11. Each lock is the part of that answer that its extras lead to. No lock names an index.
"""

import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "locks"
PROJECT = "voice-subnet"
KIND = ("Linux", "x86_64", "3.11")


@dataclass(frozen=True, slots=True)
class Lock:
    """A set-up: the project's extras, and whether it runs the project at all."""

    extras: tuple[str, ...] = ()
    whole: bool = True


LOCKS: Mapping[str, Lock] = {
    "api": Lock(("s3",)),
    "bench": Lock(("bench",)),
    "daemons": Lock(),
    "demo": Lock(("demo", "s3")),
    "dev": Lock(("dev",)),
    "docs": Lock(("docs",), whole=False),
    "supply": Lock(("supply",), whole=False),
    "worker": Lock(("worker", "s3")),
}
_HEAD = f"# {' '.join(KIND)}; made by `make locks` from pyproject.toml and constraints.txt."
BUILD = "build"
BACKEND = "setuptools"
"""What builds the project, and packages without a wheel: it is installed before all else."""

Found = Mapping[str, Mapping[str, Any]]
"""What pip would install, by name."""


def resolve() -> Found:
    """Ask pip what all extras together come to."""
    extras = ",".join(sorted({extra for lock in LOCKS.values() for extra in lock.extras}))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        options = ("--dry-run", "--ignore-installed", "--quiet", "--constraint", str(ROOT / "constraints.txt"))
        command = (sys.executable, "-m", "pip", "install", *options, "--report", str(report), f"{ROOT}[{extras}]")
        subprocess.run(command, check=True)
        installed = json.loads(report.read_text(encoding="utf-8"))["install"]
    return {canonicalize_name(item["metadata"]["name"]): item for item in installed}


def reached(found: Found, lock: Lock, conditions: Mapping[str, str] | None = None) -> set[str]:
    """The names of what a set-up needs, with all that this needs; without the project itself.

    `conditions` are those of another Python than this one.
    """
    own = found[PROJECT]["metadata"]["requires_dist"]
    first = [Requirement(text) for text in own]
    here = conditions or {}
    waiting = [each for each in first if _applies(each, lock.extras, here) and (lock.whole or not _applies(each, (), here))]
    names, seen = set[str](), set[tuple[str, str]]()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name != PROJECT:
            names.add(name)
        extras = tuple(sorted(wanted.extras))
        if (name, ",".join(extras)) not in seen:
            seen.add((name, ",".join(extras)))
            below = (Requirement(text) for text in found[name]["metadata"].get("requires_dist", ()))
            waiting += [each for each in below if _applies(each, extras, here)]
    return names


def _applies(wanted: Requirement, extras: Iterable[str], here: Mapping[str, str]) -> bool:
    return wanted.marker is None or any(wanted.marker.evaluate({**here, "extra": extra}) for extra in ("", *extras))


def line(item: Mapping[str, Any]) -> str:
    """A package as pip reads it back."""
    digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
    return f"{canonicalize_name(item['metadata']['name'])}=={item['metadata']['version']} --hash=sha256:{digest}"


def main() -> None:
    """Write every lock."""
    here = (platform.system(), platform.machine(), ".".join(platform.python_version_tuple()[:2]))
    if here != KIND:
        sys.exit(f"The locks are for {' '.join(KIND)}, and this is {' '.join(here)}.")
    found = resolve()
    parts = {BUILD: {BACKEND}} | {name: reached(found, lock) for name, lock in LOCKS.items()}
    for name, packages in parts.items():
        lines = [
            f"# {' '.join(KIND)}; made by `make locks` from pyproject.toml and constraints.txt.",
            *(line(found[each]) for each in sorted(packages)),
        ]
        (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        sys.stdout.write(f"locks/{name}.txt: {len(packages)} packages\n")


if __name__ == "__main__":
    main()
