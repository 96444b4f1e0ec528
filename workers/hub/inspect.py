"""Inspect a repository before its weights are fetched, wherever it lies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scoring.competition import Competition
from scoring.errors import Code, PlatformError
from workers.hub import repo_check
from workers.hub.repository import RepoFile, Repository

if TYPE_CHECKING:
    from workers.hub.client import Hub


class RepositorySource(Protocol):
    """A repository at a pinned revision, on a hub or in a folder."""

    @property
    def files(self) -> Sequence[RepoFile]:
        """Its files."""
        ...

    def head(self, path: str, count: int) -> bytes:
        """The first `count` bytes of a file (fewer if it is shorter), none where there is no such file."""
        ...


def inspect(source: RepositorySource, competition: Competition, on_file: Callable[[int, int], None]) -> str:
    """Check names, sizes, licence, config and every safetensors header, in this order; the model family, or SubmissionFault.

    `on_file` hears of each file that was looked into, and of how many there are.
    """
    limits = competition.limits
    repo_check.check_files(source.files, limits)
    weights = [file for file in source.files if file.path.endswith(".safetensors")]
    total = 2 + len(weights)
    repo_check.check_licence(source.head(repo_check.CARD, repo_check.CARD_BYTES), competition.licences)
    on_file(1, total)
    family = repo_check.check_config(source.head(repo_check.CONFIG, repo_check.CONFIG_BYTES), competition.families)
    on_file(2, total)
    for done, file in enumerate(weights, 3):
        repo_check.check_header(partial(source.head, file.path), file.size, limits.header_bytes)
        on_file(done, total)
    return family


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository on a hub: a head is fetched when it is asked for."""

    hub: "Hub"
    repository: Repository

    @property
    def files(self) -> Sequence[RepoFile]:
        """The files that the hub lists."""
        return self.repository.files

    def head(self, path: str, count: int) -> bytes:
        """The first bytes of a file."""
        return self.hub.head(self.repository.repo, self.repository.revision, path, count)


class FolderSource:
    """A model folder on this machine; raises PlatformError(ARGUMENT_INVALID) when it is not there."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise PlatformError(Code.ARGUMENT_INVALID, f"There is no folder {folder}.")
        self._folder = folder
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        self._files = tuple(RepoFile(path.relative_to(folder).as_posix(), path.stat().st_size, None, None) for path in found)

    @property
    def files(self) -> Sequence[RepoFile]:
        """Every file below the folder."""
        return self._files

    def head(self, path: str, count: int) -> bytes:
        """The first bytes of a file."""
        if not (self._folder / path).is_file():
            return b""
        with (self._folder / path).open("rb") as file:
            return file.read(count)
