"""The local hub's other half: what the real client asks for when it uploads a folder. Small files only, all in one commit."""

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from neurons.localnet.repositories import is_plain, publish


def routes() -> list[Route]:
    """Create a repository, prepare an upload, commit it."""
    repository = "{namespace}/{name}"
    return [
        Route("/api/repos/create", _create, methods=["POST"]),
        Route("/api/validate-yaml", _validate, methods=["POST"]),
        Route(f"/api/models/{repository}/preupload/{{branch}}", _prepare, methods=["POST"]),
        Route(f"/api/models/{repository}/commit/{{branch}}", _commit, methods=["POST"]),
    ]


async def _create(request: Request) -> Response:
    wanted = await request.json()
    repo = f"{wanted['organization']}/{wanted['name']}"
    if wanted.get("visibility") == "private":
        request.app.state.control.private.add(repo)
    return JSONResponse({"url": f"{request.base_url}{repo}"})


async def _validate(_request: Request) -> Response:
    return JSONResponse({"warnings": [], "errors": []})


async def _prepare(request: Request) -> Response:
    """Every file travels inside the commit itself."""
    files = (await request.json())["files"]
    return JSONResponse({"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files]})


async def _commit(request: Request) -> Response:
    """Lines of JSON, one a file; the revision is made from their content."""
    if not all(is_plain(str(part)) for part in request.path_params.values()):
        raise HTTPException(400, "a repository has a plain name")
    repo = f"{request.path_params['namespace']}/{request.path_params['name']}"
    lines = [json.loads(line) for line in (await request.body()).splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        for line in lines:
            if line["key"] == "file":
                _write(Path(folder), line["value"])
        revision = publish(request.app.state.root, repo, Path(folder))
    return JSONResponse({"commitUrl": f"{request.base_url}{repo}/commit/{revision}", "commitOid": revision})


def _write(folder: Path, file: dict[str, Any]) -> None:
    if not is_plain(file["path"]):
        raise HTTPException(400, "this hub keeps files in a repository's top folder only")
    (folder / file["path"]).write_bytes(base64.b64decode(file["content"]))
