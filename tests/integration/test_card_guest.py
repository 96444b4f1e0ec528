"""Guests of a track on cards, with the walls of a card and without one: what they may do, and whose fault a card's error is."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from neurons.miner.first_words import first_words
from neurons.settings import MinerSettings
from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules, Track
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.progress import NO_PROGRESS
from scoring.report import Gate
from scoring.synthesis.parts import PinnedPart
from scoring.synthesis.synthesiser import Request
from tests.builders.rules import a_track
from tests.builders.tools import build_tools
from workers.evaluation.batches import composed
from workers.evaluation.obtain import LocalModel
from workers.evaluation.parts import PartStore
from workers.evaluation.progress import Stage
from workers.evaluation.requests import TimedRequest
from workers.evaluation.speaking import speak
from workers.sandbox.card import Card, OwnCard, free_bytes
from workers.sandbox.reference_guest import ReferenceGuest
from workers.sandbox.sandbox import Sandbox

GUEST = Path(__file__).with_name("card_guest.py")
CARD = Card(0, "0000:17:00.0")
CODEC = PinnedPart(repo="a/codec", revision="1" * 40, licence="mit", files={"model.safetensors": "2" * 64})
NOBODY = "http://127.0.0.1:9"
WHATEVER = timedelta(minutes=1)
"""A usual time that the reference guest keeps on any host."""
WELL = "a reference guest on the same card spoke"


def on_card(batch: int = 1) -> Track:
    """Rules of a track on cards; half of its samples may be lost."""
    arithmetic = SynthesisRules(device="cuda", threads=1, batch=batch, dtype="bfloat16")
    return a_track(synthesis=arithmetic, limits={"card_bytes": 4 << 30, "late_share": 0.5})


class Host:
    """A host with a card, well or broken, on which a model speaks."""

    def __init__(self, root: Path) -> None:
        self.root, self.looks = root, 0
        self.on_look: Callable[[], None] = lambda: None
        (root / "nvidia0").touch()

    def speak(self, *texts: str, model: str = "well", broken: bool = False) -> list[Spoken]:
        """What the model answers, in the order of the texts."""
        folder = self.root / model
        folder.mkdir(exist_ok=True)
        card = OwnCard(lambda: (CARD,), lambda _card: 8 << 30, self.root)
        sandbox = Sandbox(self.root / "scratch", [str(GUEST), *(["broken"] if broken else [])], card)
        tools = build_tools(self.root, sandbox=sandbox, reference=ReferenceGuest(sandbox, {"cuda": WHATEVER}))
        asked = [TimedRequest(Request(f"p{number}", text, "", number), 20.0) for number, text in enumerate(texts)]
        found = speak(LocalModel(folder, "espeak", on_card()), composed(asked, 1), tools, self._progress)
        return sorted(found, key=lambda said: said.prompt_id)

    def _progress(self, stage: Stage, done: int, total: int) -> None:
        if stage is Stage.HOST:
            self.looks = done
            self.on_look()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host of the test's own."""
    return Host(tmp_path)


def test_what_a_card_needs_and_no_more(host: Host) -> None:
    """Shared and reserved memory, and names for threads; requests that are no card's stay refused."""
    assert [said.reason for said in host.speak("reach", "a text")] == ["", ""]


def test_an_error_that_does_not_come_again_costs_nothing(host: Host) -> None:
    """The reference model passes on the card, and the next guest says the same."""
    host.on_look = (host.root / "well" / "tried").touch
    spoken = host.speak("a text", "once", "another")
    assert ([said.failure for said in spoken], host.looks) == ([None, None, None], 1)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("error", "RuntimeError: CUDA error: device-side assert triggered", id="an error of the card"),
        pytest.param("crash", "its process died of signal 11", id="a crash where the driver lies"),
    ],
)
def test_an_error_that_comes_again_is_the_models(host: Host, text: str, why: str) -> None:
    """It costs that batch, and says why; others are spoken."""
    first, second, third = host.speak("a text", text, "another")
    assert (first.failure, second.failure, third.failure) == (None, Gate.GENERATION_FAILED, None)
    assert (second.reason or "").startswith(f"the card failed while the model should speak: {why}; {WELL}")
    assert host.looks == 2


def test_a_model_whose_errors_are_too_many(host: Host) -> None:
    """It is refused as soon as more than the rules' share is lost."""
    with pytest.raises(SubmissionFault, match="2 of 3 samples are lost, the last so: the card failed") as caught:
        host.speak("error", "error", "a text")
    assert caught.value.code is Code.GENERATION_FAILED


def test_a_model_that_fails_on_its_way_to_the_card(host: Host) -> None:
    """Twice, and the reference model does not: it cannot be loaded."""
    with pytest.raises(SubmissionFault, match=f"the card failed while the model should load: .*{WELL}") as caught:
        host.speak("a text", model="odd")
    assert (caught.value.code, host.looks) == (Code.LOAD_FAILED, 2)


def test_a_broken_card_is_the_hosts_fault(host: Host) -> None:
    """The reference model fails there, too: the evaluation goes to another host, at no cost."""
    with pytest.raises(InfrastructureFault, match="the card fails the reference model, too") as caught:
        host.speak("error", broken=True)
    assert (caught.value.code, host.looks) == (Code.CARD_UNAVAILABLE, 1)


def test_more_of_the_card_than_there_may_be(host: Host) -> None:
    """The card's memory is the track's to bound, like the host's."""
    with pytest.raises(SubmissionFault) as caught:
        host.speak("memory")
    assert caught.value.code is Code.MEMORY_EXCEEDED


def test_a_host_without_a_card(tmp_path: Path) -> None:
    """It is named before gigabytes of parts or packages are brought for nothing, to a miner, too; nothing is put down to the model."""
    track = on_card().model_copy(update={"parts": {"espeak": {"codec": CODEC}}})
    sandbox = Sandbox(tmp_path / "scratch", card=OwnCard(lambda: ()))
    tools = build_tools(tmp_path, sandbox=sandbox, reference=ReferenceGuest(sandbox), parts=PartStore(NOBODY, tmp_path / "parts"))
    with pytest.raises(InfrastructureFault, match="this host has no card") as worker:
        next(speak(LocalModel(tmp_path, "espeak", track), [], tools, NO_PROGRESS))
    settings = MinerSettings(data=tmp_path, hub=NOBODY)
    with pytest.raises(InfrastructureFault, match="this host has no card") as miner:
        first_words(tmp_path, "espeak", track, settings, NO_PROGRESS, sandbox=sandbox)
    assert (worker.value.code, miner.value.code) == (Code.CARD_UNAVAILABLE, Code.CARD_UNAVAILABLE)


def test_a_miners_card_that_fails(host: Host) -> None:
    """The command says so under a code, and who can tell whether the model is the reason."""
    (host.root / "odd").mkdir()
    card = OwnCard(lambda: (CARD,), lambda _card: 8 << 30, host.root)
    sandbox = Sandbox(host.root / "scratch", [str(GUEST)], card)
    with pytest.raises(InfrastructureFault, match="the card failed while the model should load: ") as caught:
        first_words(host.root / "odd", "espeak", on_card(), MinerSettings(data=host.root), NO_PROGRESS, sandbox=sandbox)
    assert caught.value.code is Code.CARD_UNAVAILABLE


DEVICES = """
import errno, fcntl, sys
from pathlib import Path
from workers.sandbox.guest import landlock
version = landlock.restrict(landlock.Reach(readable=[Path("/dev/zero")], devices=[Path("/dev/full")]))
for path, mode in (("/dev/full", "r+b"), ("/dev/zero", "rb")):
    with open(path, mode, buffering=0) as device:
        try:
            fcntl.ioctl(device, 0x462A)
        except OSError as exc:
            print(version, errno.errorcode[exc.errno])
try:
    open("/dev/zero", "r+b")
except OSError as exc:
    print(version, errno.errorcode[exc.errno])
"""


def test_only_a_cards_device_files_are_asked_by_ioctl() -> None:
    """One in reach as a device answers by itself; of another that may be read, the kernel lets nothing be asked, from version 5 on."""
    done = subprocess.run([sys.executable, "-c", DEVICES], capture_output=True, text=True, check=True)
    version, *answers = done.stdout.split()
    assert answers[::2] == ["ENOTTY", "EACCES" if int(version) >= 5 else "ENOTTY", "EACCES"]


HOLDER = """
import sys
from pathlib import Path
from workers.sandbox.card import Card, OwnCard
print(OwnCard(lambda: (Card(0, "bus"),), lambda card: 1 << 40, Path(sys.argv[1]))(1), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that holds the card."""
    (tmp_path / "nvidia0").touch()
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_lock_ends_with_its_holder(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    """Also with one that is killed."""
    mine = OwnCard(lambda: (CARD,), lambda _card: 8 << 30, tmp_path)
    with pytest.raises(InfrastructureFault, match="none is free"):
        mine(1)
    holder.kill()
    holder.wait()
    assert mine(1) == CARD


def test_a_driver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without its program, or with another answer than a number: ours."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InfrastructureFault, match="nvidia-smi does not say"):
        free_bytes(CARD)
    program = tmp_path / "nvidia-smi"
    for answer, found in (("81234", 81234 << 20), ("[N/A]", None)):
        program.write_text(f'#!/bin/sh\n[ "$1" = "--id={CARD.bus}" ] && echo "{answer}"\n', encoding="ascii")
        program.chmod(0o755)
        if found is None:
            with pytest.raises(InfrastructureFault, match="nvidia-smi does not say"):
                free_bytes(CARD)
        else:
            assert free_bytes(CARD) == found
