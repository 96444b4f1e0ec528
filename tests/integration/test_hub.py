"""The hub client against the local hub, which answers as the real one does, or fails as told."""

import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from huggingface_hub import snapshot_download

from neurons.localnet.hub_server import Control, create_hub
from neurons.localnet.repositories import publish
from scoring.errors import Code, InfrastructureFault, SubmissionFault, VoiceError
from workers.hub.client import Hub, HubRefusal, Timeouts
from workers.hub.repository import RepoFile, Repository

REPO = "alice/voice"
WEIGHTS = bytes(range(256)) * 5_000
"""More than is read whole for the sake of its head."""
FILES = {"README.md": b"---\nlicense: mit\n---\n# Voice\n", "config.json": b"{}", "model.safetensors": WEIGHTS}


README = RepoFile("README.md", 29, None, "9f55677c948dbbaa82eafc5ddf486ce9ca3ec5ab")


class LocalHub:
    """A running hub with one repository."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.app = create_hub(root)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(self.app, log_config=None, timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})

    @property
    def control(self) -> Control:
        """What it does wrong, and what it was asked."""
        control: Control = self.app.state.control
        return control

    def start(self) -> None:
        """Serve."""
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop serving."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """A hub for all tests of this file."""
    hub = LocalHub(tmp_path_factory.mktemp("hub"))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def revision(server: LocalHub, tmp_path: Path) -> str:
    """The repository's revision; the hub does nothing wrong and has counted nothing."""
    server.app.state.control = Control()
    folder = tmp_path / "source"
    folder.mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return publish(server.root, REPO, folder)


@pytest.fixture
def hub(server: LocalHub, tmp_path: Path) -> Hub:
    """A client with an empty cache."""
    return Hub(server.url, tmp_path / "cache")


def listed(repository: Repository, path: str) -> RepoFile:
    """A file of a description."""
    return next(file for file in repository.files if file.path == path)


def pinned(revision: str) -> Repository:
    """The repository with its card alone."""
    return Repository(REPO, revision, (README,), None)


def ignore(_done: int, _total: int) -> None:
    """No progress is wanted."""


def test_describe(hub: Hub, revision: str) -> None:
    """Names, sizes and hashes: SHA-256 for large files, git's blob id for small ones."""
    assert hub.describe(REPO, revision) == Repository(
        REPO,
        revision,
        (
            README,
            RepoFile("config.json", 2, None, "9e26dfeeb6e641a33dae4961196235bdb965b21b"),
            RepoFile(
                "model.safetensors",
                1_280_000,
                "7d471e4af16db5a30ce10aebbc29f5178b2edbad6c7dc2e8ff8ee6e4848a726f",
                "7fa3c9965d3726fbade707251a3ce65c81cb8436",
            ),
        ),
        "mit",
    )


def test_the_revision_that_a_branch_names(hub: Hub, revision: str) -> None:
    """The newest one; a branch that is not there is not public."""
    assert hub.resolve(REPO, "main") == revision
    with pytest.raises(SubmissionFault) as caught:
        hub.resolve(REPO, "refs/pr/1")
    assert caught.value.code is Code.REPO_NOT_PUBLIC


def test_the_head_of_a_file(hub: Hub, server: LocalHub, revision: str) -> None:
    """Only the asked bytes of a large file are fetched; a small one comes whole, which shows that its head is its own."""
    repository = hub.describe(REPO, revision)
    assert hub.head(repository, listed(repository, "model.safetensors"), 300) == WEIGHTS[:300]
    assert hub.head(repository, listed(repository, "config.json"), 300) == b"{}"
    assert hub.read(repository, listed(repository, "README.md")) == FILES["README.md"]
    assert sum(server.control.requests.values()) == 4


def test_download(hub: Hub, server: LocalHub, revision: str, tmp_path: Path) -> None:
    """Every file arrives, checked, as a plain file; progress rises to its total; a second time nothing is asked."""
    seen: list[tuple[int, int]] = []
    repository = hub.describe(REPO, revision)
    folder = hub.download(repository, lambda done, total: seen.append((done, total)))
    assert {path.name: path.read_bytes() for path in folder.rglob("*")} == FILES
    assert [path for path in folder.rglob("*") if path.is_symlink()] == []
    assert seen == sorted(seen)
    assert seen[-1] == (2 * repository.total_bytes,) * 2
    asked = dict(server.control.requests)
    assert (hub.download(repository, ignore), server.control.requests) == (folder, asked)
    assert list((tmp_path / "cache").glob(".part-*")) == []


def test_no_token_is_sent(hub: Hub, server: LocalHub, revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that lies about is not used, so a private repository stays private."""
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.control.private = {REPO}
    with pytest.raises(SubmissionFault) as caught:
        hub.describe(REPO, revision)
    assert caught.value.code is Code.REPO_NOT_PUBLIC


@pytest.mark.parametrize("status", ["401", "403", "404"])
def test_what_is_not_public(hub: Hub, server: LocalHub, revision: str, status: str) -> None:
    """A refusal is the miner's, at whichever step it comes; a file that is listed and not found is the hub's."""
    repository = hub.describe(REPO, revision)
    server.control.failures = {status: -1}  # type: ignore[dict-item]
    of_files = Code.HUB_UNAVAILABLE if status == "404" else Code.REPO_NOT_PUBLIC
    for step, code in (
        (lambda: hub.describe(REPO, revision), Code.REPO_NOT_PUBLIC),
        (lambda: hub.head(repository, README, 10), of_files),
        (lambda: hub.download(repository, ignore), of_files),
    ):
        with pytest.raises(VoiceError) as caught:
            step()
        assert (caught.value.code, isinstance(caught.value, HubRefusal)) == (code, code is Code.REPO_NOT_PUBLIC)


def test_an_unknown_repository_or_revision(hub: Hub, revision: str) -> None:
    """What was never there is not public either."""
    for repo, at in (("alice/other", revision), (REPO, "0" * 40)):
        with pytest.raises(SubmissionFault) as caught:
            hub.describe(repo, at)
        assert caught.value.code is Code.REPO_NOT_PUBLIC


@pytest.mark.parametrize("status", ["429", "503"])
def test_an_unwell_hub(hub: Hub, server: LocalHub, revision: str, status: str) -> None:
    """A hub that is busy or broken is nobody's fault but ours to wait for."""
    for step in (lambda: hub.describe(REPO, revision), lambda: hub.head(pinned(revision), README, 10)):
        server.control.failures = {status: 1}  # type: ignore[dict-item]
        with pytest.raises(InfrastructureFault) as caught:
            step()
        assert caught.value.code is Code.HUB_UNAVAILABLE


def test_a_connection_cut_once(hub: Hub, server: LocalHub, revision: str) -> None:
    """A download that breaks off is resumed where it stopped."""
    repository = hub.describe(REPO, revision)
    server.control.failures, server.control.only = {"cut": 1}, "model.safetensors"
    assert (hub.download(repository, ignore) / "model.safetensors").read_bytes() == WEIGHTS
    assert server.control.requests[f"GET /{REPO}/resolve/{revision}/model.safetensors"] == 2


def test_a_connection_that_is_always_cut(hub: Hub, server: LocalHub, revision: str, tmp_path: Path) -> None:
    """A download that never ends is given up, and leaves nothing that looks complete."""
    repository = hub.describe(REPO, revision)
    server.control.failures, server.control.only = {"cut": -1}, "config.json"
    with pytest.raises(InfrastructureFault) as caught:
        hub.download(repository, ignore)
    assert caught.value.code is Code.DOWNLOAD_INTERRUPTED
    assert not (tmp_path / "cache" / REPO / revision).exists()


def test_changed_bytes(hub: Hub, server: LocalHub, revision: str) -> None:
    """Bytes that do not match the announced hash are refused, though their number is right."""
    repository = hub.describe(REPO, revision)
    path = server.root / REPO / revision / "model.safetensors"
    path.write_bytes(bytes(len(WEIGHTS)))
    try:
        with pytest.raises(InfrastructureFault, match="does not match its checksum") as caught:
            hub.download(repository, ignore)
        assert caught.value.code is Code.DOWNLOAD_INTERRUPTED
    finally:
        shutil.rmtree(path.parent)


def test_more_bytes_than_announced(hub: Hub, revision: str) -> None:
    """A file that is larger than the hub listed is not fetched."""
    described = hub.describe(REPO, revision)
    small = tuple(RepoFile(file.path, 1, file.sha256, file.blob_id) for file in described.files)
    with pytest.raises(InfrastructureFault, match=r"another README\.md than it lists"):
        hub.download(Repository(REPO, revision, small, None), ignore)


def test_a_download_has_an_end(server: LocalHub, revision: str, tmp_path: Path) -> None:
    """A download that drips is ended by the clock."""
    slow = Hub(server.url, tmp_path / "cache", Timeouts(download=timedelta(0)))
    with pytest.raises(InfrastructureFault, match="takes too long"):
        slow.download(slow.describe(REPO, revision), ignore)


def test_progress_may_stop_a_download(hub: Hub, revision: str) -> None:
    """An exception out of the callback (a lost lease) ends the download as itself."""

    def lose_the_lease(_done: int, _total: int) -> None:
        raise ArithmeticError("the lease is lost")

    with pytest.raises(ArithmeticError, match="the lease is lost"):
        hub.download(hub.describe(REPO, revision), lose_the_lease)


def test_nobody_answers(tmp_path: Path) -> None:
    """A hub that is not there is unavailable."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(InfrastructureFault) as caught:
        Hub(f"http://127.0.0.1:{port}", tmp_path).describe(REPO, "0" * 40)
    assert caught.value.code is Code.HUB_UNAVAILABLE


def test_silence_has_an_end(tmp_path: Path) -> None:
    """A hub that accepts and never answers is unavailable after the time-out."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hub = Hub(f"http://127.0.0.1:{silent.getsockname()[1]}", tmp_path, Timeouts(answer=timedelta(seconds=0.3)))
        for step in (lambda: hub.describe(REPO, "0" * 40), lambda: hub.head(pinned("0" * 40), README, 10)):
            with pytest.raises(InfrastructureFault) as caught:
                step()
            assert caught.value.code is Code.HUB_UNAVAILABLE


@pytest.mark.parametrize("revision", ["main", "", "A" * 40, "a" * 39, "../" * 13 + "a"])
def test_only_pinned_revisions(tmp_path: Path, revision: str) -> None:
    """A name that can move, or a path, is no revision."""
    with pytest.raises(ValueError, match="a revision is 40 hex digits"):
        Hub("http://127.0.0.1:1", tmp_path).describe(REPO, revision)


def test_a_malformed_repository(hub: Hub) -> None:
    """A repository id that the protocol does not know is the commitment's fault."""
    with pytest.raises(SubmissionFault) as caught:
        hub.describe("a/b/c", "0" * 40)
    assert caught.value.code is Code.COMMITMENT_MALFORMED


def test_the_local_hub_satisfies_the_real_client(server: LocalHub, revision: str, tmp_path: Path) -> None:
    """The client's own snapshot download works against it, cache, symbolic links and all."""
    folder = snapshot_download(REPO, revision=revision, endpoint=server.url, cache_dir=tmp_path / "cache", token=False)
    assert {path.name: path.read_bytes() for path in Path(folder).iterdir()} == FILES


def test_revisions_follow_from_content(server: LocalHub, revision: str, tmp_path: Path) -> None:
    """The same bytes give the same revision; another byte another, and both stay available."""
    (tmp_path / "source" / "config.json").write_bytes(b'{"a": 1}')
    other = publish(server.root, REPO, tmp_path / "source")
    assert other != revision
    assert {path.name for path in (server.root / REPO).iterdir()} >= {revision, other}


def test_control_over_http(server: LocalHub, revision: str, hub: Hub) -> None:
    """Another process can tell the hub to fail, and read what it was asked."""
    told = httpx.put(f"{server.url}/control", json={"failures": {"503": 1}, "only": "README.md"}, timeout=5)
    assert told.status_code == 200
    with pytest.raises(InfrastructureFault):
        hub.head(pinned(revision), README, 10)
    assert hub.head(pinned(revision), README, 3) == b"---"
    counted = json.loads(httpx.get(f"{server.url}/control", timeout=5).text)["requests"]
    assert counted == {f"GET /{REPO}/resolve/{revision}/README.md": 2}
