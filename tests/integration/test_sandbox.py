"""The sandbox as the worker uses it: real guests, real families."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import psutil
import pytest

from neurons.localnet import models
from scoring.audio.spoken import Spoken
from scoring.competition import SubmissionLimits, SynthesisRules, load
from scoring.errors import Code, SubmissionFault
from scoring.progress import NO_PROGRESS
from scoring.synthesis.synthesiser import Request
from scoring.types import RoundNumber
from tests.builders import espeak_voices
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import GuestStage, GuestTimedOut, Sandbox

DEMO = load(Path(models.__file__).with_name("competition.toml")).at(RoundNumber(0))
RULES = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A sandbox of the test's own."""
    return Sandbox(tmp_path / "scratch")


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """The demo's models."""
    return espeak_voices.build(tmp_path / "models")


def request(**overrides: object) -> Request:
    """A request with ordinary fields."""
    return replace(Request("p0", "Good evening, my friend.", "A baritone speaks.", 7), **overrides)  # type: ignore[arg-type]


def limits(**overrides: object) -> SubmissionLimits:
    """The demo's limits."""
    return DEMO.track[0].limits.model_copy(update=overrides)


def speak(
    sandbox: Sandbox, folder: Path, *requests: Request, bounds: SubmissionLimits = DEMO.track[0].limits
) -> tuple[Spoken, ...]:
    """Let an espeak model speak."""
    return sandbox.speak(folder, "espeak", requests or (request(),), bounds, RULES, on_sample=NO_PROGRESS)


def test_a_model_speaks(sandbox: Sandbox, folders: dict[str, Path]) -> None:
    """Samples come back in order, at the model's rate, audible, with progress after each."""
    progress: list[tuple[int, int]] = []
    requests = (request(), request(prompt_id="p1", text="Is the kettle on?"))
    spoken = sandbox.speak(
        folders["clear"], "espeak", requests, limits(), RULES, on_sample=lambda done, total: progress.append((done, total))
    )
    assert [(item.prompt_id, item.rate, item.failure) for item in spoken] == [("p0", 22_050, None), ("p1", 22_050, None)]
    assert progress == [(1, 2), (2, 2)]
    for item in spoken:
        assert 0.5 < item.duration < 5.0
        assert np.abs(np.frombuffer(item.pcm, dtype="<i2")).max() > 3_000


@pytest.mark.parametrize("polite", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda sent: sent.name)
def test_a_host_that_asks_everybody_to_end_ends_no_guest(
    sandbox: Sandbox, folders: dict[str, Path], polite: signal.Signals
) -> None:
    """A shutdown signals all processes: the worker decides what becomes of its guest, and no model is blamed for having obeyed."""
    others = set(psutil.Process().children())  # the servers of other tests

    def ask(_done: int, _total: int) -> None:
        guests = set(psutil.Process().children()) - others
        assert guests
        for guest in guests:
            guest.send_signal(polite)

    requests = [request(prompt_id=f"p{number}") for number in range(3)]
    spoken = sandbox.speak(folders["clear"], "espeak", requests, limits(), RULES, on_sample=ask)
    assert [item.failure for item in spoken] == [None, None, None]


def test_speech_depends_on_its_own_prompt_only(sandbox: Sandbox, folders: dict[str, Path]) -> None:
    """The same prompt gives the same bytes in another guest and after other prompts."""
    other = request(prompt_id="p1", text="Something else.", description="A soprano speaks very fast and at full volume.")
    (alone,) = speak(sandbox, folders["clear"])
    _, after = speak(sandbox, folders["clear"], other, request())
    assert after.pcm == alone.pcm


def test_copies_speak_alike(sandbox: Sandbox, folders: dict[str, Path]) -> None:
    """A byte copy of a model makes the same sound."""
    (first,), (second,) = speak(sandbox, folders["clear"]), speak(sandbox, folders["copy"])
    assert second.pcm == first.pcm


def test_a_quick_guest(sandbox: Sandbox, folders: dict[str, Path]) -> None:
    """A guest that needs no torch starts and speaks in a fraction of the time that importing torch takes (2 s at least)."""
    began = time.process_time() + sum(os.times()[2:4])
    speak(sandbox, folders["clear"])
    assert time.process_time() + sum(os.times()[2:4]) - began < 1.5


def test_a_model_that_hangs(sandbox: Sandbox, folders: dict[str, Path]) -> None:
    """The demo's endless chorus is ended by the clock, not by memory, and the host is not to blame."""
    with pytest.raises(GuestTimedOut) as caught:
        speak(sandbox, folders["hang"], bounds=limits(sample_seconds=2.0, ram_bytes=256 << 20))
    assert caught.value.stage is GuestStage.SAMPLE
    assert ReferenceGuest(sandbox).passes("cpu")


def test_a_slow_host_does_not_pass(sandbox: Sandbox) -> None:
    """Where the reference guest takes far more than its usual time, a model's time-out is not the model's fault."""
    assert not ReferenceGuest(sandbox, {"cpu": timedelta(seconds=-1)}).passes("cpu")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"voices": {"low": "no-such-voice", "high": "en"}}, None, id="unknown voice"),
        pytest.param({"voices": 3}, "voices and phrases are objects", id="wrong type"),
        pytest.param({"chorus": 0}, "chorus is a whole number from 1", id="out of range"),
    ],
)
def test_a_model_that_cannot_be_used(
    sandbox: Sandbox, folders: dict[str, Path], change: dict[str, object], reason: str | None
) -> None:
    """A config that does not fit its family fails at load with its reason, or at each sample."""
    path = folders["clear"] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change), encoding="utf-8")
    if reason is None:
        assert [item.failure for item in speak(sandbox, folders["clear"])] == ["generation_failed"]
        return
    with pytest.raises(SubmissionFault, match=reason) as caught:
        speak(sandbox, folders["clear"])
    assert caught.value.code is Code.LOAD_FAILED


WORKER = """
import sys
from pathlib import Path
from scoring.competition import load
from scoring.synthesis.synthesiser import Request
from scoring.types import RoundNumber
from workers.sandbox.sandbox import Sandbox
demo = load(Path(sys.argv[1])).at(0).track[0]
Sandbox(Path(sys.argv[2])).speak(
    Path(sys.argv[3]), "espeak", (Request("p0", "hello", "", 0),), demo.limits, demo.synthesis, on_sample=lambda done, total: None
)
"""


def test_no_guest_outlives_its_worker(tmp_path: Path, folders: dict[str, Path]) -> None:
    """kill -9 of a worker takes its guest along, and the next guest's start removes its scratch folder."""
    competition = Path(models.__file__).with_name("competition.toml")
    worker = subprocess.Popen([sys.executable, "-c", WORKER, competition, tmp_path / "scratch", folders["hang"]])
    guest = _busy_child(psutil.Process(worker.pid))
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    _, alive = psutil.wait_procs([guest], timeout=20)
    assert alive == []
    speak(Sandbox(tmp_path / "scratch"), folders["clear"])
    assert list((tmp_path / "scratch").iterdir()) == []


def _busy_child(worker: psutil.Process) -> psutil.Process:
    """The worker's guest, once it is speaking."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for child in worker.children():
            if child.cpu_times().user > 0.5:
                return child
        time.sleep(0.05)
    raise AssertionError("the worker started no guest")
