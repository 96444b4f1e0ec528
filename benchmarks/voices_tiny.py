"""Voices of the families that are made for a GPU, at tiny size: what a guest of theirs needs before it says anything."""

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.voices_published import BenchVoice
from scoring.synthesis.csm import tiny as tiny_csm
from tests.builders import qwen_voices, snac_voices


def _csm(folder: Path) -> BenchVoice:
    return BenchVoice(family="csm", what="tiny, random", folder=tiny_csm.build(folder / "csm"))


def _llama_snac(folder: Path) -> BenchVoice:
    made = snac_voices.build(folder / "llama_snac")
    return BenchVoice(family="llama_snac", what="tiny, random", folder=made.model, parts=made.parts)


def _qwen3_tts(folder: Path) -> BenchVoice:
    made = qwen_voices.build(folder)
    return BenchVoice(family="qwen3_tts", what="tiny, random", folder=made.design, parts=made.parts, environment=made.environment)


TINY: Mapping[str, Callable[[Path], BenchVoice]] = {"csm": _csm, "llama_snac": _llama_snac, "qwen3_tts": _qwen3_tts}
"""Writes a family's voice, and installs its packages, under a folder."""
