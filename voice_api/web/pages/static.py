"""Scripts and styles of the pages, under paths that name their content."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from scoring.errors import Code, PlatformError
from voice_api.web.pages.page import static_file, static_path
from voice_api.web.route import IMMUTABLE, Route

router = APIRouter(prefix="/static", include_in_schema=False, route_class=Route)

_KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}


@router.get("/{content}/{name}")
async def get(content: str, name: Annotated[str, Path(pattern=r"^[a-z][a-z_-]{0,40}\.(css|js|svg)$")]) -> Response:
    """A static file; 404 for another content than today's: whoever asks has a page of another release."""
    try:
        known = static_path(name)
    except FileNotFoundError as exc:
        raise PlatformError(Code.NOT_FOUND, f"there is no file {name}") from exc
    if known != f"/static/{content}/{name}":
        raise PlatformError(Code.NOT_FOUND, f"{name} has another content now: load the page again")
    kind = _KINDS[name.rpartition(".")[2]]
    return Response(static_file(name), media_type=kind, headers={"Cache-Control": IMMUTABLE})
