"""The miner's publish step, with the real client against the local hub."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from neurons.localnet import models, ports, repositories
from neurons.localnet.hub_server import create_hub
from neurons.publish import publish
from scoring.errors import Code, PlatformError
from workers.hub import Hub


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """A local hub over an empty folder, on a free port."""
    (tmp_path / "hub").mkdir()
    port = ports.pick(None)
    server = uvicorn.Server(uvicorn.Config(create_hub(tmp_path / "hub"), port=port, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def test_what_is_published_is_what_a_worker_fetches(hub: str, tmp_path: Path) -> None:
    """The revision is made from the content, and the checked download equals the folder."""
    folder = models.build(tmp_path / "models")["clear"]
    revision = publish(folder, "lab/voice", hub, None, private=False)
    assert revision == repositories.publish(tmp_path / "elsewhere", "lab/voice", folder)
    client = Hub(hub, tmp_path / "cache")
    fetched = client.download(client.describe("lab/voice", revision), lambda _done, _total: None)
    assert {path.name: path.read_bytes() for path in fetched.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}


def test_an_unreachable_hub_is_one_clear_error(tmp_path: Path) -> None:
    """Nobody listens there: the error names the hub and the repository."""
    folder = models.build(tmp_path / "models")["clear"]
    endpoint = f"http://127.0.0.1:{ports.pick(None)}"
    with pytest.raises(PlatformError, match="did not take lab/voice") as caught:
        publish(folder, "lab/voice", endpoint, None, private=False)
    assert caught.value.code is Code.PUBLISHING_FAILED
