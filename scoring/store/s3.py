"""Files in S3-compatible storage, which processes on any hosts have in common. The storage itself makes each file appear whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from scoring.errors import Code, InfrastructureFault
from scoring.store.files import NotStored, StoredFile
from scoring.store.place import S3Access, S3Place

_TIMEOUT = timedelta(seconds=30)
"""The longest time of one request."""
_CONNECT_TIMEOUT = timedelta(seconds=5)
_RETRIES = 2
"""Of one request that fails in passing: with each the storage may have a hiccup, and an evaluation of minutes need not end by it."""
_LISTED = 1000
"""Files in one answer to a listing."""
_REFUSALS = (PermissionError, PermissionDeniedError, UnauthenticatedError)
_NO_BUCKET, _FORBIDDEN = "NoSuchBucket", "status: 403"
"""In the words of an error of a listing, which has no kind of its own for either."""


class S3Files:
    """The `StoredFiles` of a bucket."""

    def __init__(self, place: S3Place, access: S3Access, timeout: timedelta = _TIMEOUT) -> None:
        self._place = place
        self._store = S3Store(
            place.bucket,
            prefix=place.prefix or None,
            region=access.region,
            access_key_id=access.access_key,
            secret_access_key=access.secret_key,
            client_options={
                "timeout": timeout,
                "connect_timeout": min(timeout, _CONNECT_TIMEOUT),
                "allow_http": access.endpoint.startswith("http://"),
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": timeout},
            config={"endpoint": access.endpoint} if access.endpoint else None,
        )

    def __str__(self) -> str:
        """The place, as messages name it."""
        return str(self._place)

    def look(self, name: str) -> StoredFile | None:
        """What is kept under a name, or None where nothing is."""
        with self._asking("read"):
            try:
                found = obstore.head(self._store, name)
            except FileNotFoundError:
                return None
        return StoredFile(name, found["size"], found["last_modified"])

    def read(self, name: str, most: int | None = None) -> bytes:
        """A file's bytes, at most the first `most`; raises NotStored."""
        with self._asking("read", name):
            if most is not None:
                return bytes(obstore.get(self._store, name, options={"range": (0, most)}).bytes())
            return bytes(obstore.get(self._store, name).bytes())

    def read_part(self, name: str, first: int, last: int) -> bytes:
        """A file's bytes from `first` to `last`, both included; raises NotStored."""
        with self._asking("read", name):
            return bytes(obstore.get_range(self._store, name, start=first, end=last + 1))

    def write(self, name: str, data: bytes) -> None:
        """Send it in one request, or in parts that become a file at their end."""
        with self._asking("written"):
            obstore.put(self._store, name, data)

    def each(self, prefix: str) -> Iterator[StoredFile]:
        """Every file under a prefix, a page of the listing at a time."""
        with self._asking("listed"):
            for page in obstore.list(self._store, prefix.rstrip("/"), chunk_size=_LISTED):
                for found in page:
                    yield StoredFile(found["path"], found["size"], found["last_modified"])

    def remove(self, name: str, written_before: datetime) -> bool:
        """Look once more and remove. Writers renew a file long before it is old enough to go, so that nothing comes in between."""
        found = self.look(name)
        if found is None or found.written >= written_before:
            return False
        with self._asking("removed"):
            obstore.delete(self._store, name)
        return True

    def remove_leftovers(self, prefix: str, written_before: datetime) -> int:
        """The storage keeps no halves of files that are sent in one request, as ours are: none."""
        del prefix, written_before
        return 0

    @contextmanager
    def _asking(self, done: str, wanted: str | None = None) -> Iterator[None]:
        """Name an outage; with `wanted`, a name that is not there is NotStored."""
        try:
            yield
        except FileNotFoundError as exc:
            if wanted is not None and _NO_BUCKET not in str(exc):
                raise NotStored(wanted) from exc
            raise self._unavailable(done, exc) from exc
        except (BaseError, PermissionError) as exc:
            raise self._unavailable(done, exc) from exc

    def _unavailable(self, done: str, error: Exception) -> InfrastructureFault:
        return InfrastructureFault(Code.STORE_UNAVAILABLE, f"{self._place} cannot be {done}: {_why(error)}")


def _why(error: Exception) -> str:
    """The reason in words of ours: the storage's own may name keys."""
    match error:
        case _ if isinstance(error, _REFUSALS) or _FORBIDDEN in str(error):
            return "its keys are refused"
        case _ if isinstance(error, FileNotFoundError) or _NO_BUCKET in str(error):
            return "there is no such bucket"
        case _:
            return "it does not answer as it should"
