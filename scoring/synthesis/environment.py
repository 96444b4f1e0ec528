"""The environment of a family: packages, pinned by hash, that its guests import in the place of the worker's own."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from scoring.model.pinned import Checksum
from scoring.schema import StrictModel

LOCK = "environment.txt"
"""The file beside a family's manifest. Where there is none, the worker's own packages do."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;,]+)(?:\s+--hash=sha256:[0-9a-f]{64})+")


class EnvironmentLock(StrictModel):
    """A lock file: exactly the packages to install, without their dependencies. `hash` is its SHA-256 (hex), and its name in receipts."""

    text: str
    hash: Checksum
    packages: Mapping[str, str]
    """Versions by name."""


def read_lock(path: Path) -> EnvironmentLock | None:
    """The lock in a file, None where there is no file; raises ValueError for a line that is no package with its version and hashes.

    An option, as an index, a link or another file, would let a machine install something else under the same name.
    """
    if not path.is_file():
        return None
    content = path.read_bytes()
    packages: dict[str, str] = {}
    for line in content.decode("utf-8").replace("\\\n", " ").splitlines():
        if not (wanted := line.partition("#")[0].strip()):
            continue
        found = _REQUIREMENT.fullmatch(wanted)
        if found is None or found[1] in packages:
            raise ValueError(f"{path}: {wanted[:80]!r} is not one more package as NAME==VERSION --hash=sha256:…")
        packages[found[1]] = found[2]
    if not packages:
        raise ValueError(f"{path} names no package: a family that needs none has no such file")
    return EnvironmentLock(text=content.decode("utf-8"), hash=hashlib.sha256(content).hexdigest(), packages=packages)
