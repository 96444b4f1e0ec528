"""The API's reference: a viewer of its OpenAPI document in which requests can be tried, and the table of codes."""

import gzip
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from scoring.errors import EXPLANATIONS, Code, PlatformError
from voice_api.web.pages.page import POLICY, page
from voice_api.web.route import IMMUTABLE, Route
from voice_api.web.routes.errors import RULES, rule
from voice_api.web.statuses import STATUS

router = APIRouter(prefix="/docs", include_in_schema=False, route_class=Route)

_VIEWER = "fastapi_offline"
"""The package that carries Swagger UI; nothing of its code is used."""
_KINDS = {"swagger-ui-bundle.js": "text/javascript; charset=utf-8", "swagger-ui.css": "text/css; charset=utf-8"}


@router.get("", response_class=HTMLResponse)
async def reference(request: Request) -> HTMLResponse:
    """Every operation and schema, with a search, and a form that sends a request."""
    assets = {name: asset_path(name) for name in _KINDS}
    found = page("reference.html", path="/docs", title="API", assets=assets)
    found.headers["Content-Security-Policy"] = _policy(tuple(server["url"] for server in request.app.servers))
    return found


@router.get("/codes", response_class=HTMLResponse)
async def codes() -> HTMLResponse:
    """Every code: what it means, what to do, and whether it is tried again."""
    rows = [(code, said, RULES[rule(code)], STATUS.get(code)) for code, said in sorted(EXPLANATIONS.items())]
    return page("codes.html", path="/docs", title="Codes", rows=rows)


@router.get("/viewer/{content}/{name}")
async def asset(request: Request, content: str, name: str) -> Response:
    """A file of the viewer; 404 for another content than that of the installed package."""
    if name not in _KINDS or asset_path(name) != f"/docs/viewer/{content}/{name}":
        raise PlatformError(Code.NOT_FOUND, f"there is no file {name} of this content: load the page again")
    headers = {"Cache-Control": IMMUTABLE, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return Response(_asset(name), media_type=_KINDS[name], headers=headers)
    return Response(_packed(name), media_type=_KINDS[name], headers={**headers, "Content-Encoding": "gzip"})


@cache
def asset_path(name: str) -> str:
    """The path of a file of the viewer, with its content's hash in it."""
    return f"/docs/viewer/{hashlib.sha256(_asset(name)).hexdigest()[:16]}/{name}"


@cache
def _packed(name: str) -> bytes:
    return gzip.compress(_asset(name))


def _asset(name: str) -> bytes:
    package = find_spec(_VIEWER)
    if package is None or package.origin is None:
        raise FileNotFoundError(f"the package {_VIEWER} is not installed")
    return (Path(package.origin).parent / "static" / name).read_bytes()


def _policy(servers: tuple[str, ...]) -> str:
    """A page's policy, but that the viewer draws its arrows from its own style sheet, and asks whatever address the document names."""
    own = {"img-src 'self'": "img-src 'self' data:", "connect-src 'self'": " ".join(("connect-src 'self'", *servers))}
    return "; ".join(own.get(part, part) for part in POLICY.split("; "))
