"""A pinned repository on the hub, of a judge or of a family's part: only the files that are asked for, and every fault of it is ours."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scoring.errors import Code, InfrastructureFault, SubmissionFault
from workers.hub.client import Hub
from workers.hub.repository import Repository


def client(endpoint: str, cache: Path, files: Iterable[str]) -> Hub:
    """A client whose cache holds these files of a repository and no others: the same repository may be asked for other files."""
    return Hub(endpoint, cache / hashlib.sha256("\n".join(sorted(files)).encode()).hexdigest()[:16])


def only(repository: Repository, files: Iterable[str]) -> Repository:
    """The repository as if it held no other files than these."""
    wanted = set(files)
    return replace(repository, files=tuple(file for file in repository.files if file.path in wanted))


@contextmanager
def faults_of(repo: str, code: Code) -> Iterator[None]:
    """Turn a fault of a repository into ours, with this code: it is no miner's."""
    try:
        yield
    except SubmissionFault as fault:
        raise InfrastructureFault(code, f"{repo}: {fault.detail}") from fault
