"""A hostile model goes around the limits, or makes its own end look like the host's: the kernel refuses, or the worker sees it."""

import re
import runpy
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules
from scoring.errors import Code, SubmissionFault
from scoring.progress import NO_PROGRESS
from scoring.synthesis.synthesiser import Request
from tests.attacks.conftest import Guests
from tests.builders.limits import limits
from workers.sandbox.sandbox import Sandbox

GUEST = Path(__file__).with_name("evading_guest.py")
EVASIONS = runpy.run_path(str(GUEST), run_name="evading")["EVASIONS"]

Speak = Callable[..., dict[str, Spoken]]


def build_speak(root: Path, *host: str) -> Speak:
    """Let the evading model speak some texts; its samples by text."""

    def run(*texts: str, **changed: float) -> dict[str, Spoken]:
        requests = [Request(f"p{number}", text, "a voice", number) for number, text in enumerate(texts)]
        rules = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
        sandbox = Sandbox(root / "scratch", [str(GUEST), *host])
        (model := root / "model").mkdir()
        (model / "config.json").write_text("{}", encoding="ascii")
        spoken = sandbox.speak(model, "evading", requests, limits(**changed), rules, on_sample=NO_PROGRESS)
        return dict(zip(texts, spoken, strict=True))

    return run


@pytest.fixture
def speak(tmp_path: Path) -> Speak:
    """A sandbox of its own."""
    return build_speak(tmp_path)


@pytest.fixture(scope="module")
def evaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Spoken]:
    """Every evasion tried by one guest, one per sample."""
    return build_speak(tmp_path_factory.mktemp("evasions"))(*EVASIONS)


def test_a_poor_host_refuses_as_much(tmp_path: Path) -> None:
    """With Landlock's version 3 and without namespaces, the same is refused."""
    spoken = build_speak(tmp_path, "a poor host")(*EVASIONS)
    assert {name: said.reason for name, said in spoken.items() if said.failure} == {}


@pytest.mark.parametrize("name", EVASIONS)
def test_every_evasion_is_refused(evaded: dict[str, Spoken], name: str) -> None:
    """The kernel says no, the guest goes on, and the sample is spoken."""
    assert (evaded[name].failure, len(evaded[name].pcm)) == (None, 200)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("threads", Code.GENERATION_FAILED, id="threads without end"),
        pytest.param("files", Code.MEMORY_EXCEEDED, id="more than the scratch holds"),
        pytest.param("hidden memory", Code.MEMORY_EXCEEDED, id="memory that was made read-only"),
        pytest.param("hidden memory, the first thread gone", Code.MEMORY_EXCEEDED, id="the first thread gone"),
        pytest.param("page tables", Code.MEMORY_EXCEEDED, id="page tables"),
    ],
)
def test_what_the_worker_sees_itself(speak: Speak, guests: Guests, text: str, code: Code) -> None:
    """Threads, memory held and bytes on disk are watched: too many end the guest soon, on the model's account; nothing is left."""
    began = time.monotonic()
    with pytest.raises(SubmissionFault) as caught:
        speak(text)
    assert caught.value.code is code
    assert time.monotonic() - began < 15.0
    assert guests() == []


def test_a_guest_holds_no_descriptor_of_the_workers(speak: Speak) -> None:
    """A guest has the null device, one pipe for what it prints, its two pipes, and some of its own facts in /proc."""
    spoken = speak("descriptors")["descriptors"]
    names = bytes(spoken.pcm[::2]).decode().split("\n")
    assert [name for name in names if not re.match(r"/proc/(cpuinfo|meminfo|\d+/(fd|maps|stat|statm|status))$", name)] == [
        "/dev/null",
        *["pipe"] * 4,
    ]
