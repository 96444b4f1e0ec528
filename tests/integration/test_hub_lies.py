"""A hub that answers wrongly for a moment: nobody is refused by bytes that are not the ones it lists."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from neurons.localnet.hub_server import Control, Failure, create_hub
from neurons.localnet.repositories import publish
from scoring.competition import load
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.progress import NO_PROGRESS
from scoring.types import RoundNumber
from tests.builders.tools import build_tools
from tests.integration.hub_thread import serving
from workers.evaluation.obtain import fetch
from workers.evaluation.progress import Stage
from workers.hub.client import Hub, HubRefusal, Timeouts

REPO = "alice/voice"
COMPETITION = load().at(RoundNumber(0))
FILES = ("README.md", "config.json", "model.safetensors")
LIES: tuple[Failure, ...] = ("404", "416", "empty", "page", "short", "other")


@dataclass(frozen=True, slots=True)
class Bed:
    """A hub, what it is told to do, and a client of it."""

    root: Path
    control: Control
    hub: Hub

    def publish(self, folder: Path) -> str:
        """Publish a folder; its revision."""
        return publish(self.root, REPO, folder)

    def fetch(self, revision: str) -> Path:
        """What an evaluation does: the folder of the model."""
        return fetch(REPO, revision, COMPETITION, build_tools(self.root, hub=self.hub), ignore).folder


def ignore(stage: Stage, done: int, total: int) -> None:
    """No progress is wanted."""


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    """A hub that does nothing wrong yet."""
    app = create_hub(tmp_path / "hub")
    with serving(app) as url:
        timeouts = Timeouts(*[timedelta(seconds=5)] * 3)
        yield Bed(tmp_path / "hub", app.state.control, Hub(url, tmp_path / "cache", timeouts))


@pytest.fixture
def a_model(tmp_path: Path) -> Callable[..., Path]:
    """Build a model's folder; its weights are larger than what is read whole for the sake of a head."""

    def build(n_numbers: int = 1 << 19, **files: bytes) -> Path:
        folder = tmp_path / "model"
        folder.mkdir()
        save_file({"a": np.arange(n_numbers, dtype=np.float32)}, folder / "model.safetensors")
        written = {"README.md": b"---\nlicense: mit\n---\n", "config.json": b'{"model_type": "vits"}', "vocab.json": b"{}"}
        for name, content in (written | {name.replace("__", "."): content for name, content in files.items()}).items():
            (folder / name).write_bytes(content)
        return folder

    return build


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("n_numbers", [3, 1 << 19], ids=["small weights", "large weights"])
def test_a_listed_file_that_is_not_given_is_the_hubs(
    bed: Bed, a_model: Callable[..., Path], path: str, lie: Failure, n_numbers: int
) -> None:
    """The listing is right; whatever comes in place of the file is an outage, and the same hub serves the model once it is well."""
    revision = bed.publish(a_model(n_numbers))
    bed.control.failures, bed.control.only = {lie: -1}, path
    with pytest.raises(InfrastructureFault) as caught:
        bed.fetch(revision)
    assert caught.value.code in {Code.HUB_UNAVAILABLE, Code.DOWNLOAD_INTERRUPTED}
    bed.control.failures = {}
    assert (bed.fetch(revision) / path).is_file()


def test_a_hub_that_lists_too_little_refuses_nobody(bed: Bed, a_model: Callable[..., Path]) -> None:
    """A file that is missing is missing in both of the hub's lists, or the hub is unwell."""
    revision = bed.publish(a_model())
    described = bed.hub.describe(REPO, revision)
    bed.hub.confirm_listing(described)
    (bed.root / REPO / revision / "vocab.json").unlink()
    with pytest.raises(InfrastructureFault, match="in two ways"):
        bed.hub.confirm_listing(described)
    with pytest.raises(SubmissionFault, match=r"missing: vocab\.json") as caught:
        bed.fetch(revision)
    assert not isinstance(caught.value, HubRefusal)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        pytest.param(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n", "LFS pointer", id="LFS"
        ),
        pytest.param(b"<!DOCTYPE html>" + b" " * (2 << 20), "HTML page", id="a large page"),
        pytest.param((2 << 20).to_bytes(8, "little") + b"{" * (2 << 20), "header", id="a header that is none"),
    ],
)
def test_weights_that_are_none_are_the_miners(bed: Bed, a_model: Callable[..., Path], weights: bytes, said: str) -> None:
    """The repository itself holds them: that is said after the whole file was compared with its hash."""
    revision = bed.publish(a_model(model__safetensors=weights))
    with pytest.raises(SubmissionFault, match=said) as caught:
        bed.fetch(revision)
    assert (caught.value.code, "model.safetensors: " in caught.value.detail) == (Code.HEADER_INVALID, True)


def test_every_fault_is_told_at_once(bed: Bed, a_model: Callable[..., Path]) -> None:
    """Files, config and licence of one repository, in one refusal."""
    config = json.dumps({"model_type": "vits", "auto_map": {}}).encode()
    revision = bed.publish(a_model(README__md=b"# Voice", config__json=config, run__sh=b"rm"))
    with pytest.raises(SubmissionFault) as caught:
        bed.fetch(revision)
    said = ("not allowed: run.sh", "code of its own", "`license:`")
    assert (caught.value.code, [words for words in said if words not in caught.value.detail]) == (Code.FILE_NOT_ALLOWED, [])
    assert not [request for request in bed.control.requests if "safetensors" in request]


def test_files_in_folders_arrive_in_folders(bed: Bed, tmp_path: Path) -> None:
    """A repository has a tree of files; each is listed, fetched and checked by its path."""
    folder = tmp_path / "tree"
    (folder / "codec").mkdir(parents=True)
    (folder / "codec" / "config.json").write_bytes(b"{}")
    revision = bed.publish(folder)
    described = bed.hub.describe(REPO, revision)
    bed.hub.confirm_listing(described)
    assert [file.path for file in described.files] == ["codec/config.json"]
    assert (bed.hub.download(described, NO_PROGRESS) / "codec" / "config.json").read_bytes() == b"{}"
