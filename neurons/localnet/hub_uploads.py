"""Uploads to the local hub, by the routes of the real client. Small files only, all in one commit."""

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from neurons.localnet.repositories import hide, is_plain, may_use, publish, show


def routes() -> list[Route]:
    """Routes that create a repository, prepare an upload, commit it, and make it public or private."""
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
            hide(root, repo, request)
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
        hide(request.app.state.root, repo, request)
    else:
        show(request.app.state.root, repo)
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
    if not is_plain(file["path"]):
        raise HTTPException(400, "this hub keeps files in a repository's top folder only")
    (folder / file["path"]).write_bytes(base64.b64decode(file["content"]))
