"""A checkpoint attacks whoever opens it: it becomes safetensors or a reason, in bounded time, memory and disk, behind a guest's walls."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scoring.errors import Code, InfrastructureFault
from tests.attacks.conftest import Guests
from workers.sandbox.convert_checkpoint import convert

HOSTILE = str(Path(__file__).with_name("hostile_converter.py"))


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, guests: Guests) -> Iterator[None]:
    """After every attack: no guest, no scratch folder, no half-written file."""
    yield
    assert guests() == []
    assert {path.name for path in tmp_path.iterdir()} - {"checkpoint.bin", "model.safetensors", "beside"} == {"scratch"}
    assert list((tmp_path / "scratch").iterdir()) == []


class RunsCode:
    """What a pickle calls when it is opened by anybody who lets it."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch opened",)


def test_a_checkpoint_becomes_safetensors(tmp_path: Path) -> None:
    """By the real guest: every tensor, bit by bit."""
    torch.manual_seed(1)
    tensors = {"encoder.weight": torch.randn(40, 30), "count": torch.tensor(3)}
    torch.save(tensors, tmp_path / "checkpoint.bin")
    convert(tmp_path / "scratch", tmp_path / "checkpoint.bin", tmp_path / "model.safetensors")
    found = load_file(tmp_path / "model.safetensors")
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())


def test_a_pickle_that_runs_code_is_refused_by_name(tmp_path: Path) -> None:
    """By the real guest: the code is named, and was not run."""
    torch.save({"weight": RunsCode()}, tmp_path / "checkpoint.bin")
    assert refusal(tmp_path, program=None) == "checkpoint.bin cannot be converted: it asks for posix.system, which is code"


def refusal(tmp_path: Path, *, program: str | None = HOSTILE, seconds: float | None = None) -> str:
    """Why a checkpoint is refused; nothing is written for it."""
    options = {"program": (program,)} if program else {}
    with pytest.raises(InfrastructureFault) as caught:
        convert(tmp_path / "scratch", tmp_path / "checkpoint.bin", tmp_path / "model.safetensors", seconds=seconds, **options)
    assert caught.value.code is Code.JUDGE_UNAVAILABLE
    assert not (tmp_path / "model.safetensors").exists()
    return caught.value.detail


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        pytest.param("loop", "busy for more than 1 s", id="a busy loop"),
        pytest.param("memory", "more than 2048 MiB", id="memory without end"),
        pytest.param("disk", "crashes a converter", id="a file without end"),
        pytest.param("files", "more than 2048 MiB", id="files without end"),
        pytest.param("segfault", "crashes a converter", id="a segmentation fault"),
        pytest.param("exit", "crashes a converter", id="an end without an answer"),
        pytest.param("garbage", "misbehave", id="garbage instead of an answer"),
        pytest.param("sound", "misbehave", id="an answer to another question"),
        pytest.param("nothing written", "misbehave", id="no file"),
        pytest.param("no safetensors", "misbehave", id="a pickle again"),
        pytest.param("a torn header", "misbehave", id="a header beyond the file"),
        pytest.param("a link", "crashes a converter", id="a link to elsewhere"),
        pytest.param("a second name", "misbehave", id="a file with two names"),
    ],
)
def test_a_checkpoint_that_takes_the_converter_over_is_refused(tmp_path: Path, attack: str, why: str) -> None:
    """In time, and with nothing of it left."""
    (tmp_path / "checkpoint.bin").write_bytes(attack.encode())
    began = time.monotonic()
    assert why in refusal(tmp_path, seconds=1.0 if "busy" in why else None)
    assert time.monotonic() - began < 30.0


def test_a_host_without_the_library_is_ours(tmp_path: Path) -> None:
    """A guest that cannot be started at all is no checkpoint's fault."""
    (tmp_path / "checkpoint.bin").write_bytes(b"look")
    with pytest.raises(InfrastructureFault) as caught:
        convert(
            tmp_path / "scratch",
            tmp_path / "checkpoint.bin",
            tmp_path / "model.safetensors",
            program=("-m", "workers.sandbox.guest.nothing"),
        )
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE
