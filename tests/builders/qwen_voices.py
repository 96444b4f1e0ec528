"""Tiny Qwen3-TTS repositories with their pinned codec, written by the family's own packages in a process of theirs."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from scoring.progress import NO_PROGRESS
from workers.evaluation.environments import EnvironmentStore

_CARD = "---\nlicense: apache-2.0\n---\nA random model.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class QwenVoices:
    """Folders: a model that hears descriptions, one of two speakers, the pinned parts, all environments, and the guests' packages."""

    design: Path
    custom: Path
    parts: Path
    environments: Path
    environment: Path


def build(folder: Path) -> QwenVoices:
    """Install the packages, and write everything below a folder."""
    environment = EnvironmentStore(folder / "environments", installs=True)("qwen3_tts", NO_PROGRESS)
    assert environment is not None
    subprocess.run(
        [sys.executable, "-m", "scoring.synthesis.qwen3_tts.tiny", str(folder / "tiny")],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(environment), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    made = QwenVoices(
        design=folder / "tiny" / "design",
        custom=folder / "tiny" / "custom",
        parts=folder / "tiny" / "parts",
        environments=folder / "environments",
        environment=environment,
    )
    for repository in (made.design, made.custom, made.parts / "codec"):
        (repository / "README.md").write_text(_CARD, encoding="utf-8")
    return made
