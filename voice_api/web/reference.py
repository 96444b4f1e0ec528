"""docs/api.md and docs/errors.md, rendered: all that they say of routes, schemas and codes is the code's own."""

import json
import re
from collections.abc import Mapping
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import SecretStr

from scoring.errors import EXPLANATIONS, Blame, Code
from scoring.types import Hotkey
from voice_api.db import idempotency
from voice_api.schemas import MOST_ROWS
from voice_api.settings import ApiSettings
from voice_api.web import auth
from voice_api.web.app import create_app
from voice_api.web.edge.connection import DEADLINES
from voice_api.web.middleware import BODY_SECONDS
from voice_api.web.openapi import Json, kind_of
from voice_api.web.routes.errors import RULES, rule
from voice_api.web.statuses import STATUS

_GAP = re.compile(r"\n{3,}")
TITLES: Mapping[Blame, str] = {
    Blame.SUBMISSION: "1xxx: the submission's",
    Blame.INFRASTRUCTURE: "2xxx: ours",
    Blame.PLATFORM: "3xxx: requests, settings and services",
}


def pages() -> dict[str, str]:
    """Both pages by their file's name."""
    return {"api.md": api_page(), "errors.md": errors_page()}


def api_page() -> str:
    """docs/api.md."""
    document = description()
    defaults = ApiSettings.model_fields
    return _render(
        "api.md.j2",
        api=document,
        most_rows=MOST_ROWS,
        window=int(auth.WINDOW.total_seconds()),
        skew=int(auth.SKEW.total_seconds()),
        kept=int(idempotency.KEPT.total_seconds()) // 3600,
        rate=defaults["rate_per_minute"].default,
        rate_address=defaults["rate_address_per_minute"].default,
        connections=defaults["address_connections"].default,
        head=f"{DEADLINES.head:g}",
        body=f"{BODY_SECONDS:g}",
        stale=Code.REGISTRY_STALE.value,
        mismatch=Code.IDEMPOTENCY_MISMATCH.value,
        paths_of=lambda role: _paths_of(document, role),
    )


def errors_page() -> str:
    """docs/errors.md."""
    codes = sorted(EXPLANATIONS)
    groups = [(TITLES[blame], tuple(members)) for blame, members in groupby(codes, key=lambda code: code.blame)]
    return _render(
        "errors.md.j2",
        groups=groups,
        said=EXPLANATIONS,
        rules=RULES,
        rule=rule,
        status=STATUS,
        failed_alike=Code.FAILED_ALIKE.value,
    )


NOBODY = Hotkey("5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM")
"""The address of the key whose bytes are all 0: nobody can sign with it."""


def description() -> Json:
    """The OpenAPI document of an API that serves nobody: it depends on no setting."""
    nowhere = ApiSettings(database_url=SecretStr("postgresql:///nowhere"), redis_url=SecretStr("redis://nowhere"), hotkey=NOBODY)
    return create_app(nowhere).openapi()


def _paths_of(document: Json, role: str) -> str:
    """The paths that a role may write to."""
    found = [
        f"`{path}`"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method == "post" and operation.get("security", [{}])[0].get("btauth") == [role]
    ]
    return ", ".join(found)


def _render(template: str, **values: object) -> str:
    environment = Environment(
        loader=PackageLoader("voice_api.web", "templates"),
        autoescape=False,  # noqa: S701  # Markdown of our own words
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= {"kind": kind_of, "cell": _cell, "json": _json}
    return _GAP.sub("\n\n", environment.get_template(template).render(**values))


def _cell(text: str) -> str:
    """One line that ends no cell of a table, and opens no tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
