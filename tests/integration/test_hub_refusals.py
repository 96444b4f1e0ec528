"""Whether a hub's refusal can be believed: a hub that works gives what it lists as public."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from neurons.localnet.hub_server import Control, create_hub
from neurons.localnet.repositories import publish
from workers.hub.client import Hub


@pytest.fixture
def control(tmp_path: Path) -> Iterator[tuple[str, Any]]:
    """A running hub with one repository: its URL, and its application."""
    root, source = tmp_path / "hub", tmp_path / "source"
    source.mkdir()
    for number in range(6):  # the hub lists files by name: these come first
        (source / f"A{number}.md").write_text("---\nlicense: mit\n---\n", encoding="ascii")
    (source / "model.safetensors").write_bytes(bytes(16))
    publish(root, "alice/voice", source)
    app = create_hub(root)
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.mark.parametrize(
    ("wrong", "works"),
    [
        pytest.param(Control(), True, id="well"),
        pytest.param(Control(failures={"404": -1}), False, id="not found, whatever is asked"),
        pytest.param(Control(failures={"403": -1}), False, id="forbidden, whatever is asked"),
        pytest.param(Control(failures={"404": -1}, only="/revision/"), False, id="it lists, and knows nothing of what it lists"),
        pytest.param(Control(failures={"401": -1}, only="/resolve/"), False, id="it lists and describes, and gives no file"),
        pytest.param(Control(failures={"403": -1}, only=".safetensors"), False, id="it gives small files, and no weights"),
        pytest.param(Control(failures={"403": -1}, only=".md"), True, id="it gives weights: nothing else is asked"),
        pytest.param(Control(failures={"503": -1}), False, id="an outage"),
        pytest.param(Control(failures={"429": -1}), False, id="too busy"),
        pytest.param(Control(private={"alice/voice"}), False, id="nothing of it is public: nothing shows that it works"),
    ],
)
def test_a_hub_works_that_gives_what_it_lists(control: tuple[str, Any], tmp_path: Path, wrong: Control, works: bool) -> None:
    """Only then does its refusal of something else mean that."""
    url, app = control
    app.state.control = wrong
    assert Hub(url, tmp_path / "cache").works() is works


def test_a_hub_without_weights_proves_nothing(control: tuple[str, Any], tmp_path: Path) -> None:
    """What it lists holds no large file: whether it would give one, nobody knows."""
    url, _ = control
    for weights in (tmp_path / "hub").rglob("*.safetensors"):
        weights.unlink()
    assert not Hub(url, tmp_path / "cache").works()


def test_a_hub_that_is_not_there_does_not_work(tmp_path: Path) -> None:
    """No answer is no proof."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert not Hub(f"http://127.0.0.1:{port}", tmp_path).works()
