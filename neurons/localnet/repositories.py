"""Repositories of the local hub: folders under content-derived revisions, for everybody or for one login."""

import hashlib
import shutil
from pathlib import Path

from starlette.requests import Request

BRANCH = "main"
"""Names the revision that was published last."""
_MARK = ".private"
"""Lies beside a private repository's revisions, and holds the SHA-256 of its owner's token: it outlives the hub's process."""


def publish(root: Path, repo: str, folder: Path) -> str:
    """Copy a folder's files into the hub as `repo` (namespace/name); return the revision: 40 hex digits made from the content."""
    listing = "".join(f"{path.name} {blob_id(path)}\n" for path in sorted(folder.iterdir()))
    revision = hashlib.sha1(listing.encode(), usedforsecurity=False).hexdigest()
    shutil.copytree(folder, root / repo / revision, dirs_exist_ok=True)
    fresh = root / repo / f".{revision}"
    fresh.symlink_to(revision)
    fresh.replace(root / repo / BRANCH)
    return revision


def blob_id(path: Path) -> str:
    """The id that git gives a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_plain(name: str) -> bool:
    """Whether a name from a request names something inside the folder it is asked in, and nothing else."""
    return name.isprintable() and name == Path(name).name and name not in {"", ".", ".."}


def hide(root: Path, repo: str, request: Request) -> None:
    """Make a repository private to the request's login."""
    (root / repo / _MARK).write_text(_login(request), encoding="ascii")


def show(root: Path, repo: str) -> None:
    """Make a repository public."""
    (root / repo / _MARK).unlink(missing_ok=True)


def is_private(root: Path, repo: str) -> bool:
    """Whether a repository needs a login."""
    return (root / repo / _MARK).exists()


def may_use(root: Path, repo: str, request: Request) -> bool:
    """Whether a request may see a repository, as far as its owner's wish goes."""
    return not is_private(root, repo) or (root / repo / _MARK).read_text(encoding="ascii") == _login(request)


def _login(request: Request) -> str:
    return hashlib.sha256(request.headers.get("authorization", "").encode()).hexdigest()
