"""Pinned models on disk, every byte checked by us: what the hub says of its own files is not asked."""

import hashlib
import shutil
from pathlib import Path
from typing import Protocol

from scoring.errors import Code, InfrastructureFault
from scoring.judges.standard.models import Pin


class Fetch(Protocol):
    """Brings a pinned model's files to disk."""

    def __call__(self, pin: Pin) -> Path:
        """A folder of a cache that holds the pin's files, fetched if they are not there; raises InfrastructureFault.

        Whoever called may remove the folder when a file in it is not what the pin says: it is then fetched again.
        """
        ...


def obtain(pin: Pin, fetch: Fetch) -> Path:
    """The folder of a pinned model; raises InfrastructureFault when a file is missing or differs from its checksum."""
    folder = fetch(pin)
    for name, checksum in pin.files.items():
        try:
            found = _sha256(folder / name)
        except OSError as exc:
            shutil.rmtree(folder, ignore_errors=True)
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{name} of {pin.repo} cannot be read: {exc.strerror}") from exc
        if found != checksum:
            shutil.rmtree(folder, ignore_errors=True)
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{name} of {pin.repo} is not the file that was pinned")
    return folder


def _sha256(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
