"""The API's description of itself: the errors of each route, an example for every body and refusal, and what caches are told."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from scoring.errors import EXPLANATIONS, Code
from voice_api.schemas import Problem
from voice_api.web.statuses import STATUS

Json = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]
_PROBLEM = "#/components/schemas/Problem"
_LEAVES: Mapping[str, object] = {"boolean": True, "integer": 1, "number": 0.5, "string": "text", "object": {}, "null": None}
_FORMATS: Mapping[str, str] = {"date-time": "2026-11-22T09:30:00Z", "uuid": "5f0c1bb0-6a3f-4c5e-9d0a-1f6a7d1c2b3e"}
_NOT_MODIFIED: Json = {"description": "What If-None-Match names is still so."}


def describe(app: FastAPI) -> Json:
    """The OpenAPI document of an application's routes."""
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, servers=app.servers or None
    )
    schemas: Json = document["components"]["schemas"]
    for method, operation in operations(document):
        operation["summary"] = operation["description"].partition("\n")[0].partition(". ")[0].rstrip(".")
        _exemplify(operation.get("requestBody", {}), schemas)
        for status, answer in operation["responses"].items():
            schemas_of = [content.get("schema", {}).get("$ref") for content in answer.get("content", {}).values()]
            if int(status) >= HTTPStatus.BAD_REQUEST and _PROBLEM in schemas_of:
                _show_refusals(answer, int(status))
            else:
                _tell(answer, schemas)
                _exemplify(answer, schemas)
        if method == "get" and "security" not in operation and operation["tags"] != ["health"]:
            operation["responses"]["304"] = _NOT_MODIFIED
    return document


def operations(document: Json) -> Iterator[tuple[str, Json]]:
    """Every operation with its method."""
    for methods in document["paths"].values():
        yield from methods.items()


def example_of(schema: Json, schemas: Json) -> Any:
    """A value that fits a schema: the one it names itself, or one built from its parts'."""
    for given in ("examples", "enum"):
        if given in schema:
            return schema[given][0]
    if "default" in schema:
        return schema["default"]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if "items" in schema:
        return [example_of(schema["items"], schemas)]
    if "properties" in schema:
        return {name: example_of(part, schemas) for name, part in schema["properties"].items()}
    return _FORMATS.get(schema.get("format", "")) or _LEAVES[schema.get("type", "object")]


def kind_of(schema: Json) -> str:
    """A JSON schema in a few words: a type, a schema's name, the values of a closed set."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind_of(part) for part in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    kind = str(schema.get("type", "any"))
    return f"{kind} of {kind_of(schema['items'])}" if "items" in schema else kind


def _exemplify(body: Json, schemas: Json) -> None:
    for kind, content in body.get("content", {}).items():
        if kind == "application/json" and "schema" in content:
            content["example"] = example_of(content["schema"], schemas)


def _tell(answer: Json, schemas: Json) -> None:
    """Describe an answer that says nothing of its own by the first sentence about its schema."""
    for content in answer.get("content", {}).values():
        if answer["description"] == "Successful Response" and "$ref" in content.get("schema", {}):
            said = schemas[content["schema"]["$ref"].rpartition("/")[2]].get("description", "")
            answer["description"] = said.partition("\n")[0] or answer["description"]


def _show_refusals(answer: Json, status: int) -> None:
    """Errors are problem+json, one example for each code that they may have."""
    codes = [Code(number) for number in answer.pop("x-codes", ())]
    answer["content"] = {
        "application/problem+json": {
            "schema": {"$ref": _PROBLEM},
            "examples": {code.slug: {"value": _problem(code, status)} for code in codes},
        }
    }


def _problem(code: Code, status: int) -> Json:
    said = EXPLANATIONS[code]
    return {
        "type": f"urn:voice:problem:{code.slug}",
        "title": said.meaning,
        "status": status,
        "detail": said.meaning,
        "code": code.value,
        "blame": code.blame.value,
        "advice": said.advice,
        "request_id": "0b7c2f0e9d1a4c55",
    }


def refusals(*codes: Code) -> Responses:
    """The OpenAPI responses of requests that may end with these codes, and with those of every request."""
    by_status: defaultdict[int, list[Code]] = defaultdict(list)
    for code in sorted({*codes, *_ALWAYS}):
        by_status[int(STATUS.get(code, HTTPStatus.INTERNAL_SERVER_ERROR))].append(code)
    return {
        status: {
            "model": Problem,
            "description": " ".join(f"{code.value}: {EXPLANATIONS[code].meaning}" for code in meant),
            "x-codes": [code.value for code in meant],
        }
        for status, meant in sorted(by_status.items())
    }


_ALWAYS = (Code.RATE_LIMITED, Code.INTERNAL)
_READ = (Code.REQUEST_INVALID, Code.DATABASE_UNAVAILABLE, Code.DATABASE_BUSY)
_SIGNED = (*_READ, Code.NOT_AUTHENTICATED, Code.RECEIVER_MISMATCH, Code.NOT_ALLOWED, Code.REDIS_UNAVAILABLE)
_WRITE = (*_SIGNED, Code.BODY_TOO_LARGE, Code.IDEMPOTENCY_MISMATCH, Code.STATE_CONFLICT)
_VOTE = (*_READ, Code.NOT_FOUND, Code.NOT_ALLOWED, Code.STATE_CONFLICT, Code.REDIS_UNAVAILABLE, Code.BODY_TOO_LARGE)

PLAIN_ERRORS = refusals()
READ_ERRORS = refusals(*_READ)
LOOKUP_ERRORS = refusals(*_READ, Code.NOT_FOUND)
WATCH_ERRORS = refusals(*_SIGNED)
WRITE_ERRORS = refusals(*_WRITE)
ORDER_ERRORS = refusals(*_WRITE, Code.NOT_FOUND)
RECORDING_ERRORS = refusals(*_WRITE, Code.BANNED, Code.REGISTRY_STALE, Code.AUDIO_INVALID, Code.TEXT_INVALID)
"""The errors of a recording, which any registered hotkey may send."""
SPEECH_ERRORS = refusals(
    *(*_READ, Code.REDIS_UNAVAILABLE, Code.BODY_TOO_LARGE),
    *(Code.SPEECH_OFF, Code.VOICE_MISSING, Code.DESCRIPTION_UNHEARD, Code.TEXT_INVALID),
)
"""The errors of a sentence, which anybody may ask for."""
VOTE_ERRORS = refusals(*_VOTE)
"""The errors of a listener's turn, which takes no signature."""
_OUTSIDE: Responses = {
    416: {
        "model": Problem,
        "description": f"{Code.REQUEST_INVALID.value}: The range lies outside the file.",
        "x-codes": [Code.REQUEST_INVALID.value],
    },
}
AUDIO_ERRORS: Responses = {**refusals(*_READ, Code.NOT_FOUND, Code.AUDIO_DAMAGED, Code.STORE_UNAVAILABLE), **_OUTSIDE}
