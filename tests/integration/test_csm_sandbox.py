"""CSM inside the real sandbox: the model's folder, as its library saves it, is all that it can read."""

from pathlib import Path

import pytest

from neurons.miner.model_check import check_folder, look_into_folder
from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules
from scoring.errors import Code
from scoring.progress import NO_PROGRESS
from scoring.report import Gate
from scoring.synthesis.csm import tiny
from scoring.synthesis.synthesiser import Request
from tests.builders.limits import limits
from tests.builders.rules import a_competition, a_track
from workers.sandbox.sandbox import Sandbox

LIMITS = limits(load_seconds=60.0, sample_seconds=60.0, ram_bytes=2 << 30, max_audio_seconds=20.0)
RULES = a_competition(a_track(families=("csm",)))
TEXTS = ("hello there", "Here is a longer one; it goes on.", "\u2014", "Yes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of eight files: a card, and what the library writes."""
    made = tiny.build(tmp_path / "model")
    (made / "README.md").write_text("---\nlicense: apache-2.0\n---\nA random model.\n", encoding="utf-8")
    return made


def speak(scratch: Path, model: Path, batch: int) -> tuple[Spoken, ...]:
    """Let a model speak in a sandbox."""
    requests = [Request(f"p{number}", text, "", number) for number, text in enumerate(TEXTS)]
    rules = SynthesisRules(device="cpu", threads=1, batch=batch, dtype="float32")
    return Sandbox(scratch).speak(model, "csm", requests, LIMITS, rules, on_sample=NO_PROGRESS)


def test_from_files_to_the_same_sound_twice(tmp_path: Path, folder: Path) -> None:
    """Checked as a validator does; the same bytes from two guests and in batches of other sizes; one text fails alone."""
    assert check_folder(folder, RULES).family == "csm"
    first, alone = (speak(tmp_path / "scratch", folder, batch) for batch in (4, 1))
    failed = ("p2", Gate.GENERATION_FAILED, "the text holds no word")
    expected = [("p0", None, ""), ("p1", None, ""), failed, ("p3", None, "")]
    assert [(item.prompt_id, item.failure, item.reason) for item in first] == expected
    assert [item.pcm for item in first] == [item.pcm for item in alone]
    assert all(len(item.pcm) >= 2 * 1_920 for item in first if item.failure is None)


def test_what_the_repository_of_the_authors_holds_beside_it(folder: Path) -> None:
    """Weights of the first code's form, pickles and recordings of prompts are not a model's: all are named at once."""
    (folder / "prompts").mkdir()
    for name in ("ckpt.pt", "prompts/conversational_a.wav", "transformers.safetensors"):
        (folder / name).write_bytes(b"")
    (folder / "tokenizer.json").unlink()
    found, faults = look_into_folder(folder, RULES)
    assert (found, {fault.code for fault in faults} >= {Code.FILE_NOT_ALLOWED, Code.CONFIG_INVALID}) == (None, True)
    (surplus,) = [fault for fault in faults if fault.code is Code.FILE_NOT_ALLOWED]
    assert all(name in str(surplus) for name in ("ckpt.pt", "prompts/conversational_a.wav", "transformers.safetensors"))
