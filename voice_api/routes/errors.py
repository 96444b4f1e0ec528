"""The errors that routes document."""

from typing import Any

from voice_api.schemas import Problem

Responses = dict[int | str, dict[str, Any]]

READ_ERRORS: Responses = {422: {"model": Problem}, 503: {"model": Problem}}
LOOKUP_ERRORS: Responses = {404: {"model": Problem}, **READ_ERRORS}
WRITE_ERRORS: Responses = {401: {"model": Problem}, 403: {"model": Problem}, 413: {"model": Problem}, **READ_ERRORS}
