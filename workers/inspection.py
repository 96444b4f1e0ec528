"""Everything that can be known of a repository before its weights are fetched, wherever it lies."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from scoring.competition import Competition
from scoring.errors import Code, SubmissionFault
from scoring.safetensors_header import PREFIX_BYTES
from workers import repo_check
from workers.repo_check import RepoFile

_CONFIG_BYTES = 1 << 20


class Source(Protocol):
    """A repository at a pinned revision, on a hub or in a folder."""

    @property
    def files(self) -> Sequence[RepoFile]:
        """Its files."""

    def head(self, path: str, count: int) -> bytes:
        """The first `count` bytes of a file (fewer if it is shorter)."""


def inspect(source: Source, competition: Competition, on_file: Callable[[int, int], None]) -> str:
    """Check names, sizes, licence, config and every safetensors header, in this order; the model family, or SubmissionFault."""
    limits = competition.limits
    repo_check.check_files(source.files, limits)
    paths = {file.path for file in source.files}
    card = source.head(repo_check.CARD, repo_check.CARD_BYTES) if repo_check.CARD in paths else b""
    repo_check.check_licence(card, competition.licences)
    family = repo_check.check_config(source.head(repo_check.CONFIG, _CONFIG_BYTES), competition.families)
    weights = repo_check.weights(source.files)
    for done, file in enumerate(weights, 1):
        size = repo_check.header_size(source.head(file.path, PREFIX_BYTES), file, limits)
        repo_check.check_header(source.head(file.path, size), file, limits)
        on_file(done, len(weights))
    return family


class FolderSource:
    """A model folder on this machine; raises SubmissionFault(WEIGHTS_MISSING) when it is not there."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SubmissionFault(Code.WEIGHTS_MISSING, f"There is no folder {folder}.")
        self._folder = folder
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        self._files = tuple(RepoFile(path.relative_to(folder).as_posix(), path.stat().st_size, None, None) for path in found)

    @property
    def files(self) -> Sequence[RepoFile]:
        """Every file below the folder."""
        return self._files

    def head(self, path: str, count: int) -> bytes:
        """The first bytes of a file."""
        with (self._folder / path).open("rb") as file:
            return file.read(count)
