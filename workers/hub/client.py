"""The adapter for hubs that speak Hugging Face's protocol: describe, peek, download; pinned, checked, without a login."""

import hashlib
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Self
from urllib.parse import quote

import structlog
from httpx2 import HTTPError, TransportError
from huggingface_hub import constants, get_session, hf_hub_download, hf_hub_url, hf_raise_for_status
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RemoteEntryNotFoundError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]  # public, but not declared so

from scoring.errors import Code, InfrastructureFault, SubmissionFault, VoiceError
from workers.hub.cache import ArtifactCache
from workers.hub.repository import Listed, ModelAnswer, RepoFile, Repository

__all__ = ["Hub", "OnBytes", "Timeouts", "TransportError"]

log = structlog.get_logger()
_REVISION = re.compile(r"[0-9a-f]{40}")
_NOT_PUBLIC = frozenset({401, 403, 404, 410, 451})
_CHUNK_BYTES = 1 << 20
_ANSWER_BYTES = 8 << 20
"""Enough to list many times the files that a repository may hold."""

_PROBES = 5
"""A listed repository may want a login for its files, as may a file: so many are tried before the hub is not believed."""
_OPEN_WEIGHTS = "gated=false&filter=safetensors"
"""To be listed: only repositories that need no login, and hold weights; a hub that knows no filters lists any."""

OnBytes = Callable[[int, int], None]
"""Called with bytes done and their total; every fetched byte counts twice, once fetched and once checked."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """`answer` bounds each wait for the hub, `peek` a description or the head of a file, `download` a repository's whole download."""

    answer: timedelta = timedelta(seconds=10)
    peek: timedelta = timedelta(minutes=5)
    download: timedelta = timedelta(hours=2)


class Hub:
    """A client of one hub. Downloads lie in the folder `cache`, of at most `cache_bytes` whenever none is in use (see ArtifactCache)."""

    def __init__(self, endpoint: str, cache: Path, timeouts: Timeouts | None = None, cache_bytes: int | None = None) -> None:
        # The client asks the environment for these, once, at import. Xet would fetch behind the meter's back.
        constants.HF_HUB_DISABLE_TELEMETRY = True
        constants.HF_HUB_DISABLE_XET = True
        constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES  # progress is told by the chunk, and progress renews the lease
        self._endpoint = endpoint.rstrip("/")
        self._cache = ArtifactCache(cache, cache_bytes)
        self._timeouts = timeouts or Timeouts()

    def describe(self, repo: str, revision: str) -> Repository:
        """The hub's description of a repository at a 40-hex revision.

        Raises SubmissionFault(REPO_NOT_PUBLIC, REPO_TOO_LARGE), InfrastructureFault(HUB_UNAVAILABLE) and ValueError for another revision.
        """
        _check_revision(revision)
        with _translated(Code.HUB_UNAVAILABLE):
            validate_repo_id(repo)
            raw = self._read(f"{self._endpoint}/api/models/{repo}/revision/{revision}?blobs=true", {}, _ANSWER_BYTES + 1)
            if len(raw) > _ANSWER_BYTES:
                raise SubmissionFault(Code.REPO_TOO_LARGE, f"its files and its card take the hub {_ANSWER_BYTES} bytes to list")
            described = ModelAnswer.model_validate_json(raw).repository(repo)
        if described.revision != revision:
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub answered for another revision")
        return described

    def resolve(self, repo: str, ref: str) -> str:
        """The 40-hex revision that a branch names now. Raises as `describe`."""
        with _translated(Code.HUB_UNAVAILABLE):
            validate_repo_id(repo)
            raw = self._read(f"{self._endpoint}/api/models/{repo}/revision/{quote(ref, safe='')}", {}, _ANSWER_BYTES)
            revision = ModelAnswer.model_validate_json(raw).sha
            _check_revision(revision)
        return revision

    def works(self) -> bool:
        """Whether the hub gives, at this moment, what it says is public: a listed repository's description, and its weights' first byte.

        A hub that refuses one repository but works means that one; a hub that refuses everything means nothing by it. Large files
        often come from other servers than small ones, so small ones prove nothing; nor does a hub that lists none with large ones.
        """
        try:
            with _translated(Code.HUB_UNAVAILABLE):
                raw = self._read(f"{self._endpoint}/api/models?limit={_PROBES}&{_OPEN_WEIGHTS}", {}, _ANSWER_BYTES)
                listed = Listed.validate_json(raw)[:_PROBES]
        except VoiceError:
            return False
        return any(self._gives(model.id) for model in listed)

    def _gives(self, repo: str) -> bool:
        try:
            revision = self.resolve(repo, "main")
            large = [file.path for file in self.describe(repo, revision).files if file.sha256]
            return any(self.head(repo, revision, path, 1) for path in large[:_PROBES])
        except VoiceError:
            return False

    def folder(self, repo: str, revision: str) -> Path:
        """The folder of a download once it is complete."""
        return self._cache.folder(repo, revision)

    def pin_in_cache(self, repo: str, revision: str) -> AbstractContextManager[None]:
        """The download of this revision, once it is there, stays there for as long as the context lasts."""
        _check_revision(revision)
        return self._cache.pin(repo, revision)

    def head(self, repo: str, revision: str, path: str, n_bytes: int) -> bytes:
        """The first bytes of a file, at most `n_bytes`; none where the repository holds no such file. Raises as `describe`."""
        _check_revision(revision)
        url = hf_hub_url(repo, path, revision=revision, endpoint=self._endpoint)
        try:
            with _translated(Code.HUB_UNAVAILABLE):
                return self._read(url, {"Range": f"bytes=0-{n_bytes - 1}", "Accept-Encoding": "identity"}, n_bytes)
        except RemoteEntryNotFoundError:
            return b""

    def _read(self, url: str, headers: dict[str, str], n_bytes: int) -> bytes:
        """The first bytes of an answer, however it comes: a hub that trickles, or never ends, is left in time."""
        received, deadline = bytearray(), time.monotonic() + self._timeouts.peek.total_seconds()
        with get_session().stream("GET", url, headers=headers, timeout=self._timeouts.answer.total_seconds()) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                return b""  # of an empty file there are no first bytes
            hf_raise_for_status(response)
            for chunk in response.iter_bytes():
                received += chunk
                if len(received) >= n_bytes:
                    break
                if time.monotonic() > deadline:
                    raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub takes too long to answer")
        return bytes(received[:n_bytes])

    def download(self, repository: Repository, on_bytes: OnBytes) -> Path:
        """Fetch and check every file; return the folder that holds them. What is there already is checked, not fetched again.

        Raises SubmissionFault(REPO_NOT_PUBLIC) and InfrastructureFault(DOWNLOAD_INTERRUPTED), also for a wrong checksum.
        """
        _check_revision(repository.revision)
        found = self._cache.find(repository.repo, repository.revision)
        if found is not None and self._is_sound(found, repository, on_bytes):
            return found
        self._cache.make_room(repository.total_bytes)
        meter = self._meter(2 * repository.total_bytes, on_bytes)
        with self._cache.part() as part:
            folder = part / "files"
            folder.mkdir()
            for file in repository.files:
                with _translated(Code.DOWNLOAD_INTERRUPTED):
                    self._fetch(repository, file, folder, part / "cache", meter)
                _check(folder / file.path, file, meter)
            shutil.rmtree(folder / ".cache", ignore_errors=True)
            return self._cache.keep(folder, repository.repo, repository.revision, replace=found is not None)

    def _is_sound(self, folder: Path, repository: Repository, on_bytes: OnBytes) -> bool:
        """Whether a cached artifact still matches the hub's announcement: a rotten disk must not become its miner's fault."""
        meter = self._meter(repository.total_bytes, on_bytes)
        try:
            for file in repository.files:
                _check(folder / file.path, file, meter)
        except _Damaged as damage:
            log.warning("a cached artifact is damaged and is fetched again", folder=str(folder), detail=damage.detail)
            return False
        return True

    def _meter(self, total: int, on_bytes: OnBytes) -> "_Meter":
        return _Meter(total, time.monotonic() + self._timeouts.download.total_seconds(), on_bytes)

    def _fetch(self, repository: Repository, file: RepoFile, folder: Path, cache: Path, meter: "_Meter") -> None:
        meter.start(file.size)
        hf_hub_download(
            repository.repo,
            file.path,
            revision=repository.revision,
            local_dir=folder,
            cache_dir=cache,
            endpoint=self._endpoint,
            etag_timeout=self._timeouts.answer.total_seconds(),
            token=False,
            tqdm_class=_progress_bar(meter.fetched),
        )


class _Meter:
    """Counts bytes, passes them on, and ends a download that brings too many or takes too long."""

    def __init__(self, total: int, deadline: float, on_bytes: OnBytes) -> None:
        self._total, self._deadline, self._on_bytes = total, deadline, on_bytes
        self._done = self._left = 0

    def start(self, file_bytes: int) -> None:
        self._left = file_bytes

    def fetched(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise InfrastructureFault(Code.DOWNLOAD_INTERRUPTED, "the hub sends more bytes than it announced")
        self.checked(count)

    def checked(self, count: int) -> None:
        if time.monotonic() > self._deadline:
            raise InfrastructureFault(Code.DOWNLOAD_INTERRUPTED, "the download takes too long")
        self._done += count
        self._on_bytes(min(self._done, self._total), self._total)


def _progress_bar(report: Callable[[int], None]) -> type:
    """The client tells its progress to a bar of the class that it is given; this one only passes it on."""

    class Bar:
        def __init__(self, **_options: object) -> None:
            """Take the client's description of a bar, and draw none."""

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            """There is nothing to close."""

        def update(self, count: float | None = 1) -> None:
            report(int(count or 0))

    return Bar


def _check_revision(revision: str) -> None:
    if not _REVISION.fullmatch(revision):
        raise ValueError(f"a revision is 40 hex digits, not {revision!r}")


class _Damaged(InfrastructureFault):
    """A file that differs from the hub's announcement."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.DOWNLOAD_INTERRUPTED, detail)


def _check(path: Path, file: RepoFile, meter: _Meter) -> None:
    """Compare a fetched file with the hub's announcement: a plain file, its size, its SHA-256 or git blob id; or raise _Damaged."""
    found = path.lstat() if path.exists() else None
    if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != file.size:
        raise _Damaged(f"{file.path} is not what the hub announced")
    digest = hashlib.sha256() if file.sha256 else hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            meter.checked(len(chunk))
    if digest.hexdigest() != (file.sha256 or file.blob_id):
        raise _Damaged(f"{file.path} does not match its checksum")


@contextmanager
def _translated(code: Code) -> Iterator[None]:
    """Turn foreign errors into ours: a repository that is not public is the miner's fault, anything else the hub's or the network's."""
    try:
        yield
    except RemoteEntryNotFoundError:
        if code is Code.HUB_UNAVAILABLE:
            raise
        raise InfrastructureFault(code, "the hub lost a file that it listed") from None
    except HFValidationError as exc:
        raise SubmissionFault(Code.COMMITMENT_MALFORMED, f"not a repository: {exc}") from exc
    except (HfHubHTTPError, HTTPError, OSError) as exc:
        raise _fault(exc, code) from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise InfrastructureFault(code, "the hub's answer cannot be read") from exc


def _fault(exc: Exception, code: Code) -> VoiceError:
    """Our error for the client's, or for its cause: the client wraps a failed first request of a download."""
    for error in (exc, exc.__cause__):
        if isinstance(error, HfHubHTTPError):
            status = error.response.status_code
            if status in _NOT_PUBLIC:
                return SubmissionFault(Code.REPO_NOT_PUBLIC)
            return InfrastructureFault(Code.HUB_UNAVAILABLE, f"the hub answered with status {status}")
    return InfrastructureFault(code, f"the hub cannot be reached or broke off ({type(exc).__name__})")
