"""`make pin-images` against a registry on this machine, as the OCI distribution API has it."""

import importlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

DOCKER = Path(__file__).resolve().parents[2] / "docker"
OLD, NEW = f"sha256:{'0a' * 32}", f"sha256:{'1b' * 32}"
INDEX = "application/vnd.oci.image.index.v1+json"


class Registry(BaseHTTPRequestHandler):
    """A registry that gives anybody a token for reading, and digests of lists of platforms to whoever takes such lists."""

    answers: ClassVar[dict[str, str]] = {"/v2/base/python/manifests/3.11": NEW, "/v2/db/manifests/18": NEW}
    """Digests by path; everything else is not there."""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """The token of a scope."""
        wanted = parse_qs(urlsplit(self.path).query)
        self.asked.append(self.path)
        body = f'{{"token": "for {wanted["scope"][0]} of {wanted["service"][0]}"}}'.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        """A manifest's digest, for a token of its repository."""
        self.asked.append(self.path)
        name = self.path.removeprefix("/v2/").partition("/manifests/")[0]
        if name == "closed":
            self.send_response(401)
            self.send_header("www-authenticate", 'Basic realm="x"')
        elif self.headers.get("authorization") != f"Bearer for repository:{name}:pull of here":
            self.send_response(401)
            realm = f"http://127.0.0.1:{self.server.server_port}/token"  # type: ignore[attr-defined]
            self.send_header("www-authenticate", f'Bearer realm="{realm}",service="here",scope="repository:{name}:pull"')
        elif INDEX in self.headers.get("accept", "") and self.path in self.answers:
            self.send_response(200)
            self.send_header("docker-content-digest", self.answers[self.path])
        else:
            self.send_response(404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    """The address of a registry."""
    Registry.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def pins(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docker/pin_images.py as a module."""
    monkeypatch.syspath_prepend(DOCKER)
    return importlib.import_module("pin_images")


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client that asks no proxy."""
    with httpx.Client(timeout=10.0, trust_env=False) as made:
        yield made


def source(folder: Path, registry: str, database: str) -> Path:
    """A Dockerfile and a compose file with images of this registry."""
    (folder / "docker").mkdir()
    (folder / "docker" / "Dockerfile").write_text(
        f"# FROM {registry}/base/python:3.11\nFROM {registry}/base/python:3.11 AS wheel\nFROM {registry}/base/python:3.11 AS base\n"
        "FROM base AS api\n"
    )
    (folder / "docker-compose.yml").write_text(
        f"services:\n  api:\n    image: ${{VOICE_IMAGE_API:-localhost/voice-subnet/api}}\n  db:\n    image: {database} # ours\n"
    )
    return folder


def test_images_are_pinned_and_brought_up_to_date(
    pins: ModuleType, client: httpx.Client, registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each by the digest that its tag means now, in every line that names it; nothing else of the files changes."""
    folder = source(tmp_path, registry, f"{registry}/db:18@{OLD}")
    assert pins.pin(folder, client) is True
    assert (folder / "docker" / "Dockerfile").read_text().splitlines() == [
        f"# FROM {registry}/base/python:3.11",
        f"FROM {registry}/base/python:3.11@{NEW} AS wheel",
        f"FROM {registry}/base/python:3.11@{NEW} AS base",
        "FROM base AS api",
    ]
    assert f"    image: {registry}/db:18@{NEW} # ours\n" in (folder / "docker-compose.yml").read_text()
    assert "${VOICE_IMAGE_API:-localhost/voice-subnet/api}\n" in (folder / "docker-compose.yml").read_text()
    assert len([path for path in Registry.asked if path.startswith("/token?")]) == 2
    capsys.readouterr()
    assert pins.pin(folder, client) is True
    assert capsys.readouterr().out.splitlines() == [
        f"{registry}/base/python:3.11: {NEW} as before",
        f"{registry}/db:18: {NEW} as before",
    ]


@pytest.mark.parametrize(
    ("image", "why"),
    [
        pytest.param("{registry}/none:1", "answers 404", id="no such image"),
        pytest.param("{registry}/closed:1", "asks for a password", id="a closed registry"),
        pytest.param("127.0.0.1:1/db:18", "cannot be reached", id="no registry"),
    ],
)
def test_what_cannot_be_asked_about_stays(
    pins: ModuleType,
    client: httpx.Client,
    registry: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    image: str,
    why: str,
) -> None:
    """It is named with the reason, the others are pinned, and the outcome is no success."""
    kept = f"{image.format(registry=registry)}@{OLD}"
    folder = source(tmp_path, registry, kept)
    assert pins.pin(folder, client) is False
    said = capsys.readouterr()
    assert why in said.err
    assert f"stays at {OLD}" in said.out
    assert f"image: {kept} # ours" in (folder / "docker-compose.yml").read_text()
    assert f"python:3.11@{NEW} AS base" in (folder / "docker" / "Dockerfile").read_text()


@pytest.mark.parametrize(
    ("name", "url"),
    [
        pytest.param("postgres:18", "https://registry-1.docker.io/v2/library/postgres/manifests/18", id="official"),
        pytest.param("grafana/grafana:12", "https://registry-1.docker.io/v2/grafana/grafana/manifests/12", id="with a folder"),
        pytest.param("ghcr.io/a/b/c:1", "https://ghcr.io/v2/a/b/c/manifests/1", id="of a host"),
        pytest.param("localhost/a:1", "http://localhost/v2/a/manifests/1", id="of this machine"),
        pytest.param("h:5000/a:1", "https://h:5000/v2/a/manifests/1", id="of a port"),
    ],
)
def test_a_name_leads_to_its_registry(pins: ModuleType, name: str, url: str) -> None:
    """As an engine reads it."""
    assert pins.ImageName.of(name).url == url


def asks(realm: str) -> httpx.Response:
    """A registry that wants a token of there."""
    return httpx.Response(401, headers={"www-authenticate": f'Bearer realm="{realm}",service="x"'})


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(asks("http://elsewhere.example.org/token"), "asks for a password", id="a token in the clear"),
        pytest.param(asks("http://127.0.0.1:1/token"), "asks for a password", id="a token of this machine"),
        pytest.param(asks("https://a.example.org:port/token"), "cannot be reached", id="a token of nowhere"),
        pytest.param(httpx.Response(302, headers={"location": "http://127.0.0.1:1/x"}), "in the clear", id="to this machine"),
        pytest.param(httpx.Response(302, headers={"location": "file:///etc/hosts"}), "in the clear", id="to a file"),
        pytest.param(httpx.Response(302, headers={"location": "https://a.example.org/"}), "without an end", id="on and on"),
        pytest.param(httpx.Response(200, headers={"docker-content-digest": "18"}), "says no digest", id="a tag"),
    ],
)
def test_a_registry_leads_nowhere_else(pins: ModuleType, answer: httpx.Response, why: str) -> None:
    """Nothing is asked of this machine, nor where somebody may answer in between."""
    asked: list[str] = []

    def send(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.scheme)
        return answer

    with httpx.Client(transport=httpx.MockTransport(send)) as client, pytest.raises(pins.NotPinned, match=why):
        pins.digest_of(pins.ImageName.of("postgres:18"), client)
    assert set(asked) == {"https"}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        pytest.param(b"[" * 10_000, "gives no token", id="deep"),
        pytest.param(b'{"token": "a\\nb"}', "gives no token", id="two lines"),
        pytest.param(b" " * 300_000, "too much", id="large"),
    ],
)
def test_what_is_no_token_is_refused(pins: ModuleType, body: bytes, why: str) -> None:
    """And sent nowhere."""

    def send(request: httpx.Request) -> httpx.Response:
        return asks("https://b.example.org/") if request.method == "HEAD" else httpx.Response(200, content=body)

    with httpx.Client(transport=httpx.MockTransport(send)) as client, pytest.raises(pins.NotPinned, match=why):
        pins.digest_of(pins.ImageName.of("postgres:18"), client)


def test_an_image_that_one_line_does_not_pin_is_not_pinned(pins: ModuleType) -> None:
    """In whichever order they stand: a release is refused then."""
    images = importlib.import_module("image_names").images
    one, two = f"FROM a:1@{OLD} AS x\n", f"FROM a:1@{NEW} AS y\n"
    assert images(one + one) == {"a:1": OLD}
    assert images(one + two) == images("FROM a:1\n" + one) == images(one + "FROM a:1\n" + one) == {"a:1": ""}


def test_every_image_of_others_is_found(pins: ModuleType) -> None:
    """Those that the stack and its images are made of."""
    names = importlib.import_module("image_names").named()
    found = {name.partition(":")[0] for name in names}
    assert found >= {"python", "postgres", "valkey/valkey", "prom/prometheus", "prom/alertmanager", "grafana/grafana"}
    assert not [name for name in found if name.startswith("voice-subnet")]
