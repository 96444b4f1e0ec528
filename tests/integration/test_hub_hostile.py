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
from scoring.progress import NO_PROGRESS
from workers.hub.client import Hub, HubRefusal, Timeouts
from workers.hub.repository import RepoFile, Repository
from workers.hub.transport import HubBusy
from workers.sandbox.locked_tempdir import locked_tempdir

REVISION = "a" * 40
FILE = {"rfilename": "config.json", "size": 2, "blobId": "0" * 40}

LARGE = Repository("a/b", REVISION, (RepoFile("model.safetensors", 2 << 20, "0" * 64, None),), None)

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


@pytest.fixture
def patient(server: HostileServer, tmp_path: Path) -> Hub:
    """A client that waits for as long as workers do."""
    return Hub(f"http://127.0.0.1:{server.server_port}", tmp_path / "cache")


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
    request.send_header("Content-Length", str(2 << 20))
    request.end_headers()
    for _ in range(200):
        request.wfile.write(b" ")
        time.sleep(0.3)


def trickle_headers(request: BaseHTTPRequestHandler) -> None:
    """As above, before there is a body at all."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(200):
        request.wfile.write(b"X-%d: a\r\n" % number)
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
    [
        *({"self": 1}, {"ignore_metadata_errors": False}, {"tags": 5}, {"get": 1}, {"model-index": [1]}, "text", [1], None),
        pytest.param({"a": "half of a character: \ud800"}, id="half of a character"),
        pytest.param(10**400, id="a number of many digits"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(json.loads("[" * 300 + "]" * 300), id="deep"),
    ],
    ids=str,
)
def test_a_card_is_the_authors_own(server: HostileServer, patient: Hub, card: object) -> None:
    """Whatever a miner writes into a model card, the repository can be described: else it could never be judged."""
    server.answer = described(cardData=card)
    assert [file.path for file in patient.describe("a/b", REVISION).files] == ["config.json"]


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
def test_files_that_cannot_be(server: HostileServer, patient: Hub, overrides: dict[str, object]) -> None:
    """A listing that is not of the types it should be is the hub's failure, named as such."""
    server.answer = described(siblings=[FILE | overrides])
    with pytest.raises(InfrastructureFault) as caught:
        patient.describe("a/b", REVISION)
    assert caught.value.code is Code.HUB_UNAVAILABLE


def test_a_card_without_ground(server: HostileServer, patient: Hub) -> None:
    """One that is nested too deeply to be read is its author's, to be heard again; the hub is not taken to be broken."""
    deep = b"[" * 50_000 + b"]" * 50_000
    server.answer = says(b'{"sha": "%b", "siblings": [], "cardData": %b}' % (REVISION.encode(), deep))
    with pytest.raises(HubRefusal, match="nested too deeply") as caught:
        patient.describe("a/b", REVISION)
    assert caught.value.code is Code.REPO_TOO_LARGE


def test_a_listing_without_end(server: HostileServer, patient: Hub) -> None:
    """Files without number, or a card without end, are the miner's, and are not read to their end."""
    server.answer = flood
    with pytest.raises(SubmissionFault) as caught:
        patient.describe("a/b", REVISION)
    assert caught.value.code is Code.REPO_TOO_LARGE


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(trickle, id="a trickle"),
        pytest.param(trickle_headers, id="a trickle of headers"),
        pytest.param(says(b"[" * 9, 200, **{"Content-Encoding": "gzip"}), id="what unfolds"),
        pytest.param(says(b"", 302, Location="file:///etc/passwd"), id="a way to a local file"),
        pytest.param(says(b"", 302, Location="/elsewhere"), id="a circle"),
        pytest.param(says(b"", 302, Location="http://[::"), id="a way to nowhere"),
    ],
)
def test_answers_that_lead_nowhere(server: HostileServer, hub: Hub, answer: Answer) -> None:
    """Neither a description nor the head of a file waits for ever, or is read from elsewhere."""
    server.answer = answer
    for ask in (lambda: hub.describe("a/b", REVISION), lambda: hub.head(LARGE, LARGE.files[0], 500)):
        began = time.monotonic()
        with pytest.raises(VoiceError) as caught:
            ask()
        assert caught.value.code is Code.HUB_UNAVAILABLE
        assert time.monotonic() - began < 15.0


@pytest.mark.parametrize("answer", [trickle, trickle_headers])
def test_a_download_ends_in_time(server: HostileServer, hub: Hub, answer: Answer) -> None:
    """However the bytes come: a second was allowed for all of them."""
    server.answer = answer
    began = time.monotonic()
    with pytest.raises(InfrastructureFault, match="takes too long") as caught:
        hub.download(LARGE, NO_PROGRESS)
    assert caught.value.code is Code.DOWNLOAD_INTERRUPTED
    assert time.monotonic() - began < 15.0


def test_a_file_without_end(server: HostileServer, patient: Hub) -> None:
    """No more of it is fetched than the hub listed."""
    server.answer = flood
    with pytest.raises(InfrastructureFault, match="more bytes than it announced"):
        patient.download(LARGE, NO_PROGRESS)


def sends_to(base: str, then: Answer) -> Answer:
    """A redirect to the same path of another server, which answers as told where it is this one."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        if "again" in request.path:
            then(request)
        else:
            says(b"", 302, Location=f"{base}{request.path}&again")(request)

    return answer


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",  # noqa: S104 - a way to write this machine
        "2130706433",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
    ],
)
def test_a_hub_leads_nobody_into_this_network(server: HostileServer, hub: Hub, host: str) -> None:
    """Whatever the name of an address that is not of the public network, nobody connects to it."""
    asked: list[str] = []

    def noted(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        described()(request)

    with HostileServer() as other:
        other.answer = noted
        threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        server.answer = sends_to(f"http://{host}:{other.server_port}", described())
        with pytest.raises(InfrastructureFault, match=r"public network|cannot be reached"):
            hub.describe("a/b", REVISION)
        other.shutdown()
    assert asked == []


def test_a_hub_may_send_to_itself(server: HostileServer, patient: Hub) -> None:
    """It is where the operator put it, on this machine too; as for a repository that got another name."""
    server.answer = sends_to("", described())
    assert patient.describe("a/b", REVISION).revision == REVISION


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_server_of_files_refuses_nobody(server: HostileServer, patient: Hub, status: int) -> None:
    """Who may read a file is said by the hub itself, not by what it sends its readers to."""
    server.answer = says(b"", status)
    with pytest.raises(VoiceError) as caught:
        patient.head(LARGE, LARGE.files[0], 500)
    assert isinstance(caught.value, SubmissionFault) is (status != 404)


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        pytest.param("1", 1.0, id="seconds"),
        pytest.param("Wed, 21 Oct 2015 07:28:00 GMT", 0.0, id="a date that is past"),
    ],
)
def test_a_short_wait_that_a_hub_asks_for(server: HostileServer, patient: Hub, asked: str, pause: float) -> None:
    """It is waited for, then asked again: nothing failed."""
    answers = iter([says(b"", 429, **{"Retry-After": asked}), described()])
    server.answer = lambda request: next(answers)(request)
    began = time.monotonic()
    assert patient.describe("a/b", REVISION).revision == REVISION
    assert pause <= time.monotonic() - began < pause + 5.0


@pytest.mark.parametrize(
    ("asked", "seconds"), [("600", 600), ("9" * 30, 86_400), ("5", 5)], ids=["long", "without end", "longer than the deadline"]
)
def test_a_long_wait_is_left_to_the_next_try(server: HostileServer, hub: Hub, asked: str, seconds: int) -> None:
    """The worker does something else meanwhile, and knows how long."""
    server.answer = says(b"", 503, **{"Retry-After": asked})
    with pytest.raises(HubBusy) as caught:
        hub.describe("a/b", REVISION)
    assert caught.value.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize("asked", ["soon", "-1", "1.5", ""])
def test_a_wait_that_is_none(server: HostileServer, patient: Hub, asked: str) -> None:
    """A busy hub that does not say for how long is tried again like any other."""
    server.answer = says(b"", 429, **{"Retry-After": asked})
    with pytest.raises(InfrastructureFault) as caught:
        patient.describe("a/b", REVISION)
    assert not isinstance(caught.value, HubBusy)


def test_a_hub_that_lists_and_then_trickles_does_not_work(server: HostileServer, hub: Hub) -> None:
    """However many repositories it lists, all that is asked of it ends within the time of one question."""
    listed = says(json.dumps([{"id": f"a/{number}"} for number in range(9)]).encode())
    server.answer = lambda request: (listed if "limit" in request.path else trickle)(request)
    began = time.monotonic()
    assert not hub.works()
    assert time.monotonic() - began < 15.0


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
