"""A made-up environment: wheels of a few lines, built here, their lock, and a family that needs them."""

import base64
import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from scoring.synthesis.environment import LOCK, read_lock
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.manifest import Manifest

HUM = "TONE = 0.25\n"
"""A package that no worker has."""
OTHER_WORDS = '__version__ = "0.0.7"\n'
"""In the place of num2words, which every worker has in another version."""


def build_wheel(folder: Path, name: str, version: str, code: str) -> str:
    """Write a package of one file as a wheel; its line in a lock."""
    stem, files = f"{name}-{version}", {f"{name}/__init__.py": code}
    info = f"{stem}.dist-info"
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: nowhere-to-be-had\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(_recorded(path, text) for path, text in files.items()) + f"{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def _recorded(path: str, text: str) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{path},sha256={digest},{len(text.encode())}\n"


def build_lock(wheels: Path, **code: str) -> str:
    """A lock of packages with this code by name, whose wheels lie in a folder; by default the two above."""
    wanted = code or {"hum": HUM, "num2words": OTHER_WORDS}
    return "# Made up.\n" + "".join(build_wheel(wheels, name, "0.0.7", text) for name, text in wanted.items())


def needing(text: str, folder: Path, family: str = "espeak") -> Mapping[str, Manifest]:
    """One family as if a lock of this text lay beside its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOCK).write_text(text, encoding="utf-8")
    return {family: FAMILIES[family].model_copy(update={"environment": read_lock(folder / LOCK)})}


@contextmanager
def only_from(wheels: Path) -> Iterator[None]:
    """Inside, pip knows no index: what it may install lies in a folder."""
    with mock.patch.dict("os.environ", {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": "/dev/null"}):
        yield
