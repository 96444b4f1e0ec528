"""Repositories of the local hub, folders under content-derived revisions; and uploads into them, by the routes of the real client."""

import base64
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

BRANCH = "main"
"""Names the revision that was published last."""
_MARK = ".private"
"""Lies beside a private repository's revisions, and holds the SHA-256 of its owner's token: it outlives the hub's process."""


def publish(root: Path, repo: str, folder: Path) -> str:
    """Copy a folder's files into the hub as `repo` (namespace/name); return the revision: 40 hex digits made from the content."""
    listing = "".join(f"{path.relative_to(folder).as_posix()} {blob_id(path)}\n" for path in files_of(folder))
    revision = hashlib.sha1(listing.encode(), usedforsecurity=False).hexdigest()
    shutil.copytree(folder, root / repo / revision, dirs_exist_ok=True)
    fresh = root / repo / f".{revision}"
    fresh.symlink_to(revision)
    fresh.replace(root / repo / BRANCH)
    return revision


def files_of(folder: Path) -> list[Path]:
    """Every file below a folder, in order of its path."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def blob_id(path: Path) -> str:
    """The id that git gives a file's content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def is_plain(name: str) -> bool:
    """Whether a name from a request names something inside the folder it is asked in, and nothing else."""
    return name.isprintable() and name == Path(name).name and name not in {"", ".", ".."}


def _hide(root: Path, repo: str, request: Request) -> None:
    """Make a repository private to the request's login."""
    (root / repo / _MARK).write_text(_login(request), encoding="ascii")


def is_private(root: Path, repo: str) -> bool:
    """Whether a repository needs a login."""
    return (root / repo / _MARK).exists()


def may_use(root: Path, repo: str, request: Request) -> bool:
    """Whether a request may see a repository, as far as its owner's wish goes."""
    return not is_private(root, repo) or (root / repo / _MARK).read_text(encoding="ascii") == _login(request)


def _login(request: Request) -> str:
    return hashlib.sha256(request.headers.get("authorization", "").encode()).hexdigest()


def upload_routes() -> list[Route]:
    """Routes, for small files in one commit, that create a repository, prepare an upload, commit it, and make it public or private."""
    repository = "{namespace}/{name}"
    return [
        Route("/api/repos/create", _create, methods=["POST"]),
        Route("/api/validate-yaml", _validate, methods=["POST"]),
        Route(f"/api/models/{repository}/preupload/{{branch}}", _prepare, methods=["POST"]),
        Route(f"/api/models/{repository}/commit/{{branch}}", _commit, methods=["POST"]),
        Route(f"/api/models/{repository}/settings", _settings, methods=["PUT"]),
    ]


async def _create(request: Request) -> Response:
    """An empty repository, which has a revision already; one that exists stays as it is."""
    wanted, root = await request.json(), request.app.state.root
    if not (is_plain(wanted["organization"]) and is_plain(wanted["name"])):
        raise HTTPException(400, "a repository has a plain name")
    repo = f"{wanted['organization']}/{wanted['name']}"
    url = f"{request.base_url}{repo}"
    if (root / repo).is_dir():
        return JSONResponse({"error": "You already created this model repo", "url": url}, 409)
    with tempfile.TemporaryDirectory() as empty:
        (root / repo).mkdir(parents=True)
        if wanted.get("visibility") == "private":
            _hide(root, repo, request)
        publish(root, repo, Path(empty))
    return JSONResponse({"url": url})


async def _validate(_request: Request) -> Response:
    return JSONResponse({"warnings": [], "errors": []})


async def _prepare(request: Request) -> Response:
    """Every file travels inside the commit itself."""
    files = (await request.json())["files"]
    return JSONResponse({"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]})


async def _commit(request: Request) -> Response:
    """Lines of JSON, one a file; the revision is made from their content."""
    repo = _own(request)
    lines = [json.loads(line) for line in (await request.body()).splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        for line in lines:
            if line["key"] == "file":
                _write(Path(folder), line["value"])
        revision = publish(request.app.state.root, repo, Path(folder))
    return JSONResponse({"commitUrl": f"{request.base_url}{repo}/commit/{revision}", "commitOid": revision})


async def _settings(request: Request) -> Response:
    """Make a repository public or private."""
    wanted, repo = await request.json(), _own(request)
    if wanted.get("visibility") == "private":
        _hide(request.app.state.root, repo, request)
    else:
        (request.app.state.root / repo / _MARK).unlink(missing_ok=True)
    return JSONResponse(wanted)


def _own(request: Request) -> str:
    """The repository that is asked for, if there is such a one that the request may use."""
    root, parts = request.app.state.root, request.path_params
    repo = f"{parts['namespace']}/{parts['name']}"
    if not all(is_plain(str(part)) for part in parts.values()):
        raise HTTPException(400, "a repository has a plain name")
    if not (root / repo).is_dir() or not may_use(root, repo, request):
        raise HTTPException(401, headers={"X-Error-Code": "RepoNotFound"})
    return repo


def _write(folder: Path, file: dict[str, Any]) -> None:
    if not all(map(is_plain, file["path"].split("/"))):
        raise HTTPException(400, "a file lies below its repository's folder")
    target = folder / file["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(base64.b64decode(file["content"]))
