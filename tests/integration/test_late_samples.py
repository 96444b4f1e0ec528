"""A late sample costs its model something only when the host is not the reason: real guests, and a host with hiccups."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import psutil
import pytest

from neurons.localnet.network import COMPETITION
from scoring.audio.spoken import Spoken
from scoring.competition import Track, load
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.report import Gate
from scoring.synthesis.synthesiser import Request
from scoring.types import RoundNumber
from tests.builders.rules import changed
from workers.evaluation.batches import composed
from workers.evaluation.environments import EnvironmentStore
from workers.evaluation.obtain import LocalModel
from workers.evaluation.progress import Stage
from workers.evaluation.requests import TimedRequest
from workers.evaluation.speaking import speak
from workers.evaluation.tools import Tools
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import Sandbox

GUEST = Path(__file__).with_name("slow_guest.py")
WELL = timedelta(minutes=1)
"""A usual time that the reference guest keeps on any host."""
SLOW = timedelta(minutes=-1)
"""One that it never keeps."""


def rules(**limits: object) -> Track:
    """The demo's, with other limits."""
    return changed(load(COMPETITION).at(RoundNumber(0)).track[0], limits=limits)


def ask(*texts: str, seconds: float = 1.0) -> list[TimedRequest]:
    """Requests for the texts, each to be answered within so many seconds."""
    return [TimedRequest(Request(f"p{number}", text, "", number), seconds) for number, text in enumerate(texts)]


class Speech:
    """Lets a slow model speak in a real sandbox; the reference guest is the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.told = folder, list[tuple[Stage, int]]()
        self.on_sample: Callable[[int], None] = lambda _done: None
        (folder / "model").mkdir()
        (folder / "busy").mkdir()

    def __call__(self, *texts: str, usual: timedelta = WELL, model: str = "model", **limits: object) -> list[Spoken]:
        """Every answer."""
        none: Any = None
        sandbox = _Sandbox(self.folder / "scratch")
        tools = Tools(
            hub=none,
            sandbox=sandbox,
            reference=ReferenceGuest(sandbox, {"cpu": usual}),
            panel=none,
            parts=cast(Any, lambda *_: None),
            bases=none,
            environments=EnvironmentStore(self.folder / "environments", installs=False),
        )
        slow = LocalModel(self.folder / model, "slow", rules(**limits))
        return list(speak(slow, composed(ask(*texts), 1), tools, self._progress))

    def _progress(self, stage: Stage, done: int, total: int) -> None:
        assert done <= total
        self.told.append((stage, done))
        if stage is Stage.SPEAK:
            self.on_sample(done)

    def looks(self) -> int:
        """How often the host was looked at."""
        return sum(stage is Stage.HOST for stage, _ in self.told)


class _Sandbox(Sandbox):
    """The slow guest for models, the real one for the reference."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, [str(GUEST)])
        self._real = Sandbox(root)

    def speak(self, *task: Any, **options: Any) -> tuple[Spoken, ...]:
        return self._real.speak(*task, **options)


@pytest.fixture
def speech(tmp_path: Path) -> Iterator[Speech]:
    """A model of its own; no guest is left behind."""
    before = psutil.Process().children()
    yield Speech(tmp_path)
    assert [child for child in psutil.Process().children() if child not in before] == []


def test_one_late_sample_costs_that_sample(speech: Speech) -> None:
    """It closes its gate and says why; the guest, which may hang, is replaced, and the next one says the rest as ever."""
    spoken = speech("one", "busy", "three", "four", "five")
    assert [(item.prompt_id, item.failure) for item in spoken] == [
        ("p0", None),
        ("p1", Gate.TIMEOUT),
        ("p2", None),
        ("p3", None),
        ("p4", None),
    ]
    assert spoken[1].reason == "no answer in 1 s; a reference guest on the same host took its usual time"
    undisturbed = speech("one", "two", "three", "four", "five")
    assert [item.pcm for item in spoken[2:]] == [item.pcm for item in undisturbed[2:]]
    assert speech.looks() in {1, 2}  # the second where this machine is so busy that the guest had little of it


def test_a_model_of_which_too_much_is_late_is_refused(speech: Speech) -> None:
    """As soon as its late samples are more than the rules' share: the last one is not waited for."""
    with pytest.raises(SubmissionFault, match="2 of 4 samples are lost, the last so: no answer in 1 s") as caught:
        speech(*["busy"] * 4, late_share=0.25)
    assert caught.value.code is Code.SAMPLE_TIMEOUT
    assert 2 <= speech.looks() <= 4


def test_a_guest_that_sleeps_is_late_the_second_time(speech: Speech) -> None:
    """Without the processor it may have been stopped by the host, so it is asked again; twice is its own doing."""
    (first, _, _, _) = speech("asleep", "two", "three", "four")
    assert (first.failure, speech.looks()) == (Gate.TIMEOUT, 2)


def test_a_slow_host_is_never_the_models_fault(speech: Speech) -> None:
    """Spoken again once, then given back to us."""
    with pytest.raises(InfrastructureFault) as caught:
        speech("one", "busy", usual=SLOW)
    assert (caught.value.code, speech.looks()) == (Code.HOST_TOO_SLOW, 2)


@pytest.mark.parametrize(
    ("usual", "fault", "code"),
    [
        pytest.param(WELL, SubmissionFault, Code.LOAD_TIMEOUT, id="its own fault"),
        pytest.param(SLOW, InfrastructureFault, Code.HOST_TOO_SLOW, id="the host's fault"),
    ],
)
def test_a_model_that_does_not_load(speech: Speech, usual: timedelta, fault: type[Exception], code: Code) -> None:
    """It is refused for time where the reference guest passes."""
    with pytest.raises(fault) as caught:
        speech("one", model="busy", usual=usual, load_seconds=1.0)
    assert cast(Any, caught.value).code is code


def test_a_guest_that_the_host_stopped_is_late_at_no_cost(speech: Speech) -> None:
    """Stopped in the middle and never let go on: another guest says the same, and the reference guest is not even asked."""
    here = psutil.Process()
    before = here.children()

    def stop(done: int) -> None:
        if done == 2 and speech.looks() == 0:
            for guest in here.children():
                if guest not in before:
                    guest.send_signal(signal.SIGSTOP)

    speech.on_sample = stop
    spoken = speech("one", "two", "three", "four")
    speech.on_sample = lambda _done: None
    assert speech.looks() == 1
    assert [item.pcm for item in spoken] == [item.pcm for item in speech("one", "two", "three", "four")]


WORKER = """
import sys
from pathlib import Path
from tests.integration.test_late_samples import Speech
speech = Speech(Path(sys.argv[1]))
speech.on_sample = lambda done: (speech.folder / "done").write_text(str(done))
print("begun", flush=True)
print([item.failure for item in speech(*["text"] * 15)], flush=True)
"""


@pytest.mark.parametrize(
    "whom", ["guest", pytest.param("worker", marks=pytest.mark.slow), pytest.param("both", marks=pytest.mark.slow)]
)
def test_a_host_with_hiccups_costs_nothing(tmp_path: Path, whom: str) -> None:
    """Whoever is stopped for seconds, at random and longer than an answer may take: every sample is spoken in the end.

    Not twice over one sample: that is its own doing, see `test_a_guest_that_sleeps_is_late_the_second_time`.
    """
    chance = random.Random(whom)
    begun = 0
    with subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "begun\n"
        for _ in range(2):
            time.sleep(chance.uniform(0.8, 2.0))
            while worker.poll() is None and _spoken(tmp_path) < begun:
                time.sleep(0.05)
            begun = _spoken(tmp_path) + 2
            if worker.poll() is None:
                _stop(psutil.Process(worker.pid), whom, chance.uniform(2.0, 4.0))
        assert worker.stdout.read().strip() == str([None] * 15)


def _spoken(folder: Path) -> int:
    done = folder / "done"
    return int(done.read_text() or 0) if done.exists() else 0


def _stop(worker: psutil.Process, whom: str, seconds: float) -> None:
    with suppress(psutil.NoSuchProcess):
        guests = [] if whom == "worker" else worker.children()
        stopped = [*guests, *([] if whom == "guest" else [worker])]
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)
