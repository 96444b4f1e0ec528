"""Inspect a repository before its weights are fetched, wherever it lies: everything that is wrong with it is found at once."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scoring.competition import Competition, SubmissionLimits
from scoring.errors import Code, PlatformError, SubmissionFault
from workers.hub import repo_check
from workers.hub.repository import RepoFile, Repository

if TYPE_CHECKING:
    from workers.hub.client import Hub

_MAX_DETAIL = 2_000


class RepositorySource(Protocol):
    """A repository at a pinned revision, on a hub or in a folder."""

    @property
    def files(self) -> Sequence[RepoFile]:
        """Its files."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether a head is the file's own beyond doubt, and costs nothing."""
        ...

    def read(self, file: RepoFile) -> bytes:
        """A small file of `files`, whole."""
        ...

    def head(self, file: RepoFile, count: int) -> bytes:
        """The first `count` bytes of a file of `files` (fewer if it is shorter)."""
        ...


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found out about a repository: its family, if its config names one that may take part, and every fault."""

    family: str | None
    faults: tuple[SubmissionFault, ...]

    def family_or_raise(self) -> str:
        """The family of a repository without faults; else raises SubmissionFault: the first one's code, the details of all."""
        if self.family is None or self.faults:
            raise SubmissionFault(self.faults[0].code, "; ".join(fault.detail for fault in self.faults)[:_MAX_DETAIL])
        return self.family


def inspect(source: RepositorySource, competition: Competition, on_file: Callable[[int, int], None]) -> str:
    """The model family of a repository that passes every check; raises SubmissionFault as `Inspection.family_or_raise`."""
    return look_into(source, competition, on_file).family_or_raise()


def look_into(source: RepositorySource, competition: Competition, on_file: Callable[[int, int], None]) -> Inspection:
    """Check sizes, names, config, licence and every safetensors header; faults come in this order.

    `on_file` hears of each file that was looked into, and of how many there are. Headers on a hub cost requests, and prove nothing
    alone: they are read only where nothing else is wrong, and those of JSON files only in a folder.
    """
    files = {file.path: file for file in source.files}
    weights = [file for file in source.files if file.path.endswith(".safetensors")]
    total = 2 + len(weights)
    family = None
    rest: list[SubmissionFault] = []
    with _kept(rest):
        if (config := files.get(repo_check.CONFIG)) and config.size <= repo_check.CONFIG_BYTES:
            family = repo_check.check_config(source.read(config), competition.families)
    on_file(1, total)
    with _kept(rest):
        card = files.get(repo_check.CARD)
        if card is None or card.size <= repo_check.CARD_BYTES:
            repo_check.check_licence(source.read(card) if card else b"", competition.licences)
    on_file(2, total)
    limits = _limits(competition, family)
    faults = [*repo_check.check_sizes(source.files, limits), *repo_check.check_names(list(files), family), *rest]
    for file in source.files if source.is_local else ():
        if file.path.endswith(".json") and file.path != repo_check.CONFIG:
            with _kept(faults):
                repo_check.check_head(file.path, source.head(file, repo_check.SNIFFED_BYTES))
    for done, file in enumerate(weights if source.is_local or not faults else (), 3):
        with _kept(faults):
            repo_check.check_header(file.path, partial(source.head, file), file.size, limits.header_bytes)
        on_file(done, total)
    return Inspection(family, tuple(faults))


def _limits(competition: Competition, family: str | None) -> SubmissionLimits:
    """The limits of a family's track; the widest of all tracks while no family is known."""
    if family is not None:
        return competition.track_of(family).limits
    return max((track.limits for track in competition.track), key=lambda limits: limits.repo_bytes)


@contextmanager
def _kept(faults: list[SubmissionFault]) -> Iterator[None]:
    """Note a fault, and go on."""
    try:
        yield
    except SubmissionFault as fault:
        faults.append(fault)


@dataclass(frozen=True, slots=True)
class HubSource:
    """A repository on a hub: what is asked for is fetched then. Raises as `Hub.read`."""

    hub: "Hub"
    repository: Repository
    is_local = False

    @property
    def files(self) -> Sequence[RepoFile]:
        """The files that the hub lists."""
        return self.repository.files

    def read(self, file: RepoFile) -> bytes:
        """A file, whole, and checked against the listing."""
        return self.hub.read(self.repository, file)

    def head(self, file: RepoFile, count: int) -> bytes:
        """The first bytes of a file."""
        return self.hub.head(self.repository, file, count)


class FolderSource:
    """A model folder on this machine; raises PlatformError(ARGUMENT_INVALID) when it is not there.

    SubmissionFault(FILE_NOT_ALLOWED) for one with links, as a hub's own cache is full of: the sandbox lets no model follow them.
    """

    is_local = True

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise PlatformError(Code.ARGUMENT_INVALID, f"There is no folder {folder}.")
        self._folder = folder
        inside = sorted(folder.rglob("*"))
        if links := [path.relative_to(folder).as_posix() for path in inside if path.is_symlink()]:
            why = f"{links[0]} is a link, which no model may follow: copy the folder with `cp -rL`"
            raise SubmissionFault(Code.FILE_NOT_ALLOWED, why, links)
        found = [path for path in inside if path.is_file()]
        self._files = tuple(RepoFile(path.relative_to(folder).as_posix(), path.stat().st_size, None, None) for path in found)

    @property
    def files(self) -> Sequence[RepoFile]:
        """Every file below the folder."""
        return self._files

    def read(self, file: RepoFile) -> bytes:
        """A file, whole."""
        return (self._folder / file.path).read_bytes()

    def head(self, file: RepoFile, count: int) -> bytes:
        """The first bytes of a file."""
        with (self._folder / file.path).open("rb") as opened:
            return opened.read(count)
