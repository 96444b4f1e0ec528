"""A hostile model breaks everything it may touch; the worker gets a verdict in time, and nothing is left behind."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.audio.spoken import Spoken
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.report import Gate
from tests.attacks.conftest import Guests
from workers.sandbox.sandbox import GuestStage, GuestTimedOut
from workers.sandbox.selftest.behaviours import BEHAVIOURS

TIMEOUTS = {Code.LOAD_TIMEOUT, Code.SAMPLE_TIMEOUT}
Attack = Callable[..., tuple[Spoken, ...]]


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, guests: Guests) -> object:
    """After every attack: no guest, and an empty scratch folder."""
    yield
    assert guests() == []
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize("name", [name for name, one in BEHAVIOURS.items() if one.verdict not in TIMEOUTS])
def test_it_is_the_models_fault(attack: Attack, name: str) -> None:
    """Whatever a loaded model breaks is put to its account, soon."""
    began = time.monotonic()
    with pytest.raises(SubmissionFault) as caught:
        attack(name)
    assert caught.value.code is BEHAVIOURS[name].verdict
    assert time.monotonic() - began < 15.0


@pytest.mark.parametrize(
    ("name", "code"),
    [
        pytest.param("load: an end without an answer", Code.LOAD_FAILED, id="an end"),
        pytest.param("load: memory without end", Code.MEMORY_EXCEEDED, id="memory"),
        *(pytest.param(f"rate: {hertz}", Code.LOAD_FAILED, id=f"{hertz} Hz") for hertz in (0, -1, 65_536, 4_000_000_000)),
    ],
)
def test_what_it_breaks_while_it_loads(attack: Attack, name: str, code: Code) -> None:
    """It is no better there."""
    with pytest.raises(SubmissionFault) as caught:
        attack(name)
    assert caught.value.code is code


def test_threads_are_watched_where_the_worker_is_not_asked(attack: Attack) -> None:
    """A host whose kernel asks for no thread sees them soon enough, and the model is blamed."""
    with pytest.raises(SubmissionFault) as caught:
        attack("threads without end", without="no questions")
    assert caught.value.code is Code.GENERATION_FAILED


def test_an_answer_before_its_prompt(attack: Attack) -> None:
    """An answer that came before it was asked for is none: the model could not know the prompt."""
    with pytest.raises(SubmissionFault, match="it answers before it was asked") as caught:
        attack("an answer too many", "hello", "hello")
    assert caught.value.code is Code.GENERATION_FAILED


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        *(pytest.param(name, GuestStage.SAMPLE, id=name) for name, one in BEHAVIOURS.items() if one.verdict in TIMEOUTS),
        pytest.param("load: a busy loop", GuestStage.LOAD, id="while loading"),
    ],
)
def test_a_deadline_ends_it(attack: Attack, name: str, stage: GuestStage) -> None:
    """Wall-clock time ends a guest that does not answer, whatever signals it ignores."""
    began = time.monotonic()
    with pytest.raises(GuestTimedOut) as caught:
        attack(name, load_seconds=1.0, sample_seconds=1.0)
    assert caught.value.stage is stage
    assert time.monotonic() - began < 10.0


def test_samples_fail_alone(attack: Attack) -> None:
    """A sample that raises, is not finite or not mono fails by itself and says why, on one printable line; the guest goes on."""
    spoken = attack("well", "hello", "fail", "nan", "stereo", "hello")
    assert [(item.prompt_id, item.failure, len(item.pcm), item.reason) for item in spoken] == [
        ("p0", None, 200, ""),
        ("p1", Gate.GENERATION_FAILED, 0, "RuntimeError: it broke in \\u202emodel"),
        ("p2", Gate.NOT_FINITE, 0, "100 of 100 samples are NaN or infinite"),
        ("p3", Gate.GENERATION_FAILED, 0, "a sample is mono, not of shape (2, 100)"),
        ("p4", None, 200, ""),
    ]


def test_too_much_audio(attack: Attack) -> None:
    """More audio than the competition allows ends the evaluation."""
    with pytest.raises(SubmissionFault) as caught:
        attack("well", "giant")
    assert caught.value.code is Code.OUTPUT_TOO_LARGE


def test_a_reason_is_safe_to_show(attack: Attack, model: Path) -> None:
    """What a model says about its failure is one printable line, and names no path of the host."""
    with pytest.raises(SubmissionFault) as caught:
        attack("load: fail")
    assert caught.value.code is Code.LOAD_FAILED
    assert caught.value.detail == "the model cannot be loaded: ValueError: model/config.json \\x1b[31mis odd"


@pytest.mark.parametrize("name", ["missing library", "load: no library", "no library"])
def test_a_missing_library_is_ours(attack: Attack, name: str) -> None:
    """A host without a family's library cannot judge it, whenever that shows; no model is blamed for that, and the reason is told."""
    with pytest.raises(InfrastructureFault, match="cannot be used on this host: ImportError: no such library") as caught:
        attack(name)
    assert caught.value.code is Code.LIBRARY_MISSING


def test_broken_parts_are_ours(attack: Attack) -> None:
    """What the competition pinned and cannot be opened is no model's fault either."""
    with pytest.raises(InfrastructureFault, match="cannot be opened: PartsUnusable: the codec is torn") as caught:
        attack("load: broken parts")
    assert caught.value.code is Code.PART_UNAVAILABLE


def test_chatter_is_bounded(attack: Attack) -> None:
    """A guest may print what it likes; the worker keeps only the end and goes on."""
    (spoken,) = attack("chatter")
    assert spoken.failure is None


def test_a_guest_killed_from_outside_is_not_the_models_fault(attack: Attack, guests: Guests) -> None:
    """SIGKILL, which a guest cannot send itself, is ours: the host ran out of memory, or an operator acted."""

    def kill(done: int, _total: int) -> None:
        for guest in guests():
            guest.send_signal(signal.SIGKILL)

    with pytest.raises(InfrastructureFault) as caught:
        attack("well", "hello", "hello", on_sample=kill)
    assert caught.value.code is Code.WORKER_ERROR


def test_the_workers_own_error_ends_the_guest(attack: Attack) -> None:
    """An exception out of the progress callback (a lost lease) passes through, and the guest is gone."""

    def lose_the_lease(_done: int, _total: int) -> None:
        raise TimeoutError("the lease is lost")

    with pytest.raises(TimeoutError, match="the lease is lost"):
        attack("well", "hello", "hello", on_sample=lose_the_lease)


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_are_not_leaked(attack: Attack) -> None:
    """After many evaluations the worker holds as many descriptors as before."""
    attack("well")
    before = _descriptors()
    for name in ("well", "an end without an answer", "garbage for an answer"):
        try:
            attack(name)
        except SubmissionFault:
            continue
    assert _descriptors() == before
