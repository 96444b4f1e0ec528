"""A hostile model tries to leave the sandbox where a wall is missing, a host gives less, or a card is within reach."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules
from scoring.errors import Code, InfrastructureFault
from scoring.progress import NO_PROGRESS
from scoring.synthesis.synthesiser import Request
from tests.builders.limits import limits
from workers.sandbox.card import Card, OwnCard
from workers.sandbox.sandbox import Sandbox
from workers.sandbox.selftest.catalogue import ATTEMPTS

Attack = Callable[..., tuple[Spoken, ...]]
HOSTILE = runpy.run_path(str(Path(__file__).with_name("hostile_guest.py")), run_name="hostile")


@pytest.mark.parametrize("host", sorted(HOSTILE["HOSTS"].keys() - {"landlock 1"}))
def test_a_poor_host_refuses_as_much(attack: Attack, host: str) -> None:
    """An older Landlock, or a container without namespaces, keeps every way out closed."""
    names = tuple(ATTEMPTS)
    spoken = attack("escape", *names, without=host)
    assert [name for name, said in zip(names, spoken, strict=True) if said.failure] == []


def test_a_worker_can_say_what_keeps_its_guests_in(tmp_path: Path, model: Path) -> None:
    """Each layer is named as the host gives it: here one with an old kernel, which hands no control groups over."""
    program = [str(Path(__file__).with_name("hostile_guest.py")), "landlock 3"]
    rules = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
    sandbox = Sandbox(tmp_path / "scratch", program, groups=lambda: None)
    sandbox.speak(model, "well", [Request("p0", "hello", "", 0)], limits(), rules, on_sample=NO_PROGRESS)
    assert sandbox.layers.keys() == {"landlock", "namespaces", "memory", "threads", "group"}
    assert (sandbox.layers["landlock"], sandbox.layers["group"]) == ("version 3", "the worker's")


def test_a_kernel_before_truncation_is_refused(attack: Attack) -> None:
    """Landlock's first version does not keep files from being truncated: nothing runs there."""
    with pytest.raises(InfrastructureFault, match="Landlock version 3 is needed") as caught:
        attack("an end without an answer", without="landlock 1")
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE


def test_what_a_card_opens_is_no_way_out(tmp_path: Path, model: Path) -> None:
    """With a card's walls, on a machine without one, all is refused but what the driver needs."""
    (tmp_path / "nvidia0").touch()
    card = OwnCard(lambda: (Card(0, "0000:17:00.0"),), lambda _card: 8 << 30, tmp_path)
    names = list(ATTEMPTS)
    requests = [Request(f"p{number}", name, "", number) for number, name in enumerate(names)]
    rules = SynthesisRules(device="cuda", threads=1, batch=1, dtype="bfloat16")
    sandbox = Sandbox(tmp_path / "scratch", [str(Path(__file__).with_name("hostile_guest.py")), "card"], card)
    spoken = sandbox.speak(model, "escape", requests, limits(card_bytes=1 << 30), rules, on_sample=NO_PROGRESS)
    assert [name for name, said in zip(names, spoken, strict=True) if said.failure] == [
        name for name, one in ATTEMPTS.items() if one.on_card
    ]


def test_the_environment_is_clean(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the worker's reaches the guest."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    (spoken,) = attack("well", "environment")
    names = bytes(spoken.pcm[::2]).decode().split("\n")
    assert sorted(names) == sorted(
        ["PATH", "LC_ALL", "HOME", "USER", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "HF_HUB_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"]
        + ["OMP_WAIT_POLICY", "MALLOC_ARENA_MAX"]
        + [f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL", "RAYON")]
    )


def test_threads_are_allowed(attack: Attack) -> None:
    """A model may compute in threads; only processes are refused."""
    (spoken,) = attack("threads")
    assert spoken.failure is None


@pytest.mark.parametrize("wall", HOSTILE["WALLS"])
def test_a_missing_wall_stops_everything(attack: Attack, wall: str) -> None:
    """Where one wall does not stand, no model is loaded, and the fault is ours."""
    with pytest.raises(InfrastructureFault) as caught:
        attack("an end without an answer", without=wall)
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE
