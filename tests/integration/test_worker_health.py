"""The worker's health check, against the registration that RQ really keeps."""

import importlib
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from redis import Redis
from rq import Queue, SimpleWorker

FOLDER = Path(__file__).resolve().parents[2] / "docker"


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch, redis_url: str) -> ModuleType:
    """docker/health.py as a module, in a worker's environment."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://not-asked")
    monkeypatch.setenv("REDIS_URL", redis_url)
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.delitem(sys.modules, "health", raising=False)
    return importlib.import_module("health")


def test_a_registered_worker_is_well(health: ModuleType, redis_url: str) -> None:
    """From its birth to its death, and only on its own host."""
    with Redis.from_url(redis_url) as redis:
        worker: Any = SimpleWorker([Queue("cpu", connection=redis)], name="one", connection=redis)
        before = health.main(["worker"])
        worker.register_birth()
        alive, elsewhere = health.main(["worker"]), health.works("another-host")
        worker.register_death()

        assert (before, alive) == (f"no worker of {socket.gethostname()} is registered", None)
        assert elsewhere == "no worker of another-host is registered"
        assert health.main(["worker"]) == before


def test_a_worker_without_redis_is_not_well(health: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason names Redis, and never its URL, which holds a password."""
    monkeypatch.setenv("REDIS_URL", "redis://:secret@127.0.0.1:1/0")

    assert health.main(["worker"]) == "Redis does not answer (ConnectionError)"
