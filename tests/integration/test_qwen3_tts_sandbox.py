"""Qwen3-TTS inside the real sandbox: the model's folder, the pinned codec and the family's own packages are all that it can read."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neurons.localnet.network import COMPETITION
from neurons.localnet.repositories import publish
from neurons.miner.model_check import check_folder, look_into_folder
from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules
from scoring.errors import Code
from scoring.progress import NO_PROGRESS
from scoring.report import Gate
from scoring.synthesis.synthesiser import Request
from tests.builders import qwen_voices
from tests.builders.command_line import voice
from tests.builders.limits import limits
from tests.builders.qwen_voices import QwenVoices
from tests.builders.rules import a_competition, a_track
from tests.integration.hub_thread import hub_over
from workers.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.timeout(300)  # pip installs 70 MB first
LIMITS = limits(load_seconds=60.0, sample_seconds=60.0, ram_bytes=4 << 30, max_audio_seconds=20.0)
RULES = a_competition(a_track(families=("qwen3_tts",)))
TEXTS = ("hello there", "Here is a longer one; it goes on.", "—", "Yes")


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> QwenVoices:
    """Models, codec and packages."""
    return qwen_voices.build(tmp_path_factory.mktemp("qwen"))


def speak(scratch: Path, voices: QwenVoices, model: Path, batch: int) -> tuple[Spoken, ...]:
    """Let a model speak in a sandbox."""
    requests = [Request(f"p{number}", text, "a deep voice", number) for number, text in enumerate(TEXTS)]
    rules = SynthesisRules(device="cpu", threads=1, batch=batch, dtype="float32")
    brought = {"parts": voices.parts, "environment": voices.environment}
    return Sandbox(scratch).speak(model, "qwen3_tts", requests, LIMITS, rules, **brought, on_sample=NO_PROGRESS)


def test_from_files_to_the_same_sound_twice(tmp_path: Path, voices: QwenVoices) -> None:
    """Checked as a validator does; the same bytes from two guests and in batches of other sizes; one text fails alone."""
    assert check_folder(voices.design, RULES).family == "qwen3_tts"
    first, alone = (speak(tmp_path / "scratch", voices, voices.design, batch) for batch in (4, 1))
    failed = ("p2", Gate.GENERATION_FAILED, "the text holds no word")
    expected = [("p0", None, ""), ("p1", None, ""), failed, ("p3", None, "")]
    assert [(item.prompt_id, item.failure, item.reason) for item in first] == expected
    assert [item.pcm for item in first] == [item.pcm for item in alone]
    assert all(len(item.pcm) >= 2 * 1_920 * 2 for item in first if item.failure is None)


def test_a_folder_of_the_authors_own_training(voices: QwenVoices, tmp_path: Path) -> None:
    """It has the codec in it: all that has to go is named at once, and then it is accepted."""
    folder = Path(shutil.copytree(voices.custom, tmp_path / "model"))
    (folder / "speech_tokenizer").mkdir()
    surplus = ["speech_tokenizer/config.json", "speech_tokenizer/model.safetensors"]
    for name in surplus:
        shutil.copy(voices.parts / "codec" / Path(name).name, folder / name)
    found, faults = look_into_folder(folder, RULES)
    assert (found, [fault.code for fault in faults]) == (None, [Code.FILE_NOT_ALLOWED])
    assert all(name in str(faults[0]) for name in surplus)
    shutil.rmtree(folder / "speech_tokenizer")
    assert check_folder(folder, RULES).family == "qwen3_tts"


def test_from_the_pin_of_its_codec_to_a_score(voices: QwenVoices, tmp_path: Path) -> None:
    """The rules hold the codec's checksums; `voice miner score` fetches it, lets the model speak with it, and judges."""
    publish(tmp_path / "hub", "parts/codec", voices.parts / "codec")
    with hub_over(tmp_path / "hub") as url:
        place = {"HF_ENDPOINT": url, "VOICE_DATA": str(tmp_path / "data"), "VOICE_ENVIRONMENTS": str(voices.environments)}
        pinned = voice(tmp_path, "family", "pin", "qwen3_tts", "--repo", "codec=parts/codec", **place)
        assert (pinned.returncode, "codec: parts/codec@" in pinned.stdout) == (0, True)
        text = COMPETITION.read_text(encoding="utf-8").replace('["espeak", "vits"]', '["qwen3_tts"]')
        text = (
            text.replace("single = 5", "single = 1")
            .replace("voice = 1", "voice = 0")
            .replace("_seconds = 10.0", "_seconds = 60.0")
        )
        lines = (tmp_path / "parts.toml").read_text(encoding="utf-8")
        (tmp_path / "rules.toml").write_text(f"{text}\n{lines}", encoding="utf-8")
        asked = ("--json", "--block-hash", f"0x{'5a' * 32}", "--competition", "rules.toml")
        done = voice(tmp_path, "miner", "score", str(voices.design), *asked, **place)
    assert done.returncode == 0, done.stderr
    (sample,) = json.loads(done.stdout)["samples"]
    assert (sample["rate"], sample["gate"]) == (24_000, "too_short")


def test_in_a_process_with_its_packages(voices: QwenVoices) -> None:
    """What `qwen3_tts_in_guest` says of the family holds: it cannot be imported beside the worker's own packages."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--noconftest", "-W", "default"]
    done = subprocess.run(
        [*command, str(Path(__file__).with_name("qwen3_tts_in_guest.py"))],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(voices.environment), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 0, done.stdout[-4_000:]
