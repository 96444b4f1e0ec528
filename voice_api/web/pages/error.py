"""What a browser is shown instead of a page: what happened, under which code, and what to do."""

from collections.abc import Mapping
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import HTMLResponse

from voice_api.schemas import Problem
from voice_api.web.pages.page import page


def wants_page(request: Request) -> bool:
    """Whether the caller reads pages: it names HTML among what it takes, as browsers do and clients of an API do not."""
    return any(part.partition(";")[0].strip() == "text/html" for part in request.headers.get("Accept", "").split(","))


def error_page(problem: Problem, headers: Mapping[str, str]) -> HTMLResponse:
    """The problem as a page; it needs nothing but itself, so that it is shown while the database is away."""
    status = HTTPStatus(problem.status)
    answer = page("error.html", path="", title=status.phrase, status=status, problem=problem)
    answer.headers.update(headers)
    return answer
