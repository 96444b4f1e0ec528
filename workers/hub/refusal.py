"""What a hub says against a repository, and what its word alone is worth."""

from collections.abc import Container
from http import HTTPStatus

from scoring.errors import Code, InfrastructureFault, SubmissionFault
from workers.hub.repository import RepoFile
from workers.hub.transport import Answer

NOT_FOUND = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS})


class HubRefusal(SubmissionFault):
    """A fault of a submission by a hub's word alone: it is to be heard again before it counts."""


def check_status(answer: Answer, wanted: HTTPStatus, what: str, refusals: Container[int]) -> None:
    """Raise HubRefusal(REPO_NOT_PUBLIC) where the hub itself refuses, InfrastructureFault(HUB_UNAVAILABLE) for any status but `wanted`."""
    if answer.is_own and answer.status in refusals:
        raise HubRefusal(Code.REPO_NOT_PUBLIC)
    if answer.status != wanted:
        raise InfrastructureFault(Code.HUB_UNAVAILABLE, f"the hub answered with status {answer.status} to a request for {what}")


def check_file(answer: Answer, file: RepoFile, start: int, stop: int) -> None:
    """Check that an answer is the listed file from byte `start` to `stop`, as far as its status and headers say; raises as `check_status`.

    A file that the hub lists and has not is the hub's fault.
    """
    is_whole = (start, stop) == (0, file.size)
    check_status(answer, HTTPStatus.OK if is_whole else HTTPStatus.PARTIAL_CONTENT, file.path, REFUSED)
    announced = answer.headers.get("content-range", "") if not is_whole else None
    if announced not in {None, f"bytes {start}-{stop - 1}/{file.size}"} or answer.length not in {None, stop - start}:
        raise InfrastructureFault(Code.HUB_UNAVAILABLE, f"the hub gives another {file.path} than it lists")
