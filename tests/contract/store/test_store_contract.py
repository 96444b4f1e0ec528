"""A folder and S3-compatible storage keep files alike."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic

import pytest

from scoring.errors import Code, InfrastructureFault
from scoring.store.files import NotStored, StoredFiles
from scoring.store.folder import FolderFiles
from scoring.store.place import S3Access, S3Place
from scoring.store.s3 import S3Files
from tests.contract.store.conftest import QUICK, Bucket

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
Opened = Callable[[], StoredFiles]


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 40_000], ids=["nothing", "a byte", "ten million bytes"])
def test_what_is_written_is_read(files: StoredFiles, open_again: Opened, data: bytes) -> None:
    """By every process, whole, with its size."""
    files.write("audio/ab/one.flac", data)
    assert open_again().read("audio/ab/one.flac") == data
    found = open_again().look("audio/ab/one.flac")
    assert found is not None
    assert (found.name, found.size) == ("audio/ab/one.flac", len(data))
    assert abs(datetime.now(UTC) - found.written) < timedelta(minutes=1)


def test_what_is_not_there(files: StoredFiles, later: datetime) -> None:
    """It is looked for in vain, read in vain, and removed in vain."""
    assert files.look("audio/ab/one.flac") is None
    with pytest.raises(NotStored):
        files.read("audio/ab/one.flac")
    with pytest.raises(NotStored):
        files.read_part("audio/ab/one.flac", 0, 3)
    assert not files.remove("audio/ab/one.flac", later)
    assert list(files.each("audio")) == []


@pytest.mark.parametrize(
    ("first", "last"), [pytest.param(0, 0, id="first"), pytest.param(3, 7, id="middle"), pytest.param(0, 9, id="all")]
)
def test_a_part_is_read(files: StoredFiles, first: int, last: int) -> None:
    """Both ends are included."""
    files.write("receipts/a.json", b"0123456789")
    assert files.read_part("receipts/a.json", first, last) == b"0123456789"[first : last + 1]


@pytest.mark.parametrize("most", [1, 10, 11, 1_000])
def test_no_more_is_read_than_asked_for(files: StoredFiles, most: int) -> None:
    """A file may be larger than there is memory."""
    files.write("receipts/a.json", b"0123456789")
    assert files.read("receipts/a.json", most) == b"0123456789"[:most]


def test_a_file_is_replaced_at_once(files: StoredFiles, open_again: Opened) -> None:
    """A reader beside many writers finds one of the contents, whole."""
    contents = [bytes([number]) * 300_000 for number in range(8)]
    files.write("audio/ab/one.flac", contents[0])
    stop, seen = threading.Event(), []

    def read() -> None:
        own = open_again()
        while not stop.is_set():
            seen.append(own.read("audio/ab/one.flac"))

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda content: open_again().write("audio/ab/one.flac", content), contents))
    stop.set()
    reader.join()
    assert seen
    assert [content for content in seen if content not in contents] == []


def test_a_prefix_lists_what_is_below_it(files: StoredFiles) -> None:
    """And nothing else, however many."""
    wanted = {f"audio/{number % 7:02x}/{number}.flac" for number in range(60)}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: files.write(name, b"xyz"), [*wanted, "receipts/a.json", "audiobook/a.flac"]))
    found = list(files.each("audio"))
    assert {each.name for each in found} == wanted
    assert {each.size for each in found} == {3}


def test_an_old_file_is_removed_and_a_newer_one_stays(files: StoredFiles, later: datetime) -> None:
    """What somebody wrote since the moment that is named is not removed."""
    files.write("audio/ab/one.flac", b"one")
    assert not files.remove("audio/ab/one.flac", EPOCH)
    assert files.read("audio/ab/one.flac") == b"one"
    assert files.remove("audio/ab/one.flac", later)
    assert files.look("audio/ab/one.flac") is None


def test_two_that_remove_do_not_meet(files: StoredFiles, open_again: Opened, later: datetime) -> None:
    """Every file is gone once, and neither fails."""
    names = [f"audio/ab/{number}.flac" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: files.write(name, b"x"), names))
        removed = list(pool.map(lambda name: open_again().remove(name, later), names * 2))
    assert sum(removed) >= len(names)
    assert list(files.each("audio")) == []


def test_a_folder_tells_once_who_removed(tmp_path: Path, later: datetime) -> None:
    """In a folder exactly one of two says that it removed the file, and a file that comes back in between is kept."""
    files = FolderFiles(tmp_path)
    names = [f"audio/ab/{number}.flac" for number in range(200)]
    for name in names:
        files.write(name, b"x")
    with ThreadPoolExecutor(8) as pool:
        removed = list(pool.map(lambda name: FolderFiles(tmp_path).remove(name, later), names * 2))
    assert sum(removed) == len(names)
    assert list(tmp_path.rglob("*.flac")) == []


def test_leftovers_of_the_dead_are_no_files_and_are_cleared(tmp_path: Path, later: datetime) -> None:
    """What a process that died left half-written or half-removed is never listed; once it is old it goes."""
    files = FolderFiles(tmp_path)
    files.write("audio/ab/one.flac", b"one")
    for name in (".new-1", ".going-2"):
        (tmp_path / "audio" / "ab" / name).write_bytes(b"half")
    assert [each.name for each in files.each("audio")] == ["audio/ab/one.flac"]
    assert files.remove_leftovers("audio", EPOCH) == 0
    assert files.remove_leftovers("audio", later) == 2
    assert [path.name for path in (tmp_path / "audio" / "ab").iterdir()] == ["one.flac"]


@pytest.fixture
def silent() -> Iterator[str]:
    """A storage that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def every_way(files: StoredFiles, later: datetime) -> list[Callable[[], object]]:
    """Every call that asks the place."""
    return [
        lambda: files.look("audio/ab/one.flac"),
        lambda: files.read("audio/ab/one.flac"),
        lambda: files.read_part("audio/ab/one.flac", 0, 1),
        lambda: files.write("audio/ab/one.flac", b"x"),
        lambda: list(files.each("audio")),
        lambda: files.remove("audio/ab/one.flac", later),
    ]


def refuse(files: StoredFiles, later: datetime) -> None:
    """Every call ends soon, by the same named outage."""
    for call in every_way(files, later):
        begun = monotonic()
        with pytest.raises(InfrastructureFault) as caught:
            call()
        assert caught.value.code is Code.STORE_UNAVAILABLE
        assert str(files).removeprefix("s3://") in caught.value.detail
        assert monotonic() - begun < 15


def test_a_storage_that_is_away_or_silent_is_an_outage(silent: str, later: datetime) -> None:
    """Of the infrastructure, within a bounded time."""
    place = S3Place("evidence", "store")
    for endpoint, timeout in (("http://127.0.0.1:9", QUICK), (silent, timedelta(milliseconds=300))):
        access = S3Access(endpoint=endpoint, region="us-east-1", access_key="any", secret_key="any")
        refuse(S3Files(place, access, timeout), later)


class Forbidding(BaseHTTPRequestHandler):
    """Refuses whoever asks, and repeats the key that they gave."""

    def do_GET(self) -> None:
        """403 with a body in which a key stands, as storage writes it."""
        body = b"<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>hunter1</AWSAccessKeyId></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def test_keys_that_are_refused_are_an_outage_that_shows_no_key() -> None:
    """It is the operator's to mend: the message says what, and holds nothing of the keys."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Forbidding) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        access = S3Access(
            endpoint=f"http://127.0.0.1:{server.server_port}", region="us-east-1", access_key="hunter1", secret_key="hunter2"
        )
        files = S3Files(S3Place("evidence", "store"), access, QUICK)
        for call in (lambda: files.read("audio/ab/one.flac"), lambda: next(files.each("audio"), None)):
            with pytest.raises(InfrastructureFault, match="its keys are refused") as caught:
                call()
            assert "hunter" not in caught.value.told
        server.shutdown()


def test_a_bucket_that_is_not_there_is_an_outage(bucket: Bucket) -> None:
    """It is a mistake of the operator's: nobody's audio is missing because of it."""
    files = S3Files(S3Place("nowhere-at-all", "store"), bucket.access, QUICK)
    calls: list[Callable[[], object]] = [
        lambda: files.read("audio/ab/one.flac"),
        lambda: files.write("audio/ab/one.flac", b"x"),
        lambda: next(files.each("audio"), None),
    ]
    for call in calls:
        with pytest.raises(InfrastructureFault, match="no such bucket") as caught:
            call()
        assert caught.value.code is Code.STORE_UNAVAILABLE


def test_a_folder_that_is_a_file_is_an_outage_for_who_writes(tmp_path: Path) -> None:
    """It names the folder."""
    (tmp_path / "store").write_text("a file where the folder should be", encoding="ascii")
    with pytest.raises(InfrastructureFault, match="store") as caught:
        FolderFiles(tmp_path / "store").write("audio/ab/one.flac", b"x")
    assert caught.value.code is Code.STORE_UNAVAILABLE
