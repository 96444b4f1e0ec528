"""Sandboxes with a hostile guest inside, and what they are told; voices that answer a round's prompts."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules
from scoring.progress import NO_PROGRESS
from scoring.synthesis.render import render
from scoring.synthesis.synthesiser import Request
from tests.builders import espeak_voices
from tests.builders.limits import limits as wide_limits
from workers.sandbox.sandbox import Sandbox

HOSTILE = Path(__file__).with_name("hostile_guest.py")

Guests = Callable[[], list[psutil.Process]]
Attack = Callable[..., tuple[Spoken, ...]]
Answer = Callable[[Sequence[Group], str], dict[str, Spoken]]


@pytest.fixture(scope="session")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Answer:
    """What an espeak-ng variant, named as the library does, says for the prompts of groups, as their descriptions ask."""
    from scoring.synthesis.load import adapter

    def spoken(groups: Sequence[Group], variant: str) -> dict[str, Spoken]:
        folder = espeak_voices.build(tmp_path_factory.mktemp("voice"))["clear"]
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps(config | {"voices": {"low": variant, "high": variant}}), encoding="utf-8")
        voice = adapter("espeak")(folder, None, 1, "float32")
        asked = {prompt.id: render("espeak", prompt) for group in groups for prompt in group.prompts}
        waves = voice.generate([Request(key, said.text, said.description or "", 0) for key, said in asked.items()])
        pcm = ((wave * 32768.0).round().clip(-32768, 32767).astype("<i2").tobytes() for wave in waves)
        return {
            key: Spoken(prompt_id=key, rate=voice.sample_rate, pcm=sound, seconds=0.0)
            for key, sound in zip(asked, pcm, strict=True)
        }

    return spoken


@pytest.fixture
def guests() -> Guests:
    """The processes below this one that were not there before the test: the servers of other tests stay."""
    here = psutil.Process()
    before = here.children()

    def new() -> list[psutil.Process]:
        started = [child for child in here.children() if child not in before]
        return started + [below for child in started for below in child.children(recursive=True)]

    return new


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder that holds a link out of itself, beside a file that is none of a guest's business."""
    return build_model(tmp_path)


@pytest.fixture
def attack(tmp_path: Path, model: Path) -> Attack:
    """Let a hostile model of the given name speak the given texts; without a wall where one is named."""
    return build_attack(tmp_path, model)


def build_model(root: Path) -> Path:
    """The folder that `model` describes."""
    folder = root / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="ascii")
    (root / "secret").write_text("a key", encoding="ascii")
    (folder / "link").symlink_to(root / "secret")
    return folder


def build_attack(root: Path, model: Path) -> Attack:
    """What `attack` describes."""

    def run(
        name: str,
        *texts: str,
        without: str | None = None,
        on_sample: Callable[[int, int], None] = NO_PROGRESS,
        **limits: object,
    ) -> tuple[Spoken, ...]:
        program = [str(HOSTILE), *([without] if without else [])]
        requests = [Request(f"p{number}", text, "a voice", number) for number, text in enumerate(texts or ("hello",))]
        rules = SynthesisRules(device="cpu", threads=1, batch=1, dtype="float32")
        sandbox = Sandbox(root / "scratch", program)
        return sandbox.speak(model, name, requests, wide_limits(**limits), rules, on_sample=on_sample)

    return run
