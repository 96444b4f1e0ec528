"""The adapter for hubs that speak Hugging Face's protocol: describe, read, download; pinned, checked, without a login."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

import structlog
from pydantic import TypeAdapter, ValidationError

from scoring.errors import Code, InfrastructureFault, SubmissionFault, VoiceError
from workers.hub.cache import ArtifactCache
from workers.hub.download import Damaged, Meter, OnBytes, check, fetch, is_content
from workers.hub.refusal import NOT_FOUND, REFUSED, HubRefusal, check_file, check_status
from workers.hub.repository import Listed, ModelAnswer, RepoFile, Repository, Tree, read_description
from workers.hub.transport import Answer, Deadline, Session

__all__ = ["Hub", "HubRefusal", "OnBytes", "Timeouts"]

log = structlog.get_logger()
T = TypeVar("T")
_REVISION = re.compile(r"[0-9a-f]{40}")
_NAME = r"(?!\.)[A-Za-z0-9._-]{1,96}"
_REPO = re.compile(f"{_NAME}/{_NAME}")
_ANSWER_BYTES = 8 << 20
"""Enough to list many times the files that a repository may hold."""
_PAGE = 1_000
"""Files that a hub lists at once, where it lists them by folders."""
_WHOLE_BYTES = 1 << 20
"""A file of no more is read whole for the sake of its head: then its hash shows that the head is its own."""
_PROBES = 5
"""A listed repository may want a login for its files, as may a file: so many are tried before the hub is not believed."""
_OPEN_WEIGHTS = "gated=false&filter=safetensors"
"""To be listed: only repositories that need no login, and hold weights; a hub that knows no filters lists any."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`answer` bounds each wait for the hub, `peek` a description or a head as a whole, `download` a repository's whole download."""

    answer: timedelta = timedelta(seconds=10)
    peek: timedelta = timedelta(minutes=5)
    download: timedelta = timedelta(hours=2)


class Hub:
    """A client of one hub. Downloads lie in the folder `cache`, of at most `cache_bytes` whenever none is in use (see ArtifactCache)."""

    def __init__(self, endpoint: str, cache: Path, timeouts: Timeouts | None = None, cache_bytes: int | None = None) -> None:
        self._endpoint = endpoint.rstrip("/")
        self._cache = ArtifactCache(cache, cache_bytes)
        self._timeouts = timeouts or Timeouts()
        self._until: Deadline | None = None

    def describe(self, repo: str, revision: str) -> Repository:
        """The hub's description of a repository at a 40-hex revision.

        Raises HubRefusal(REPO_NOT_PUBLIC, REPO_TOO_LARGE), SubmissionFault(COMMITMENT_MALFORMED), InfrastructureFault(HUB_UNAVAILABLE)
        and ValueError for another revision.
        """
        _check_revision(revision)
        raw = self._ask(_models(repo, f"/revision/{revision}?blobs=true"), _ANSWER_BYTES + 1)
        if len(raw) > _ANSWER_BYTES:
            raise HubRefusal(Code.REPO_TOO_LARGE, f"its files and its card take the hub more than {_ANSWER_BYTES} bytes to list")
        described = _described(raw).repository(repo)
        if described.revision != revision:
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub answered for another revision")
        return described

    def confirm_listing(self, repository: Repository) -> None:
        """Compare a description's files with the hub's other list of them; raises InfrastructureFault where they differ."""
        raw = self._ask(_models(repository.repo, f"/tree/{repository.revision}?recursive=true"), _ANSWER_BYTES)
        again = {(entry.path, entry.size) for entry in _read(Tree, raw) if entry.type == "file"}
        described = {(file.path, file.size) for file in repository.files}
        # A long list comes in pages, of which this is the first.
        if not again <= described or (len(again) < _PAGE and again != described):
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub lists the files in two ways")

    def resolve(self, repo: str, ref: str) -> str:
        """The 40-hex revision that a branch names now. Raises as `describe`."""
        raw = self._ask(_models(repo, f"/revision/{quote(ref, safe='')}"), _ANSWER_BYTES)
        revision = _described(raw).sha
        if not _REVISION.fullmatch(revision):
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub's answer cannot be read")
        return revision

    def check(self) -> None:
        """Raise InfrastructureFault(HUB_UNAVAILABLE) unless the hub lists models at this moment."""
        with self._get(f"{self._endpoint}/api/models?limit=1") as answer:
            check_status(answer, HTTPStatus.OK, "its list of models", frozenset())
            raw = _first(answer, _ANSWER_BYTES)
        _read(Listed, raw)

    def works(self) -> bool:
        """Whether the hub gives, at this moment, what it says is public: a listed repository's description, and its weights' first byte.

        A hub that refuses one repository but works means that one; a hub that refuses everything means nothing by it. Large files
        often come from other servers than small ones, so small ones prove nothing; nor does a hub that lists none with large ones.
        """
        within = copy(self)
        within._until = Deadline(self._timeouts.peek)  # of all of its requests together
        return within._gives_what_it_lists()

    def _gives_what_it_lists(self) -> bool:
        try:
            raw = self._ask(f"/api/models?limit={_PROBES}&{_OPEN_WEIGHTS}", _ANSWER_BYTES)
            listed = _read(Listed, raw)[:_PROBES]
        except VoiceError:
            return False
        return any(self._gives(model.id) for model in listed)

    def _gives(self, repo: str) -> bool:
        try:
            described = self.describe(repo, self.resolve(repo, "main"))
            large = [file for file in described.files if file.sha256]
            return any(self.head(described, file, 1) for file in large[:_PROBES])
        except VoiceError:
            return False

    def folder(self, repo: str, revision: str) -> Path:
        """The folder of a download once it is complete."""
        return self._cache.folder(repo, revision)

    def pin_in_cache(self, repo: str, revision: str) -> AbstractContextManager[None]:
        """The download of this revision, once it is there, stays there for as long as the context lasts."""
        _check_revision(revision)
        return self._cache.pin(repo, revision)

    def read(self, repository: Repository, file: RepoFile) -> bytes:
        """A small file of the repository, whole. Raises as `describe`: InfrastructureFault too where it is not what the hub lists."""
        with self._get(self._url(repository, file)) as answer:
            check_file(answer, file, 0, file.size)
            content = _first(answer, file.size + 1)
        if len(content) != file.size or not is_content(file, iter([content])):
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, f"the hub gives another {file.path} than it lists")
        return content

    def head(self, repository: Repository, file: RepoFile, n_bytes: int) -> bytes:
        """The first bytes of a file of the repository, at most `n_bytes`. Raises as `read`.

        Only of a small file is it certain that they are its own; of others, that they came whole, of a file of the listed size.
        """
        if file.size <= max(n_bytes, _WHOLE_BYTES):
            return self.read(repository, file)[:n_bytes]
        with self._get(self._url(repository, file), {"Range": f"bytes=0-{n_bytes - 1}"}) as answer:
            knows_ranges = answer.status != HTTPStatus.OK
            check_file(answer, file, 0, n_bytes if knows_ranges else file.size)
            content = _first(answer, n_bytes)
        if len(content) != n_bytes:
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, f"the hub gives less of {file.path} than it lists")
        return content

    def _ask(self, path: str, n_bytes: int) -> bytes:
        """The first bytes of an answer of the hub's API."""
        with self._get(self._endpoint + path) as answer:
            check_status(answer, HTTPStatus.OK, "a description", NOT_FOUND | REFUSED)
            return _first(answer, n_bytes)

    @contextmanager
    def _get(self, url: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
        with self._session(self._until or Deadline(self._timeouts.peek)) as session, session.get(url, headers) as answer:
            yield answer

    def _session(self, deadline: Deadline) -> Session:
        return Session(self._endpoint, self._timeouts.answer, deadline)

    def _meter(self, total: int, on_bytes: OnBytes) -> Meter:
        return Meter(total, self._timeouts.download.total_seconds(), on_bytes)

    def _url(self, repository: Repository, file: RepoFile) -> str:
        return f"{self._endpoint}/{repository.repo}/resolve/{repository.revision}/{quote(file.path)}"

    def download(self, repository: Repository, on_bytes: OnBytes) -> Path:
        """Fetch and check every file; return the folder that holds them. What is there already is checked, not fetched again.

        Raises HubRefusal(REPO_NOT_PUBLIC) and InfrastructureFault(DOWNLOAD_INTERRUPTED), also for a wrong checksum.
        """
        _check_revision(repository.revision)
        found = self._cache.find(repository.repo, repository.revision)
        if found is not None and self._is_sound(found, repository, on_bytes):
            return found
        self._cache.make_room(repository.total_bytes)
        meter = self._meter(2 * repository.total_bytes, on_bytes)
        with self._cache.part() as part, self._session(Deadline(self._timeouts.download)) as session:
            folder = part / "files"
            folder.mkdir()
            for file in repository.files:
                fetch(session, self._url(repository, file), file, folder / file.path, meter)
                check(folder / file.path, file, meter)
            return self._cache.keep(folder, repository.repo, repository.revision, replace=found is not None)

    def _is_sound(self, folder: Path, repository: Repository, on_bytes: OnBytes) -> bool:
        """Whether a cached artifact still matches the hub's announcement: a rotten disk must not become its miner's fault."""
        meter = self._meter(repository.total_bytes, on_bytes)
        try:
            for file in repository.files:
                check(folder / file.path, file, meter)
        except Damaged as damage:
            log.warning("a cached artifact is damaged and is fetched again", folder=str(folder), detail=damage.detail)
            return False
        return True


def _models(repo: str, rest: str) -> str:
    """The API's path for a repository; raises SubmissionFault(COMMITMENT_MALFORMED) for what is none."""
    if not _REPO.fullmatch(repo) or ".." in repo:
        raise SubmissionFault(Code.COMMITMENT_MALFORMED, f"not a repository: {repo[:100]!r}")
    return f"/api/models/{repo}{rest}"


def _check_revision(revision: str) -> None:
    if not _REVISION.fullmatch(revision):
        raise ValueError(f"a revision is 40 hex digits, not {revision!r}")


def _described(raw: bytes) -> ModelAnswer:
    try:
        return read_description(raw)
    except RecursionError as exc:  # only a card is as deep as its author likes
        raise HubRefusal(Code.REPO_TOO_LARGE, "its card is nested too deeply for the hub's description of it to be read") from exc
    except ValueError as exc:
        raise _unreadable() from exc


def _read(schema: TypeAdapter[T], raw: bytes) -> T:
    try:
        return schema.validate_json(raw)
    except ValidationError as exc:
        raise _unreadable() from exc


def _unreadable() -> InfrastructureFault:
    return InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub's answer cannot be read")


def _first(answer: Answer, n_bytes: int) -> bytes:
    """The first bytes of a body, which may have no end."""
    received = bytearray()
    for chunk in answer.body:
        received += chunk
        if len(received) >= n_bytes:
            break
    return bytes(received[:n_bytes])
