"""Who may see a repository of the local hub: a private one is shown to the login that created it, until it is made public."""

import hashlib
from pathlib import Path

from starlette.requests import Request

_MARK = ".private"
"""Lies beside a private repository's revisions, and holds the SHA-256 of its owner's token: it outlives the hub's process."""


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
