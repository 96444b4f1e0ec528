"""Builders of a random Llama that speaks, and of the codec to go with it, in a folder or on a hub."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from neurons.localnet.repositories import publish
from scoring.model.checkpoint import convert
from scoring.synthesis.llama_snac import tiny

CARD = "---\nlicense: apache-2.0\n---\nA random model.\n"


@dataclass(frozen=True, slots=True)
class SnacVoice:
    """A model's folder, and that of the parts that a competition pins."""

    model: Path
    parts: Path


def build(folder: Path) -> SnacVoice:
    """Write both below a folder; the model's speech ends at random."""
    made = SnacVoice(folder / "model", folder / "parts")
    tiny.build(made.model)
    tiny.build_codec(folder / "published")
    (made.parts / "codec").mkdir(parents=True)
    shutil.copyfile(folder / "published" / "config.json", made.parts / "codec" / "config.json")
    convert(folder / "published" / "pytorch_model.bin", made.parts / "codec" / "model.safetensors")
    return made


def publish_codec(hub: Path, folder: Path, repo: str) -> str:
    """Publish a random codec, pickled, in a repository of a hub's folder; its revision."""
    tiny.build_codec(folder)
    (folder / "README.md").write_text(CARD, encoding="utf-8")
    return publish(hub, repo, folder)
