"""No variable of ours is seen by a process that a stranger's bytes may take over, nor by one that brings strangers' packages."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from scoring.competition import SynthesisRules
from scoring.errors import PlatformError
from scoring.progress import NO_PROGRESS
from scoring.synthesis.synthesiser import Request
from tests.attacks.test_decoding import encoded
from tests.builders import espeak_voices
from tests.builders.environments import build_lock, needing, only_from
from tests.builders.limits import limits
from workers.evaluation.environments import EnvironmentStore
from workers.sandbox.convert_checkpoint import convert
from workers.sandbox.decode_upload import decode
from workers.sandbox.sandbox import Sandbox

PLANTED = {
    "DATABASE_URL": "postgresql://worker:own-secret-9@db/voice",
    "VOICE_SERVICE_KEY": "/own-secret-9",
    "HF_TOKEN": "own-secret-9",
    "SOMETHING": "own-secret-9",
}
_LOOK_SECONDS = 0.002


@contextmanager
def watched() -> Iterator[dict[int, dict[str, str]]]:
    """The environments of the processes below this one that begin meanwhile, by their ids, as the kernel shows them."""
    here, seen, over = psutil.Process(), dict[int, dict[str, str]](), threading.Event()
    before = {child.pid for child in here.children(recursive=True)}

    def look() -> None:
        while not over.is_set():
            for child in here.children(recursive=True):
                try:
                    if child.pid not in before and (found := child.environ()):
                        seen[child.pid] = found  # the last look: before a program begins, a child has its parent's
                except (psutil.Error, OSError):
                    continue
            time.sleep(_LOOK_SECONDS)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def speak(folder: Path) -> None:
    """By a model's guest."""
    model = espeak_voices.build(folder / "voice")["clear"]
    rules = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
    sandbox = Sandbox(folder / "scratch")
    sandbox.speak(model, "espeak", [Request("p", "Good day.", "", 0)], limits(), rules, on_sample=NO_PROGRESS)


def decode_upload(folder: Path) -> None:
    """By the decoder, of a file that is none."""
    decode(folder, encoded(np.arange(4_000, dtype=np.int16)), 30.0)
    with pytest.raises(PlatformError):
        decode(folder, b"RIFF and no more", 30.0)


def convert_checkpoint(folder: Path) -> None:
    """By the converter."""
    torch.save({"weight": torch.ones(4)}, folder / "checkpoint.bin")
    convert(folder / "scratch", folder / "checkpoint.bin", folder / "model.safetensors")


def install(folder: Path) -> None:
    """By pip, which brings a family's packages."""
    with only_from(folder / "wheels"):
        families = needing(build_lock(folder / "wheels"), folder)
        EnvironmentStore(folder / "environments", installs=True, families=families)("espeak", NO_PROGRESS)


@pytest.mark.parametrize("work", [speak, decode_upload, convert_checkpoint, install])
def test_nothing_that_is_planted_is_seen(work: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by its name nor by its value, in any process that begins for it."""
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    with watched() as seen:
        work(tmp_path)
    assert seen
    for environment in seen.values():
        assert PLANTED.keys().isdisjoint(environment)
        assert not [name for name, value in environment.items() if "own-secret-9" in value]
