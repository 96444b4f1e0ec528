"""Adapters are found by name, and import only what they need."""

import subprocess
import sys
from pathlib import Path
from typing import cast, get_type_hints

import numpy as np
import pytest
import torch

from scoring.synthesis.families import FAMILIES
from scoring.synthesis.load import adapter
from scoring.synthesis.synthesiser import Movable, Request


def test_an_unknown_family(tmp_path: Path) -> None:
    """A family without adapter is named."""
    with pytest.raises(
        ValueError,
        match="no adapter for the family 'bark'; there are csm, espeak, llama_snac, pocket_tts, qwen3_tts, reference, vits",
    ):
        adapter("bark")


def test_each_family_of_a_competition_has_an_adapter() -> None:
    """The table of what families hear names no other."""
    assert all(callable(adapter(family)) for family in FAMILIES)


def test_a_package_that_only_guests_have(tmp_path: Path) -> None:
    """Where it is missing it is named, and nothing is left in the place of other libraries."""
    with pytest.raises(ModuleNotFoundError, match="No module named 'qwen_tts'"):
        adapter("qwen3_tts")(tmp_path, tmp_path, 1, "float32")
    assert not any(name.startswith("qwen_tts") for name in sys.modules)


def test_the_reference_speaks(tmp_path: Path) -> None:
    """Two seconds of sound per request, always the same."""
    model = adapter("reference")(tmp_path, None, 1, "float32")
    first, second = model.generate([Request("a", "", "", 0), Request("b", "", "", 1)])
    assert (model.family, model.sample_rate) == ("reference", 22_050)
    assert (first.shape, first.dtype.name, float(np.abs(first).max())) == ((44_100,), "float32", 0.5)
    assert np.array_equal(first, second)


def test_the_reference_tells_a_device_that_computes_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Computed there by torch, too, it is the same sound; half of it is not."""
    model = adapter("reference")(tmp_path, None, 1, "float32")
    request = Request("a", "", "", 0)
    (alone,) = model.generate([request])
    cast(Movable, model).to("cpu")
    assert np.array_equal(model.generate([request])[0], alone)
    monkeypatch.setattr(torch, "sin", torch.cos)
    with pytest.raises(ArithmeticError, match="the device cpu computes something else than the processor"):
        model.generate([request])


def test_a_family_of_another_device_can_go_there() -> None:
    """What its manifest promises, its models can."""
    others = [family for family, manifest in FAMILIES.items() if set(manifest.devices) - {"cpu"}]
    assert set(others) >= {"csm", "llama_snac"}
    assert all(callable(get_type_hints(adapter(family))["return"].to) for family in others)


@pytest.mark.parametrize("family", ["espeak", "reference"])
def test_no_torch_where_none_is_needed(family: str) -> None:
    """Families that compute without torch do not import it, nor does the guest around them."""
    code = (
        "import sys; from scoring.synthesis.load import adapter; import workers.sandbox.guest.__main__; "
        f"adapter({family!r}); print(sorted({{'torch', 'transformers', 'pydantic', 'huggingface_hub'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_espeak_stays_in_the_guest() -> None:
    """The GPL library is not loaded by what the worker imports."""
    code = (
        "import sys; import workers.sandbox.sandbox; "
        "print('espeakng_loader' in sys.modules, 'scoring.synthesis.espeak.adapter' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False False\n"
