"""Pocket TTS inside the real sandbox: the model's folder and the pinned parts are all that it can read."""

from pathlib import Path

import pytest

from scoring.audio.spoken import Spoken
from scoring.competition import SubmissionLimits, SynthesisRules
from scoring.progress import NO_PROGRESS
from scoring.report import Gate
from scoring.synthesis.pocket_tts import tiny
from scoring.synthesis.synthesiser import Request
from workers.sandbox.sandbox import Sandbox

LIMITS = SubmissionLimits(
    cooldown_blocks=0,
    repo_bytes=1,
    header_bytes=1,
    load_seconds=60.0,
    sample_seconds=60.0,
    late_factor=10.0,
    late_share=0.25,
    ram_bytes=2 << 30,
    max_audio_seconds=20.0,
    expected_low=0.4,
    expected_high=2.5,
)
TEXTS = ("hello there", "Here is a longer one; it goes on.", "—", "Yes")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random codec and voice."""
    folder = tmp_path_factory.mktemp("parts")
    tiny.build_parts(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model."""
    folder = tmp_path_factory.mktemp("model")
    tiny.build(folder, end_logit=-8.0, end_spread=4.0)
    return folder


def speak(scratch: Path, folder: Path, parts: Path) -> tuple[Spoken, ...]:
    """Let a model speak in a sandbox."""
    requests = [Request(f"p{number}", text, "", number) for number, text in enumerate(TEXTS)]
    rules = SynthesisRules(threads=1, batch=4, dtype="float32")
    return Sandbox(scratch).speak(folder, "pocket_tts", requests, LIMITS, rules, parts=parts, on_sample=NO_PROGRESS)


def test_it_speaks_twice_alike(tmp_path: Path, folder: Path, parts: Path) -> None:
    """The same bytes from two guests; a text of a batch that cannot be said fails alone."""
    first, second = (speak(tmp_path / "scratch", folder, parts) for _ in range(2))
    failed = ("p2", Gate.GENERATION_FAILED, "the text holds no word")
    assert [(item.prompt_id, item.failure, item.reason) for item in first] == [
        ("p0", None, ""),
        ("p1", None, ""),
        failed,
        ("p3", None, ""),
    ]
    assert [item.pcm for item in first] == [item.pcm for item in second]
    assert all(len(item.pcm) >= 2 * 1_920 * 9 for item in first if item.failure is None)
