"""The files of the bases that a competition names."""

import hashlib
import tomllib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from neurons.cli.main import app
from scoring.errors import Code, PlatformError
from scoring.model.bases import read_bases, write_base
from scoring.model.fingerprint import fingerprint
from scoring.model.nearness import Base
from scoring.model.sketch import PROJECTIONS, Sketch, TensorSketch
from scoring.progress import NO_PROGRESS
from scoring.types import ContentHash

CONTENT = ContentHash("ab" * 32)
BASE = Base(CONTENT, tuple(Sketch({"w": TensorSketch(9, 1.0, np.full(PROJECTIONS, number))}) for number in (1.0, 2.0, 3.0)))


def test_a_base_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Its content hash and its sketches at each precision."""
    raw = write_base(BASE)
    (tmp_path / f"{CONTENT}.sketches").write_bytes(raw)
    (found,) = read_bases({CONTENT: hashlib.sha256(raw).hexdigest()}, tmp_path)
    assert (found.content, [each.to_bytes() for each in found.sketches]) == (CONTENT, [each.to_bytes() for each in BASE.sketches])


@pytest.mark.parametrize("written", [pytest.param(None, id="no file"), pytest.param(b"other", id="another file")])
def test_nothing_but_what_the_rules_name(tmp_path: Path, written: bytes | None) -> None:
    """Two workers with other bases would find other near-copies."""
    if written is not None:
        (tmp_path / f"{CONTENT}.sketches").write_bytes(written)
    with pytest.raises(PlatformError) as refused:
        read_bases({CONTENT: "00" * 32}, tmp_path)
    assert refused.value.code is Code.COMPETITION_INVALID


def test_the_command_writes_what_the_rules_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The printed lines are the competition's: with them every worker reads the base back."""
    model = tmp_path / "model"
    model.mkdir()
    save_file({"w": np.arange(9.0, dtype=np.float32)}, model / "model.safetensors")
    (model / "config.json").write_text('{"model_type": "none"}', encoding="ascii")
    app(["family", "base", str(model), "--out", str(tmp_path / "out")], standalone_mode=False)
    (found,) = read_bases(tomllib.loads(capsys.readouterr().out)["version"]["copies"]["bases"], tmp_path / "out")
    assert (found.content, len(found.sketches)) == (fingerprint(model, NO_PROGRESS).content, 3)
