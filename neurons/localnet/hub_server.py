"""A small model hub for the demo and the tests: folders of repositories, served as the real client asks for them."""

import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import yaml
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from neurons.localnet.repositories import BRANCH, blob_id, files_of, is_plain, is_private, may_use, upload_routes

_CHUNK_BYTES = 1 << 16
_LARGE_SUFFIXES = frozenset({".safetensors", ".bin"})
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")

Failure = Literal["401", "403", "404", "416", "429", "503", "cut", "empty", "page", "short", "other"]
"""A status; a body that breaks off; or a lie with a good status: no bytes, a page for people, the first half, as many other bytes."""

_LIES = frozenset({"cut", "empty", "page", "short", "other"})
_PAGE = b"<!DOCTYPE html><html><body>We will be back soon.</body></html>"


@dataclass(slots=True, kw_only=True)
class Control:
    """The failures that the hub is told to make, and the requests it had so far.

    `failures` says how often each failure is still to happen (negative: always), `only` limits them to paths that contain it;
    `retry_after` is the header of answers 429 and 503 (empty: none); `private` names repositories that need a login; `requests`
    counts requests by method and path.
    """

    failures: dict[Failure, int] = field(default_factory=dict)
    only: str = ""
    retry_after: str = ""
    private: set[str] = field(default_factory=set)
    requests: dict[str, int] = field(default_factory=dict)

    def count(self, method: str, path: str) -> None:
        """Note one request."""
        key = f"{method} {path}"
        self.requests[key] = self.requests.get(key, 0) + 1

    def next_failure(self, path: str, has_body: bool) -> Failure | None:
        """The failure due for this request, taken off its count; only the answer of a file's content can be a lie."""
        for failure, left in self.failures.items():
            if left != 0 and self.only in path and (has_body or failure not in _LIES):
                self.failures[failure] = left - 1
                return failure
        return None


_CONTROL = TypeAdapter(Control)


def create_hub(root: Path) -> Starlette:
    """The hub over `root/<namespace>/<name>/<revision>/…`. `state.control` and `PUT /control` make it fail."""
    repository = "{namespace}/{name}"
    app = Starlette(
        routes=[
            Route("/control", _control, methods=["GET", "PUT"]),
            Route("/healthz", _healthz),
            *upload_routes(),
            Route("/api/models", _list),
            Route(f"/api/models/{repository}", _model_info),
            Route(f"/api/models/{repository}/revision/{{revision}}", _model_info),
            Route(f"/api/models/{repository}/tree/{{revision}}", _tree),
            Route(f"/{repository}/resolve/{{revision}}/{{path:path}}", _resolve, methods=["GET", "HEAD"]),
        ]
    )
    app.state.root = root
    app.state.control = Control()
    return app


async def _healthz(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _control(request: Request) -> Response:
    """Read the control, or replace it."""
    if request.method == "PUT":
        request.app.state.control = _CONTROL.validate_json(await request.body())
    return JSONResponse(_CONTROL.dump_python(request.app.state.control, mode="json"))


async def _list(request: Request) -> Response:
    """Public repositories, by name; as many as asked for."""
    _fail(request)
    root, control = request.app.state.root, request.app.state.control
    names = sorted(path.relative_to(root).as_posix() for path in root.glob("*/*") if path.is_dir())
    public = [name for name in names if name not in control.private and not is_private(root, name)]
    return JSONResponse([{"id": name, "private": False} for name in public[: int(request.query_params.get("limit", "1000"))]])


async def _model_info(request: Request) -> Response:
    folder = _folder(request)
    return JSONResponse(
        {
            "_id": folder.name[:24],
            "id": _repo(request),
            "modelId": _repo(request),
            "sha": folder.name,
            "private": is_private(request.app.state.root, _repo(request)),
            "gated": False,
            "disabled": False,
            "tags": [],
            "downloads": 0,
            "likes": 0,
            "cardData": _card(folder / "README.md"),
            "siblings": [_sibling(folder, path) for path in files_of(folder)],
        }
    )


async def _tree(request: Request) -> Response:
    folder = _folder(request)
    return JSONResponse([_entry(folder, path) for path in files_of(folder)])


async def _resolve(request: Request) -> Response:
    folder = _folder(request)
    path = folder / request.path_params["path"]
    if not path.is_file():
        raise HTTPException(404, headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": folder.name})
    size = path.stat().st_size
    start, end = _range(request.headers.get("range", ""), size)
    headers = {
        "ETag": f'"{_sha256(path) if _is_large(path) else blob_id(path)}"',
        "X-Repo-Commit": folder.name,
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
    }
    status = 200
    if end - start != size:
        status, headers["Content-Range"] = 206, f"bytes {start}-{end - 1}/{size}"
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    if (lie := _lie(request.state.failure, path, end - start)) is not None:
        return lie
    stop = start + (end - start) // 2 if request.state.failure == "cut" else end
    return StreamingResponse(_body(path, start, stop, end), status, headers, "application/octet-stream")


def _lie(failure: Failure | None, path: Path, length: int) -> Response | None:
    """What some proxies and some overloaded hubs answer in place of a file's bytes."""
    match failure:
        case "empty":
            return Response(b"")
        case "page":
            return Response(_PAGE, media_type="text/html")
        case "short":
            half = path.read_bytes()[: max(1, length // 2)]
            return Response(half, 206, {"Content-Range": f"bytes 0-{len(half) - 1}/{path.stat().st_size}"})
        case "other":
            return Response(b"\0" * length)
        case _:
            return None


async def _body(path: Path, start: int, stop: int, end: int) -> AsyncIterator[bytes]:
    """Bytes from `start` to `stop`; a stop before the announced `end` breaks the connection off."""
    with path.open("rb") as file:
        file.seek(start)
        while start < stop:
            chunk = file.read(min(_CHUNK_BYTES, stop - start))
            start += len(chunk)
            yield chunk
    if stop < end:
        raise ConnectionResetError("told to break off")


def _folder(request: Request) -> Path:
    """The asked revision's folder, after the control had its say; raises HTTPException as the real hub answers."""
    control = _fail(request)
    if not all(is_plain(part) for value in request.path_params.values() for part in str(value).split("/")):
        raise HTTPException(404, headers={"X-Error-Code": "RepoNotFound"})
    root: Path = request.app.state.root
    folder = root / str(request.path_params["namespace"]) / str(request.path_params["name"])
    if _repo(request) in control.private or not folder.is_dir() or not may_use(root, _repo(request), request):
        raise HTTPException(401, headers={"X-Error-Code": "RepoNotFound"})
    revision = folder / str(request.path_params.get("revision", BRANCH))
    if not revision.is_dir():
        raise HTTPException(404, headers={"X-Error-Code": "RevisionNotFound"})
    return revision.resolve()  # a branch's name stands for a revision


def _fail(request: Request) -> Control:
    """Count the request and fail as told: by raising HTTPException, or by noting in its state that its answer is to be cut."""
    control: Control = request.app.state.control
    control.count(request.method, request.url.path)
    has_body = request.method == "GET" and "/resolve/" in request.url.path
    failure = request.state.failure = control.next_failure(request.url.path, has_body)
    if failure is not None and failure not in _LIES:
        headers = {"Retry-After": control.retry_after} if control.retry_after and failure in {"429", "503"} else None
        raise HTTPException(int(failure), headers=headers)
    return control


def _repo(request: Request) -> str:
    return f"{request.path_params['namespace']}/{request.path_params['name']}"


def _range(header: str, size: int) -> tuple[int, int]:
    """First byte and the byte after the last of `bytes=a-b`; the whole file for any other header."""
    match = _RANGE.fullmatch(header)
    if match is None:
        return 0, size
    start = min(int(match[1]), size)
    return start, min(int(match[2]) + 1, size) if match[2] else size


def _card(path: Path) -> object:
    """A model card's front matter."""
    parts = path.read_text(encoding="utf-8").split("---\n") if path.is_file() else []
    return yaml.safe_load(parts[1]) if len(parts) > 2 else None


def _is_large(path: Path) -> bool:
    return path.suffix in _LARGE_SUFFIXES


def _entry(folder: Path, path: Path) -> dict[str, object]:
    """A file as the tree route lists it."""
    size = path.stat().st_size
    entry: dict[str, object] = {"type": "file", "path": path.relative_to(folder).as_posix(), "size": size, "oid": blob_id(path)}
    return entry | ({"lfs": {"oid": _sha256(path), "size": size, "pointerSize": 134}} if _is_large(path) else {})


def _sibling(folder: Path, path: Path) -> dict[str, object]:
    """A file as the model information lists it."""
    size = path.stat().st_size
    sibling: dict[str, object] = {"rfilename": path.relative_to(folder).as_posix(), "size": size, "blobId": blob_id(path)}
    return sibling | ({"lfs": {"sha256": _sha256(path), "size": size, "pointerSize": 134}} if _is_large(path) else {})


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
