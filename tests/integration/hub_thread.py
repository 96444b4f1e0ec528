"""A local hub in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from neurons.localnet.hub_server import create_hub
from neurons.localnet.services import pick_port


@contextmanager
def hub_over(root: Path) -> Iterator[str]:
    """A hub over a folder, on a free port; its URL."""
    with serving(create_hub(root)) as url:
        yield url


@contextmanager
def serving(app: Starlette) -> Iterator[str]:
    """An application on a free port; its URL."""
    port = pick_port(None)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
