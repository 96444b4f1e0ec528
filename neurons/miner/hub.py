"""The miner's adapter to the model hub: a checked folder becomes a repository at a pinned revision, seen by nobody or by everybody."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from httpx2 import TransportError
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

from scoring.errors import Code, PlatformError

_HUBS_OWN = frozenset({".gitattributes"})
"""Files that a hub puts into every repository by itself."""
_SHA256_DIGITS = 64
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository's newest revision (40 hex digits), its visibility, and its files' hashes: SHA-256 of large ones, else git's blob id."""

    private: bool
    revision: str
    files: Mapping[str, str]

    @property
    def empty(self) -> bool:
        """Whether it holds nothing but files that a hub puts into it by itself."""
        return not set(self.files) - _HUBS_OWN

    def holds(self, folder: Path) -> bool:
        """Whether it holds a folder's files and nothing else; reads them all."""
        local = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        if set(local) != set(self.files) - (_HUBS_OWN - set(local)):
            return False
        return all(self.files[name] == _hash(path, like=self.files[name]) for name, path in local.items())


class ModelHub:
    """The hub as a repository's owner sees it. Every method raises PlatformError(PUBLISHING_FAILED) with the hub's reason."""

    def __init__(self, endpoint: str, token: str | None) -> None:
        self._endpoint = endpoint
        self._hub = HfApi(endpoint=endpoint, token=token if token is not None else False)

    def state(self, repo: str, revision: str | None = None) -> Remote | None:
        """Look at a repository (default: at the newest revision); None when there is none that this login may see."""
        with self._asking(repo):
            try:
                found = self._hub.model_info(repo, revision=revision, files_metadata=True)
            except (RepositoryNotFoundError, RevisionNotFoundError):
                return None
        files = {item.rfilename: item.lfs.sha256 if item.lfs else item.blob_id or "" for item in found.siblings or ()}
        return Remote(bool(found.private), found.sha or "", files)

    def create(self, repo: str, private: bool) -> None:
        """Make a repository; one that exists stays as it is."""
        with self._asking(repo):
            self._hub.create_repo(repo, private=private, exist_ok=True)

    def upload(self, folder: Path, repo: str) -> str:
        """Upload a folder into a repository and return the revision. Files that the hub has already are not sent again."""
        with self._asking(repo):
            return self._hub.upload_folder(repo_id=repo, folder_path=folder, commit_message="Publish the model").oid

    def reveal(self, repo: str) -> None:
        """Let everybody see a repository."""
        with self._asking(repo):
            self._hub.update_repo_settings(repo, private=False)

    @contextmanager
    def _asking(self, repo: str) -> Iterator[None]:
        try:
            yield
        except (HfHubHTTPError, HFValidationError, TransportError, OSError) as exc:
            reason = str(exc).strip().splitlines()[0] if str(exc).strip() else type(exc).__name__
            raise PlatformError(Code.PUBLISHING_FAILED, f"The hub {self._endpoint} did not take {repo}: {reason}") from exc


def publish(folder: Path, repo: str, endpoint: str, token: str | None, private: bool) -> str:
    """Upload a folder to `repo`, made when missing; the 40-hex revision. Raises PlatformError(PUBLISHING_FAILED) with the hub's reason."""
    hub = ModelHub(endpoint, token)
    hub.create(repo, private)
    return hub.upload(folder, repo)


def _hash(path: Path, like: str) -> str:
    """A file's hash of the kind that the hub gave for it, told by its length."""
    begin = hashlib.sha256() if len(like) == _SHA256_DIGITS else hashlib.sha1(usedforsecurity=False)
    if len(like) != _SHA256_DIGITS:
        begin.update(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            begin.update(chunk)
    return begin.hexdigest()
