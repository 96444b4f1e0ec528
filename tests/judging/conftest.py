"""Sound for the judges' tests: a real, small synthesiser, and tones of known pitch and level."""

import math
from collections.abc import Callable
from typing import Protocol

import pytest
import torch

from prompts.groups import Group, GroupKind, Prompt
from prompts.voices import Register, Voice
from scoring.audio.audio import Audio
from scoring.audio.clip import Clip
from scoring.judges.judge import Utterance


class Speak(Protocol):
    """Says a text in an espeak-ng voice; 16-bit mono PCM at 22,050 Hz."""

    def __call__(self, text: str, voice: str = "en-us+f2") -> bytes: ...


class Ask(Protocol):
    """Builds one utterance: a sound for a text asked in a voice of these levels."""

    def __call__(self, audio: Audio, text: str = ..., register: Register | None = ..., **levels: int) -> Utterance: ...


@pytest.fixture(scope="session")
def speak() -> Speak:
    """espeak-ng inside this process: a test is no part of what is distributed."""
    from scoring.synthesis.espeak_library import EspeakSettings, say

    def pcm(text: str, voice: str = "en-us+f2") -> bytes:
        wave = say(text, EspeakSettings(voice=voice, rate=175, pitch=50, range=50, amplitude=100, word_gap=0))
        return (wave * 32768.0).round().astype("<i2").tobytes()

    return pcm


@pytest.fixture(scope="session")
def tone() -> Callable[..., Audio]:
    """A harmonic tone with vibrato: mean F0 in Hz, depth of the vibrato in Hz, amplitude, seconds."""

    def build(hertz: float, depth: float = 0.0, amplitude: float = 0.2, seconds: float = 2.0, rate: int = 16_000) -> Audio:
        time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
        phase = 2 * math.pi * hertz * time - depth / 2.0 * torch.cos(2 * math.pi * 2.0 * time)  # 2 Hz vibrato
        wave = sum(torch.sin(k * phase) / k for k in range(1, 11))
        return Audio((amplitude * torch.as_tensor(wave)).to(torch.float32), rate)

    return build


@pytest.fixture(scope="session")
def ask() -> Ask:
    """One single prompt and what was said for it."""

    def build(audio: Audio, text: str = "open the gate", register: Register | None = Register.LOW, **levels: int) -> Utterance:
        voice = Voice(register=register, **{"rate": 3, "pitch": 3, "expression": 3, "loudness": 3, **levels})
        prompt = Prompt(id="g00.a", text=text, description="as asked", voice=voice)
        return Utterance(prompt, Group("g00", GroupKind.SINGLE, (prompt,)), Clip(audio))

    return build
