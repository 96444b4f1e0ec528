"""The local hub serves and takes files of its own folder only, however a request spells them."""

import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from neurons.localnet.hub_server import create_hub
from neurons.localnet.repositories import publish

API = "http://hub.test"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A hub with one repository, beside a file that is none of its business; its bugs are answers of 500."""
    (tmp_path / "beside" / "folder").mkdir(parents=True)
    (tmp_path / "beside" / "folder" / "README.md").write_text("secret", encoding="ascii")
    publish(tmp_path / "hub", "a/b", tmp_path / "beside" / "folder")
    transport = httpx.ASGITransport(create_hub(tmp_path / "hub"), raise_app_exceptions=False)
    async with httpx.AsyncClient(base_url=API, transport=transport) as client:
        yield client


def spelt(path: str) -> httpx.URL:
    """An address whose path stays as it is spelt."""
    return httpx.URL(API).copy_with(raw_path=path.encode())


@pytest.mark.parametrize(
    "path",
    [
        "/api/models/%2e%2e/beside/revision/folder",
        "/api/models/a/%2e%2e/revision/%2e%2e",
        "/api/models/a/b/revision/%2e%2e",
        "/%2e%2e/beside/resolve/folder/README.md",
        "/a/b/resolve/%2e/%2e%2e",
        "/a/b/resolve/main/folder/%2e%2e/%2e%2e/%2e%2e/beside/folder/README.md",
        "/a/b/resolve/%00/README.md",
    ],
)
async def test_nothing_outside_is_read(client: httpx.AsyncClient, path: str) -> None:
    """Dots, spelt any way, lead nowhere."""
    assert (await client.get(spelt(path))).status_code == 404


@pytest.mark.parametrize("repository", ["%2e%2e/made", "a/%2e%2e"])
async def test_no_repository_is_made_outside(client: httpx.AsyncClient, tmp_path: Path, repository: str) -> None:
    """A commit goes to a repository of this hub."""
    line = json.dumps({"key": "file", "value": {"path": "f", "content": "eA=="}})
    assert (await client.post(spelt(f"/api/models/{repository}/commit/main"), content=line)).status_code == 400
    assert sorted(os.listdir(tmp_path)) == ["beside", "hub"]  # noqa: PTH208 - a test has nobody else to keep waiting


@pytest.mark.parametrize("name", ["../f", "/f", "..", ".", "", "a/../b", "a//b", "a\0"])
async def test_no_file_is_made_outside(client: httpx.AsyncClient, name: str) -> None:
    """A commit's files lie below its folder."""
    line = json.dumps({"key": "file", "value": {"path": name, "content": base64.b64encode(b"x").decode()}})
    assert (await client.post("/api/models/a/b/commit/main", content=line)).status_code == 400
