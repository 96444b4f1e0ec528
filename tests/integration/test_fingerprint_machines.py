"""A model's hashes are the same on every machine: a miner's tag has to match on whatever host judges it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

PROGRAM = """
import sys
from pathlib import Path
from typing import Any
from scoring.model.fingerprint import fingerprint, tag_of
found = fingerprint(Path(sys.argv[1]), lambda done, total: None)
print(tag_of(found.content, "00" * 32), found.tensors)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with every kind of tensor that is computed with: halves, narrow and wide float64, a weight-normalised direction."""
    draw = np.random.default_rng(0)
    tensors: dict[str, NDArray[Any]] = {
        "half": draw.standard_normal(1_000).astype(np.float16),
        "all.halves": np.arange(1 << 16).astype(np.uint16).view(np.float16),
        "single": np.array([-0.0, np.nan, -np.inf, 1e-40, 0.1], np.float32),
        "double": draw.standard_normal((64, 100)),
        "upcast": draw.standard_normal((64, 100)).astype(np.float32).astype(np.float64),
        "conv.weight_g": draw.standard_normal((8, 1, 1)).astype(np.float32),
        "conv.weight_v": draw.standard_normal((8, 30, 7)).astype(np.float32) * np.float32(2.0) ** -130,
    }
    made = tmp_path_factory.mktemp("model")
    save_file(tensors, made / "model.safetensors")
    (made / "config.json").write_text(json.dumps({"model_type": "vits", "a": 0.1}), encoding="ascii")
    return made


@pytest.fixture(scope="module")
def here(folder: Path) -> str:
    """What this machine's processor says."""
    return said(folder, [])


def said(folder: Path, prefix: list[str], **environment: str) -> str:
    """What another process says of a folder."""
    command = [*prefix, sys.executable, "-c", PROGRAM, str(folder)]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("prefix", "environment"),
    [
        pytest.param([], {"ATEN_CPU_CAPABILITY": "default"}, id="torch without vectors"),
        pytest.param([], {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F"}, id="numpy without vectors"),
        pytest.param(["qemu-x86_64", "-cpu", "Haswell"], {}, id="Haswell"),
        pytest.param(["qemu-x86_64", "-cpu", "Nehalem"], {}, id="Nehalem, which has no conversion of halves"),
    ],
)
def test_every_machine_computes_the_same(folder: Path, here: str, prefix: list[str], environment: dict[str, str]) -> None:
    """The tag, and the hash for lineage, to the bit."""
    if prefix and shutil.which(prefix[0]) is None:
        pytest.skip(f"{prefix[0]} is not installed (Debian: qemu-user)")
    assert (said(folder, prefix, **environment), len(here)) == (here, 32 + 1 + 64 + 1)
