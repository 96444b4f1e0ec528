"""A hub, or a miner through it, that makes its answers hurt: each is told apart, in time, and nothing is left behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scoring.errors import Code, InfrastructureFault, SubmissionFault, VoiceError
from workers.hub.client import Hub, Timeouts
from workers.sandbox.locked_tempdir import locked_tempdir

REVISION = "a" * 40
FILE = {"rfilename": "config.json", "size": 2, "blobId": "0" * 40}

Answer = Callable[[BaseHTTPRequestHandler], None]


class HostileServer(ThreadingHTTPServer):
    """Answers every request as told."""

    daemon_threads = True
    answer: Answer

    def __init__(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    server.answer(self)
                except OSError:
                    return  # the client has had enough

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
                """Keep quiet."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    """A hub to be told what to do wrong."""
    with HostileServer() as hostile:
        thread = threading.Thread(target=hostile.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield hostile
        hostile.shutdown()
        thread.join()


@pytest.fixture
def hub(server: HostileServer, tmp_path: Path) -> Hub:
    """A client that waits a second at most."""
    second = timedelta(seconds=1)
    return Hub(f"http://127.0.0.1:{server.server_port}", tmp_path / "cache", Timeouts(second, second, second))


def says(body: bytes, status: int = 200, **headers: str) -> Answer:
    """An answer of these bytes."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def trickle(request: BaseHTTPRequestHandler) -> None:
    """A byte now and then: each wait is short, and all together have no end."""
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    for _ in range(100):
        request.wfile.write(b" ")
        time.sleep(0.3)


def flood(request: BaseHTTPRequestHandler) -> None:
    """Bytes without end."""
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(bytes(1 << 20))


def described(**overrides: object) -> Answer:
    """A description of a repository."""
    return says(json.dumps({"id": "a/b", "sha": REVISION, "siblings": [FILE]} | overrides).encode())


@pytest.mark.parametrize(
    "card",
    [{"self": 1}, {"ignore_metadata_errors": False}, {"tags": 5}, {"get": 1}, {"model-index": [1]}, "text", [1], None],
    ids=str,
)
def test_a_card_is_the_authors_own(server: HostileServer, hub: Hub, card: object) -> None:
    """Whatever a miner writes into a model card, the repository can be described: else it could never be judged."""
    server.answer = described(cardData=card)
    assert [file.path for file in hub.describe("a/b", REVISION).files] == ["config.json"]


@pytest.mark.parametrize(
    "overrides",
    [
        {"size": "2"},
        {"size": 2.5},
        {"size": -1},
        {"size": True},
        {"size": 2**70},
        {"size": None},
        {"rfilename": 5},
        {"blobId": 5},
        {"blobId": None},
        {"lfs": {"sha256": "x"}},
    ],
    ids=str,
)
def test_files_that_cannot_be(server: HostileServer, hub: Hub, overrides: dict[str, object]) -> None:
    """A listing that is not of the types it should be is the hub's failure, named as such."""
    server.answer = described(siblings=[FILE | overrides])
    with pytest.raises(InfrastructureFault) as caught:
        hub.describe("a/b", REVISION)
    assert caught.value.code is Code.HUB_UNAVAILABLE


def test_a_listing_without_end(server: HostileServer, hub: Hub) -> None:
    """Files without number, or a card without end, are the miner's, and are not read to their end."""
    server.answer = flood
    with pytest.raises(SubmissionFault) as caught:
        hub.describe("a/b", REVISION)
    assert caught.value.code is Code.REPO_TOO_LARGE


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(trickle, id="a trickle"),
        pytest.param(says(b"", 302, Location="file:///etc/passwd"), id="a way to a local file"),
        pytest.param(says(b"", 302, Location="/elsewhere"), id="a circle"),
        pytest.param(says(b"", 302, Location="http://[::"), id="a way to nowhere"),
    ],
)
def test_answers_that_lead_nowhere(server: HostileServer, hub: Hub, answer: Answer) -> None:
    """Neither a description nor the head of a file waits for ever, or is read from elsewhere."""
    server.answer = answer
    for ask in (lambda: hub.describe("a/b", REVISION), lambda: hub.head("a/b", REVISION, "config.json", 500)):
        began = time.monotonic()
        with pytest.raises(VoiceError) as caught:
            ask()
        assert caught.value.code is Code.HUB_UNAVAILABLE
        assert time.monotonic() - began < 15.0


def test_an_empty_file_has_no_first_bytes(server: HostileServer, hub: Hub) -> None:
    """Hubs answer 416 to a range of an empty file: that is no outage, or an empty file could never be refused."""
    server.answer = says(b"", 416)
    assert hub.head("a/b", REVISION, "config.json", 10) == b""


def test_a_killed_download_leaves_nothing_for_ever(tmp_path: Path) -> None:
    """What a killed process held half-done is removed by the next one; what a living one holds is not."""
    code = "import sys, time\nfrom pathlib import Path\nfrom workers.sandbox.locked_tempdir import locked_tempdir\n" + (
        "with locked_tempdir(Path(sys.argv[1]), '.part-') as folder:\n    print(folder, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        left = Path(process.stdout.readline().strip() if process.stdout else "")
        with locked_tempdir(tmp_path, ".part-"):
            assert left.is_dir()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert left.is_dir()
    with locked_tempdir(tmp_path, ".part-") as mine:
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []
