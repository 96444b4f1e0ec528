"""Llama with SNAC inside the real sandbox: the model's folder and the pinned codec are all that it can read."""

from pathlib import Path

from scoring.audio.spoken import Spoken
from scoring.competition import SynthesisRules
from scoring.progress import NO_PROGRESS
from scoring.report import Gate
from scoring.synthesis.synthesiser import Request
from tests.builders import snac_voices
from tests.builders.limits import limits
from tests.builders.snac_voices import SnacVoice
from workers.sandbox.sandbox import Sandbox

LIMITS = limits(load_seconds=60.0, sample_seconds=60.0, ram_bytes=2 << 30, max_audio_seconds=20.0)
TEXTS = ("hello there", "Here is a longer one; it goes on.", "—", "Yes")


def speak(scratch: Path, voice: SnacVoice) -> tuple[Spoken, ...]:
    """Let a model speak in a sandbox."""
    requests = [Request(f"p{number}", text, "a deep voice", number) for number, text in enumerate(TEXTS)]
    rules = SynthesisRules(device="cpu", threads=1, batch=4, dtype="float32")
    return Sandbox(scratch).speak(voice.model, "llama_snac", requests, LIMITS, rules, parts=voice.parts, on_sample=NO_PROGRESS)


def test_it_speaks_twice_alike(tmp_path: Path) -> None:
    """The same bytes from two guests; a text of a batch that cannot be said fails alone."""
    voice = snac_voices.build(tmp_path)
    first, second = (speak(tmp_path / "scratch", voice) for _ in range(2))
    failed = ("p2", Gate.GENERATION_FAILED, "the text holds no word")
    assert [(item.prompt_id, item.failure, item.reason) for item in first] == [
        ("p0", None, ""),
        ("p1", None, ""),
        failed,
        ("p3", None, ""),
    ]
    assert [item.pcm for item in first] == [item.pcm for item in second]
    assert all(len(item.pcm) >= 2 * 2_048 * 4 for item in first if item.failure is None)
