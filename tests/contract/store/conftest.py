"""The places that keep files, each with its own clock: a folder, and S3-compatible storage on this machine."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from moto.server import ThreadedMotoServer

from scoring.store.files import StoredFiles
from scoring.store.folder import FolderFiles
from scoring.store.place import S3Access, S3Place
from scoring.store.s3 import S3Files

QUICK = timedelta(seconds=2)
"""The longest time of a request here."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket that is there, and the way to it."""

    place: S3Place
    access: S3Access


@pytest.fixture(scope="session")
def storage() -> Iterator[str]:
    """The address of a storage that forgets everything when the tests end."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(storage: str) -> Bucket:
    """A new bucket."""
    name = f"evidence-{uuid4().hex[:12]}"
    httpx.put(
        f"{storage}/{name}", headers={"Authorization": "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request"}
    )
    access = S3Access(endpoint=storage, region="us-east-1", access_key="any", secret_key="any")
    return Bucket(S3Place(name, "subnet/store"), access)


@pytest.fixture(params=["folder", "storage"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], StoredFiles]:
    """Opens the same place once more, as another process does."""
    if request.param == "folder":
        return lambda: FolderFiles(tmp_path / "store")
    found: Bucket = request.getfixturevalue("bucket")
    return lambda: S3Files(found.place, found.access, QUICK)


@pytest.fixture
def files(open_again: Callable[[], StoredFiles]) -> StoredFiles:
    """A place without files."""
    return open_again()


@pytest.fixture
def later() -> datetime:
    """A moment after everything that a test writes."""
    return datetime.now(UTC) + timedelta(minutes=1)
