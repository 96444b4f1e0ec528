"""Builders of a random Pocket TTS that speaks, and of the codec and the voice to go with it, in a folder or on a hub."""

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neurons.localnet.repositories import publish
from scoring.synthesis.pocket_tts import tiny

RATE = 16_000
CARD = "---\nlicense: mit\n---\nA random model.\n"


@dataclass(frozen=True, slots=True)
class PocketVoice:
    """A model's folder, and that of the parts that a competition pins."""

    model: Path
    parts: Path


def build(folder: Path) -> PocketVoice:
    """Write both below a folder; the model's speech ends at random: the end logit hangs on the noise."""
    made = PocketVoice(folder / "model", folder / "parts")
    tiny.build(made.model, end_logit=-8.0, end_spread=4.0)
    tiny.build_parts(made.parts)
    return made


def publish_parts(hub: Path, folder: Path, codec: str, speaker: str, recordings: Sequence[str]) -> None:
    """Publish a random codec, and a second and a half of a falling tone as each recording, in two repositories of a hub's folder."""
    tiny.build_codec(folder / "codec")
    time = np.arange(int(1.5 * RATE)) / RATE
    tone = np.rint(9_000 * np.sin(2.0 * np.pi * (300.0 - 60.0 * time) * time)).astype("<i2")
    for recording in recordings:
        path = folder / "speaker" / recording
        path.parent.mkdir(parents=True, exist_ok=True)
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(tone.tobytes())
    for part, repo in (("codec", codec), ("speaker", speaker)):
        (folder / part / "README.md").write_text(CARD, encoding="utf-8")
        publish(hub, repo, folder / part)
