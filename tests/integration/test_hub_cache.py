"""What the hub's client keeps: checked again before it is used again, and under a cap."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from neurons.localnet.hub_server import Control, create_hub
from neurons.localnet.repositories import publish
from workers.hub.client import Hub

REPO = "alice/voice"
WEIGHTS = bytes(range(256)) * 100


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, str, Control]]:
    """A running hub with one repository: its URL, the revision, and its control."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "model.safetensors").write_bytes(WEIGHTS)
    revision, app = publish(tmp_path / "hub", REPO, source), create_hub(tmp_path / "hub")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", revision, app.state.control
    server.should_exit = True
    thread.join()
    listener.close()


def ignore(_done: int, _total: int) -> None:
    """No progress is wanted."""


@pytest.mark.parametrize("damage", ["changed", "cut", "lost"])
def test_a_damaged_artifact_is_fetched_again(hub: tuple[str, str, Control], tmp_path: Path, damage: str) -> None:
    """A rotten disk would else make its miner's tag wrong."""
    url, revision, control = hub
    client = Hub(url, tmp_path / "cache")
    repository = client.describe(REPO, revision)
    weights = client.download(repository, ignore) / "model.safetensors"
    match damage:
        case "changed":
            weights.write_bytes(bytes(len(WEIGHTS)))
        case "cut":
            weights.write_bytes(WEIGHTS[:100])
        case _:
            weights.unlink()
    assert (client.download(repository, ignore) / "model.safetensors").read_bytes() == WEIGHTS
    assert control.requests[f"GET /{REPO}/resolve/{revision}/model.safetensors"] == 2


def test_a_download_in_use_survives_the_cap(hub: tuple[str, str, Control], tmp_path: Path) -> None:
    """It is removed once nobody uses it, and fetched again when it is wanted."""
    url, revision, _ = hub
    small = Hub(url, tmp_path / "cache", cache_bytes=1)
    repository = small.describe(REPO, revision)
    for _ in range(2):
        with small.pin_in_cache(REPO, revision):
            folder = small.download(repository, ignore)
            assert (folder / "model.safetensors").is_file()
        assert not folder.exists()
