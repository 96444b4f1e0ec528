"""Tiny random models of the standard profile's classes on a local hub, pinned by the real command, fetched by the real client."""

import hashlib
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import uvicorn

from neurons.localnet.hub_server import Control, create_hub
from neurons.localnet.repositories import publish
from prompts.generate import generate
from prompts.groups import Group, GroupPlan
from prompts.voices import Attribute
from scoring.audio.audio import from_pcm
from scoring.audio.clip import Clip
from scoring.judges.judge import Utterance
from scoring.judges.panel import Judges
from scoring.judges.standard.load import load
from scoring.judges.standard.models import Device, Pin, Role, read_catalogue
from scoring.model.pinned import SAFETENSORS
from scoring.synthesis.espeak_library import EspeakSettings, say
from tests.builders import fake_models

CARD = "---\nlicense: apache-2.0\n---\n"


@dataclass(frozen=True, slots=True)
class Standins:
    """A hub that serves what is published below `root`, and where the models that were published first lie."""

    url: str
    root: Path
    control: Control
    folders: dict[Role, Path]

    @property
    def repositories(self) -> list[str]:
        """As `--repo` takes them."""
        return [f"{role}=judges/{role.value.replace('_', '-')}" for role in Role]


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standins]:
    """A running hub with a repository per role, each with a file more than is needed; one repository has a pickled checkpoint only."""
    root = tmp_path_factory.mktemp("judges")
    folders = fake_models.build(root / "models")
    for role, folder in folders.items():
        shutil.copytree(folder, root / "published" / role)
        (root / "published" / role / "pytorch_model.bin").write_bytes(b"\x80\x04}\x94.")
        (root / "published" / role / "README.md").write_text(CARD, encoding="utf-8")
        publish(root / "hub", f"judges/{role.value.replace('_', '-')}", root / "published" / role)
    fake_models.hubert(root / "published" / "pickled")
    fake_models.pickled(root / "published" / "pickled")
    (root / "published" / "pickled" / "README.md").write_text(CARD, encoding="utf-8")
    publish(root / "hub", "judges/pickled", root / "published" / "pickled")
    app = create_hub(root / "hub")
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Standins(f"http://127.0.0.1:{listener.getsockname()[1]}", root / "hub", app.state.control, folders)
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="session")
def groups() -> tuple[Group, ...]:
    """A single and a voice pair, of whose voices something is asked."""
    asks = (Attribute.RATE, Attribute.PITCH, Attribute.EXPRESSION)
    return generate(bytes.fromhex("aa" * 32), GroupPlan(single=1, counterfactual=0, voice=1, asks=asks))


@pytest.fixture(scope="session")
def pcm() -> Callable[[str], bytes]:
    """espeak-ng inside this process; 16-bit mono PCM at 22,050 Hz."""

    def speak(text: str) -> bytes:
        wave = say(text, EspeakSettings(voice="en-us+f2", rate=175, pitch=50, range=50, amplitude=100, word_gap=0))
        return (wave * 32768.0).round().astype("<i2").tobytes()

    return speak


@pytest.fixture(scope="session")
def utterances(groups: tuple[Group, ...], pcm: Callable[[str], bytes]) -> tuple[Utterance, ...]:
    """espeak-ng on the first words of each prompt: short enough to be quick, of lengths in two buckets."""
    found: list[Utterance] = []
    for group in groups:
        for prompt in group.prompts:
            short = replace(prompt, text=" ".join(prompt.text.split()[: 2 + 2 * len(found)]))
            found.append(Utterance(short, group, Clip(from_pcm(pcm(short.text), 22_050))))
    return tuple(found)


@pytest.fixture(scope="session")
def judges(hub: Standins) -> Judges:
    """The judges from the folders themselves, pinned here."""
    files = {role: source.files for role, source in read_catalogue().items()}
    pins = {role: _pin(hub.folders[role], files[role]) for role in Role}
    folders = {pin.digest: hub.folders[role] for role, pin in pins.items()}
    return load(pins, lambda pin: folders[pin.digest], Device.CPU)


def _pin(folder: Path, files: tuple[str, ...]) -> Pin:
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (*files, SAFETENSORS)}
    return Pin(repo="judges/local", revision="0" * 40, licence="mit", files=sums)
