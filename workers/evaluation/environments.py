"""The environments of families on this host: installed once by their locks, and looked through before a guest imports anything of them."""

import fcntl
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from scoring.errors import Code, InfrastructureFault
from scoring.model.pinned import Checksum, file_sha256
from scoring.schema import StrictModel
from scoring.synthesis.environment import EnvironmentLock
from scoring.synthesis.families import FAMILIES
from scoring.synthesis.manifest import Manifest
from workers.evaluation.install_packages import PackagesNotInstalled, install_packages
from workers.sandbox.locked_tempdir import locked, locked_tempdir

LIMIT = timedelta(minutes=30)
"""An environment is some hundred MB."""
OnPackage = Callable[[int, int], None]
_MAKING = ".making-"
_PACKAGES, _RECORD = "packages", "record.json"
_PYTHON = f"{sysconfig.get_platform()} {sys.implementation.cache_tag}"
"""Packages with compiled code are of one system and one Python."""


class _Record(StrictModel):
    """What was installed: for which Python, and the SHA-256 of each file by its path."""

    python: str
    files: Mapping[str, Checksum]


class _FileState(NamedTuple):
    """A file by its path, and what its file system says of it: who changes its content changes that."""

    path: str
    size: int
    changed_ns: int
    inode: int


class EnvironmentStore:
    """Folders of packages under `root`: `<family>/<hash of its lock>/packages`, each beside the record of its files.

    `installs` says whether one that is missing is installed when it is asked for: a miner's command does that, a worker refuses.
    """

    def __init__(self, root: Path, *, installs: bool, families: Mapping[str, Manifest] = FAMILIES) -> None:
        self._root, self._installs, self._families = root, installs, families
        self._sound: dict[Path, frozenset[_FileState]] = {}

    def __call__(self, family: str, on_package: OnPackage) -> Path | None:
        """The folder that the family's guests put first on their path; None for a family that needs none.

        Raises InfrastructureFault(ENVIRONMENT_UNAVAILABLE) where it is missing, changed, or cannot be installed.
        """
        lock = self._lock(family)
        if lock is None:
            return None
        folder = self._folder(family, lock)
        if self._installs:
            self.prepare(family, on_package)
        elif wrong := self._wrong(folder):
            raise _fault(f"the environment {lock.hash[:12]} of the family {family} {wrong}")
        on_package(len(lock.packages), len(lock.packages))
        return folder / _PACKAGES

    def prepare(self, family: str, on_package: OnPackage) -> bool:
        """Install a family's environment unless it is there as it should be; whether anything had to be installed.

        Of two processes the second waits for the first. Raises InfrastructureFault(ENVIRONMENT_UNAVAILABLE).
        """
        lock = self._lock(family)
        if lock is None or not self._wrong(folder := self._folder(family, lock)):
            return False
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with locked(folder.parent, fcntl.LOCK_EX):
                if not self._wrong(folder):
                    return False
                self._install(lock, folder, on_package)
        except PackagesNotInstalled as exc:
            raise _fault(f"the environment of the family {family} could not be installed: {exc}") from exc
        except OSError as exc:
            raise _fault(f"the environment of the family {family} cannot be written below {self._root}: {exc.strerror}") from exc
        return True

    def _lock(self, family: str) -> EnvironmentLock | None:
        manifest = self._families.get(family)  # tests of the sandbox have guests of no family
        return None if manifest is None else manifest.environment

    def _folder(self, family: str, lock: EnvironmentLock) -> Path:
        return self._root / family / lock.hash

    def _install(self, lock: EnvironmentLock, folder: Path, on_package: OnPackage) -> None:
        """Make the folder elsewhere, and show it complete."""
        with locked_tempdir(self._root, _MAKING) as making:
            made = making / "environment"
            install_packages(lock.text, made / _PACKAGES, LIMIT, on_package)
            files = {file.path: file_sha256(made / _PACKAGES / file.path) for file in _listed(made / _PACKAGES)}
            (made / _RECORD).write_text(_Record(python=_PYTHON, files=files).model_dump_json(), encoding="utf-8")
            if folder.is_dir():
                folder.rename(making / "replaced")
            made.rename(folder)

    def _wrong(self, folder: Path) -> str | None:
        """What is wrong with an environment, as the end of a sentence. Files that did not change since are not read again."""
        try:
            record = _Record.model_validate_json((folder / _RECORD).read_bytes())
            found = frozenset(_listed(folder / _PACKAGES))
            if self._sound.get(folder) == found:
                return None
            wrong = _difference(folder / _PACKAGES, {file.path for file in found}, record)
        except FileNotFoundError:
            return "is not prepared"
        except (OSError, ValidationError):
            return "cannot be read"
        if wrong is None:
            self._sound[folder] = found
        return wrong


def _difference(packages: Path, found: set[str], record: _Record) -> str | None:
    if record.python != _PYTHON:
        return f"was prepared for another Python ({record.python})"
    changed = found ^ record.files.keys() or {path for path in found if file_sha256(packages / path) != record.files[path]}
    return f"was changed: {min(changed)}" if changed else None


def _listed(folder: Path) -> Iterator[_FileState]:
    """Every file below a folder, and links to folders, which pip never makes."""
    for place, folders, names in os.walk(folder, onerror=_raise):
        for name in [*names, *(each for each in folders if Path(place, each).is_symlink())]:
            path = Path(place, name)
            stat = path.lstat()
            yield _FileState(str(path.relative_to(folder)), stat.st_size, stat.st_ctime_ns, stat.st_ino)


def _raise(error: OSError) -> None:
    raise error


def _fault(what: str) -> InfrastructureFault:
    return InfrastructureFault(Code.ENVIRONMENT_UNAVAILABLE, what)
