"""A release's record from web servers that mean no good."""

import importlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import ModuleType

import pytest

DOCKER = Path(__file__).resolve().parents[2] / "docker"
OK = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key with a certificate for this machine, in one file."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    command = [*made.split(), "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@pytest.fixture
def fetching(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> ModuleType:
    """docker/update_fetch.py as a module, on a host that trusts the certificate."""
    monkeypatch.syspath_prepend(DOCKER)
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    monkeypatch.setenv("no_proxy", "*")
    return importlib.import_module("update_fetch")


@pytest.fixture
def served(certificate: Path) -> Iterator[Callable[..., str]]:
    """Start a server that does to each caller what the next function does: its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    ended = threading.Event()
    with ExitStack() as stack:
        stack.callback(ended.set)

        def start(*sends: Callable[[ssl.SSLSocket, threading.Event], None]) -> str:
            listener = socket.create_server(("127.0.0.1", 0))

            def serve() -> None:
                for send in sends:
                    with suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as caller:
                        caller.recv(65_536)
                        send(caller, ended)

            thread = threading.Thread(target=serve)
            thread.start()
            stack.callback(listener.close)
            stack.callback(thread.join, 5.0)
            stack.callback(ended.set)
            return f"https://127.0.0.1:{listener.getsockname()[1]}/release.json"

        yield start


def saying(answer: bytes) -> Callable[[ssl.SSLSocket, threading.Event], None]:
    """What sends one answer to everybody."""
    return lambda caller, _: caller.sendall(answer)


def dripping(caller: ssl.SSLSocket, ended: threading.Event) -> None:
    """A byte of the head now and then, for ever."""
    caller.sendall(OK)
    while not ended.wait(0.02):
        caller.sendall(b"x")


def test_a_record_is_fetched_from_where_the_address_leads(fetching: ModuleType, served: Callable[..., str]) -> None:
    """Also by way of another https:// address; an endless one is left."""
    assert fetching.fetch(served(saying(OK + b"\r\n{}"))) == b"{}"
    moved = b"HTTP/1.1 302 Found\r\nLocation: /other\r\nConnection: close\r\n\r\n"
    with pytest.raises(fetching.NoRecord, match="it is larger than"):
        fetching.fetch(served(saying(moved), saying(OK + b"\r\n" + b"a" * 300_000)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "no https:// one", id="to the clear"),
        pytest.param(b"HTTP/1.1 302 x\r\nLocation: file:///etc/passwd\r\n\r\n", "it answers 302", id="to a file"),
        pytest.param(b"HTTP/1.1 404 \x1b[31mx\r\n\r\n", "it answers 404", id="not there"),
        pytest.param(b"\x1b[31m\r\n\r\n", "no web server", id="not the protocol"),
        pytest.param(b"", "no web server|the connection broke|Connection reset", id="nothing"),
        pytest.param(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", "no web server", id="broken off"),
    ],
)
def test_an_answer_that_is_no_record_is_named(
    fetching: ModuleType, served: Callable[..., str], answer: bytes, words: str
) -> None:
    """In words of ours: nothing of what a stranger sent reaches a terminal."""
    with pytest.raises(fetching.NoRecord, match=words) as caught:
        fetching.fetch(served(saying(answer)))
    assert str(caught.value).isprintable()


def test_an_answer_that_never_ends_is_left(
    fetching: ModuleType, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it says a little."""
    monkeypatch.setattr(fetching, "_ALL_SECONDS", 0.5)
    began = time.monotonic()
    with pytest.raises(fetching.NoRecord, match="it was not all there within"):
        fetching.fetch(served(dripping))
    assert time.monotonic() - began < 10


def test_a_certificate_that_does_not_hold_is_named(
    fetching: ModuleType, served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is read."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(fetching.NoRecord, match="its certificate does not hold: self"):
        fetching.fetch(served(saying(OK + b"\r\n{}")))


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        pytest.param("https://u:pw@h.example/r.json?token=t#f", "https://h.example/r.json", id="all"),
        pytest.param("/a@b/r.json", "/a@b/r.json", id="a file"),
    ],
)
def test_a_line_shows_no_key_of_an_address(fetching: ModuleType, place: str, shown: str) -> None:
    """The journal has it for long."""
    assert fetching.shown(place) == shown
