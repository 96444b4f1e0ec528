"""Repositories of the local hub: folders under content-derived revisions."""

import hashlib
import shutil
from pathlib import Path

BRANCH = "main"
"""Names the revision that was published last."""


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
