"""`voice miner check` names everything that is wrong, and lets a model say its first words where validators would."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from neurons.localnet.network import COMPETITION
from scoring.errors import EXPLANATIONS, Code
from scoring.report import Gate
from scoring.scores.reasons import GATES
from scoring.synthesis.vits import tiny as tiny_vits
from tests.builders import espeak_voices
from tests.builders.command_line import voice


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """The demo's espeak voices."""
    return espeak_voices.build(tmp_path / "models")


def write_vits(folder: Path, vocab: bytes) -> None:
    """A folder that passes for a VITS until it is loaded."""
    save_file({"a": np.zeros(3, np.float32)}, folder / "model.safetensors")
    files = {"config.json": b'{"model_type": "vits"}', "README.md": b"---\nlicense: mit\n---\n", "vocab.json": vocab}
    for name, content in files.items():
        (folder / name).write_bytes(content)


def check(folder: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    """The command in a process of its own, and the JSON document on its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "neurons.cli", "miner", "check", str(folder), *options, "--json"],
        cwd=folder.parent,
        env={"PATH": os.defpath, "VOICE_COMPETITION": str(COMPETITION)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    return done, json.loads(done.stdout)


def test_every_fault_is_named_at_once(folders: dict[str, Path]) -> None:
    """With the code that a validator would record first in front; people read the same in lines."""
    folder = folders["clear"]
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04}\x94.")
    (folder / "model.safetensors").write_bytes(b"short")
    (folder / "README.md").write_text("no card", encoding="utf-8")
    done, document = check(folder)
    assert (done.returncode, document["accepted"], document["model"], document["speech"]) == (1, False, None, None)
    codes = [fault["code"] for fault in document["faults"]]
    assert sorted(codes) == [Code.FILE_NOT_ALLOWED, Code.HEADER_INVALID, Code.LICENCE_NOT_OPEN]
    assert document["faults"][0] == {
        "code": Code.FILE_NOT_ALLOWED,
        "name": "file-not-allowed",
        "paths": ["pytorch_model.bin"],
        "detail": "not allowed: pytorch_model.bin",
        "advice": EXPLANATIONS[Code.FILE_NOT_ALLOWED].advice,
    }
    assert [fault["paths"] for fault in document["faults"][1:]] == [["README.md"], ["model.safetensors"]]


def test_people_read_lines(folders: dict[str, Path]) -> None:
    """What is wrong, and what to do about it; of a folder without faults no more than was looked at is said."""
    folder = folders["clear"]
    asked = ("miner", "check", str(folder), "--competition", str(COMPETITION))
    well = voice(folder, *asked)
    assert (well.returncode, well.stdout.splitlines()[-1]) == (
        0,
        "A validator accepts these files. Add --speak to see whether the model loads and speaks.",
    )
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04}\x94.")
    refused = voice(folder, *asked)
    assert (refused.returncode, refused.stdout.splitlines()) == (
        1,
        [
            f"1103 file-not-allowed  not allowed: pytorch_model.bin. {EXPLANATIONS[Code.FILE_NOT_ALLOWED].advice}",
            "A validator refuses this folder.",
        ],
    )


def test_a_vocabulary_that_became_a_pointer(tmp_path: Path) -> None:
    """As large files do that git pushes alone: it is told by name, before anything is loaded."""
    write_vits(tmp_path, vocab=b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    document = json.loads(voice(tmp_path, "miner", "check", str(tmp_path), "--json").stdout)
    (fault,) = document["faults"]
    assert (fault["code"], fault["paths"]) == (Code.CONFIG_INVALID, ["vocab.json"])
    assert "Git LFS pointer" in fault["detail"]


def test_a_folder_of_links(folders: dict[str, Path], tmp_path: Path) -> None:
    """As the hub's own client keeps what it fetched: the sandbox would not follow them, and the miner reads how to copy it."""
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for path in folders["clear"].iterdir():
        (linked / path.name).symlink_to(path)
    _, document = check(linked)
    (fault,) = document["faults"]
    assert (fault["code"], fault["paths"]) == (Code.FILE_NOT_ALLOWED, ["README.md", "config.json", "model.safetensors"])
    assert "cp -rL" in fault["detail"]


@pytest.mark.parametrize("family", ["espeak", "vits"])
def test_first_words(folders: dict[str, Path], tmp_path: Path, family: str) -> None:
    """It loads in the sandbox and says one prompt of the competition, which is kept; one document on standard output."""
    folder = folders["clear"] if family == "espeak" else tiny_vits.build(tmp_path / "vits")
    done, document = check(folder, "--speak", "--out", str(tmp_path / "said.wav"))
    assert (done.returncode, document["accepted"], document["faults"]) == (0, True, []), done.stderr
    assert document["model"]["family"] == family
    speech = document["speech"]
    assert (speech["gate"], speech["reason"], bool(speech["text"])) == (None, "", True)
    with wave.open(str(tmp_path / "said.wav")) as file:
        assert file.getframerate() == speech["rate"]
        assert file.getnframes() / file.getframerate() == pytest.approx(speech["duration"])
    assert 0.0 < speech["speak_seconds"] < speech["late_after"]


def test_first_words_that_would_score_nothing(folders: dict[str, Path]) -> None:
    """The folder is accepted; that its sound closes a gate is told before any round does. In the folder itself nothing is started."""
    path = folders["clear"] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"substitute": ["a"]}), encoding="utf-8")
    asked = ("miner", "check", str(folders["clear"]), "--speak", "--competition", str(COMPETITION))
    done = voice(folders["clear"].parent, *asked)
    assert (done.returncode, done.stdout.splitlines()[-2:]) == (
        0,
        [f"This sample would score 0: {GATES[Gate.TOO_SHORT]}.", "A validator accepts this folder."],
    )
    inside = voice(folders["clear"], *asked)
    assert (inside.returncode, inside.stdout) == (1, "")
    assert "lies in the model's: run the command elsewhere, or set VOICE_DATA" in inside.stderr
    assert not (folders["clear"] / ".voice").exists()


def test_a_model_that_cannot_speak_says_why(folders: dict[str, Path]) -> None:
    """In its guest's words: a validator would give every prompt 0."""
    path = folders["clear"] / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(config | {"voices": dict.fromkeys(config["voices"], "no-such-voice")}), encoding="utf-8")
    done, document = check(folders["clear"], "--speak")
    (fault,) = document["faults"]
    assert (done.returncode, fault["code"]) == (1, Code.GENERATION_FAILED)
    assert fault["detail"] == "generation_failed: ValueError: espeak-ng has no voice 'no-such-voice'"


def test_a_model_that_does_not_load_says_why(folders: dict[str, Path]) -> None:
    """The files pass; the adapter's own sentence tells the rest."""
    path = folders["clear"] / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"chorus": 0}), encoding="utf-8")
    done, document = check(folders["clear"], "--speak")
    (fault,) = document["faults"]
    assert (done.returncode, fault["code"]) == (1, Code.LOAD_FAILED)
    assert "chorus is a whole number from 1" in fault["detail"]
