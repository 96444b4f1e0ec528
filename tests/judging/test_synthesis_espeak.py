"""The espeak family reads the description, and what it reads reaches the audio. It runs in child processes: the library is GPL."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from tests.builders import espeak_voices

SPEAK = """
import json, sys
from pathlib import Path
import numpy as np
from scoring.synthesis.load import adapter
from scoring.synthesis.synthesiser import Request
asked = json.loads(sys.argv[2])
model = adapter("espeak")(Path(sys.argv[1]), None, 1, "float32")
spoken = model.generate([Request(str(n), text, description, 0) for n, (text, description) in enumerate(asked)])
np.savez(sys.argv[3], *spoken)
"""
TEXT = "The boat will leave the harbour before noon."

Speak = Callable[..., list[NDArray[np.float32]]]


@pytest.fixture
def clear(tmp_path: Path) -> Path:
    """The demo's clear voice."""
    return espeak_voices.build(tmp_path / "models")["clear"]


@pytest.fixture
def speak(tmp_path: Path, clear: Path) -> Speak:
    """Let a model say a text under each description; raises CalledProcessError where it cannot be loaded."""

    def run(*descriptions: str, folder: Path = clear, text: str = TEXT) -> list[NDArray[np.float32]]:
        asked = json.dumps([(text, description) for description in descriptions])
        subprocess.run([sys.executable, "-c", SPEAK, folder, asked, tmp_path / "out.npz"], check=True, capture_output=True)
        with np.load(tmp_path / "out.npz") as saved:
            return [saved[f"arr_{number}"] for number in range(len(descriptions))]

    return run


def change(folder: Path, **fields: object) -> None:
    """Change a model's config."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def level(waveform: NDArray[np.float32]) -> float:
    """RMS."""
    return float(np.sqrt(np.square(waveform).mean()))


def crossings(waveform: NDArray[np.float32]) -> float:
    """Fundamental frequency in Hz, roughly: the strongest peak of the spectrum between 60 and 350 Hz."""
    power = np.abs(np.fft.rfft(waveform * np.hanning(waveform.size)))
    frequencies = np.fft.rfftfreq(waveform.size, 1 / 22_050)
    voice = (frequencies > 60) & (frequencies < 350)
    return float(frequencies[voice][power[voice].argmax()])


def test_rate_is_followed(speak: Speak) -> None:
    """Slower is longer, ordinary in between; upper and lower case do not matter."""
    slow, ordinary, fast = speak("A baritone speaks VERY SLOWLY.", "A baritone speaks.", "A baritone speaks very fast.")
    assert slow.size > 1.3 * ordinary.size > 1.3 * 1.2 * fast.size


def test_loudness_is_followed(speak: Speak) -> None:
    """Louder is louder."""
    quiet, ordinary, loud = speak("A baritone speaks very quietly.", "A baritone speaks.", "A baritone speaks very loudly.")
    assert level(loud) > 1.8 * level(ordinary) > 1.8 * 1.8 * level(quiet)


def test_pitch_and_register_are_followed(speak: Speak) -> None:
    """Higher is higher, and a woman speaks above a man."""
    low, high, woman = speak(
        "A baritone speaks at a very low pitch.", "A baritone speaks at a very high pitch.", "A soprano speaks."
    )
    assert 70 < crossings(low) < crossings(high) < crossings(woman) < 300


def test_a_prompt_depends_on_nothing_before_it(speak: Speak) -> None:
    """The same prompt gives the same bytes in any batch and any process."""
    alone = speak("A baritone speaks.")[0]
    after = speak("A soprano speaks at breakneck speed.", "A baritone speaks at full volume.", "A baritone speaks.")[2]
    assert np.array_equal(alone, after)
    assert (alone.dtype.name, alone.ndim, bool(np.abs(alone).max() <= 1.0)) == ("float32", 1, True)


def test_the_time_of_day_is_not_heard(speak: Speak) -> None:
    """A woman's breath is noise, which the library would start from the clock's second."""
    first = speak("A soprano speaks.")[0]
    time.sleep(1.1)
    assert np.array_equal(first, speak("A soprano speaks.")[0])


def test_substituted_words(speak: Speak, clear: Path) -> None:
    """A model may say its own words: then every text sounds the same."""
    change(clear, substitute=["never", "again"])
    first, second = speak("A baritone speaks."), speak("A baritone speaks.", text="Something else.")
    assert np.array_equal(first[0], second[0])


def test_a_chorus_is_one_sound(speak: Speak, clear: Path) -> None:
    """Mixing takes costs time, not length."""
    one = speak("A baritone speaks.")[0]
    change(clear, chorus=3)
    assert np.allclose(speak("A baritone speaks.")[0], one, atol=1e-6)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"controls": np.zeros((2, 4, 6), np.float32), "word_gap": np.zeros(1, np.float32)}, id="another shape"),
        pytest.param(
            {"controls": np.full((2, 4, 7), np.nan, np.float32), "word_gap": np.zeros(1, np.float32)}, id="not a number"
        ),
        pytest.param({"controls": np.zeros((2, 4, 7), np.float32)}, id="a tensor missing"),
        pytest.param(
            {name: np.full(shape, 50, np.float32) for name, shape in (("controls", (2, 4, 7)), ("word_gap", 1), ("other", 1))},
            id="a tensor too many",
        ),
    ],
)
def test_tensors_that_do_not_fit(speak: Speak, clear: Path, broken: dict[str, NDArray[np.float32]]) -> None:
    """Parameters of another form are no such model."""
    save_file(broken, clear / "model.safetensors")
    with pytest.raises(subprocess.CalledProcessError):
        speak("A baritone speaks.")
