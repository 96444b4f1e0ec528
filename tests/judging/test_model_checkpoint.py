"""A pickled checkpoint's tensors come out as safetensors; whatever else a file may be is refused with its reason."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from scoring.errors import Code, InfrastructureFault
from scoring.model.checkpoint import convert, read_tensors
from scoring.model.safetensors_header import read_header

W = torch.arange(6.0).reshape(2, 3)
TENSORS: Mapping[str, torch.Tensor] = {
    "weight": W,
    "turned": torch.arange(20.0).reshape(4, 5).T,
    "half": torch.ones(3, dtype=torch.bfloat16),
    "count": torch.tensor(7),
    "mask": torch.tensor([True, False]),
    "none": torch.zeros(0, 4),
}


class RunsCode:
    """What a pickle calls when it is opened by anybody who lets it."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch opened",)


def saved(content: object, *, zipped: bool = True) -> bytes:
    """As torch.save writes it."""
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def folded(content: object) -> bytes:
    """As torch.save writes it, but compressed."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(content))) as plain, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
    return target.getvalue()


@pytest.mark.parametrize("zipped", [pytest.param(True, id="as torch saves"), pytest.param(False, id="as before torch 1.6")])
@pytest.mark.parametrize("wrapped", [pytest.param(False, id="bare"), pytest.param(True, id="beside notes on its training")])
def test_every_tensor_comes_out_bit_by_bit(tmp_path: Path, zipped: bool, wrapped: bool) -> None:
    """Names, types, shapes and numbers, in a file that the strict reader of headers takes."""
    content = {"model_state": dict(TENSORS), "step": 12, "rates": [0.1]} if wrapped else dict(TENSORS)
    (tmp_path / "model.pt").write_bytes(saved(content, zipped=zipped))
    convert(tmp_path / "model.pt", tmp_path / "model.safetensors")
    found = load_file(tmp_path / "model.safetensors")
    assert found.keys() == TENSORS.keys()
    assert all(torch.equal(found[name], TENSORS[name]) and found[name].dtype is TENSORS[name].dtype for name in TENSORS)
    assert {span.name for span in read_header(tmp_path / "model.safetensors", 1 << 20)} == TENSORS.keys()


def test_the_order_of_names_changes_no_byte(tmp_path: Path) -> None:
    """Two workers that convert one checkpoint, or two checkpoints with the same numbers, hold one file."""
    for name, content in (("a", dict(TENSORS)), ("b", dict(reversed(list(TENSORS.items()))))):
        (tmp_path / name).write_bytes(saved(content))
        convert(tmp_path / name, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(saved({"weight": RunsCode()}), "asks for posix.system, which is code", id="a tensor that runs code"),
        pytest.param(saved(RunsCode(), zipped=False), "asks for posix.system, which is code", id="code in the older form"),
        pytest.param(pickle.dumps(RunsCode(), protocol=2), "asks for posix.system, which is code", id="a plain pickle of code"),
        pytest.param(folded({"weight": torch.zeros(1 << 22)}), "would unfold from", id="a zip bomb"),
        pytest.param(b"", "no checkpoint of tensors alone", id="nothing"),
        pytest.param(b"junk", "no checkpoint of tensors alone", id="a number cut short"),
        pytest.param(b"\x80\x02}.", "no checkpoint of tensors alone", id="an empty mapping, pickled plainly"),
        pytest.param(bytes(1 << 16), "no checkpoint of tensors alone", id="zeros"),
        pytest.param(b"PK\x03\x04" * 100, "no checkpoint of tensors alone", id="a torn archive"),
        pytest.param(saved(dict(TENSORS))[:-100], "no checkpoint of tensors alone", id="a torn end"),
        pytest.param(b"CTR8" + bytes(64), "no checkpoint of tensors alone", id="weights of another library"),
        pytest.param(saved([W]), "not a mapping of names to tensors", id="a list"),
        pytest.param(saved({}), "not a mapping of names to tensors", id="an empty mapping"),
        pytest.param(saved({"weight": 1.0}), "not a mapping of names to tensors", id="numbers"),
        pytest.param(saved({"a": {"weight": W}, "b": {"weight": W + 1}}), "not a mapping", id="two models"),
        pytest.param(saved({"../weight": W}), "'../weight' is no tensor's name", id="a name that climbs"),
        pytest.param(saved({"/etc/passwd": W}), "is no tensor's name", id="a path"),
        pytest.param(saved({"a\0b": W}), "is no tensor's name", id="a name with a zero byte"),
        pytest.param(saved({"x" * 1_000: W}), "is no tensor's name", id="a name without end"),
        pytest.param(saved({3: W}), "'3' is no tensor's name", id="a number for a name"),
        pytest.param(saved({"a": W, "b": W}), "a and b share memory", id="one tensor under two names"),
        pytest.param(saved({"a": W, "b": W[1:]}), "a and b share memory", id="a part of another"),
        pytest.param(saved({"a": torch.ones(1).expand(2)}), "a repeats its own numbers", id="one number twice"),
        pytest.param(saved({"a": torch.ones(1).expand(1 << 40)}), "more room than the file", id="a number repeated without end"),
        pytest.param(saved({"a": W.to_sparse()}), "not a dense tensor", id="a sparse tensor"),
        pytest.param(saved({"a": W.to(torch.complex64)}), "not a dense tensor", id="complex numbers"),
    ],
)
def test_a_file_is_refused_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, why: str) -> None:
    """One sentence, no code is run, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.bin").write_bytes(content)
    with pytest.raises(InfrastructureFault) as caught:
        convert(tmp_path / "model.bin", tmp_path / "model.safetensors")
    assert caught.value.code is Code.JUDGE_UNAVAILABLE
    assert why in caught.value.detail
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]


def test_parts_of_one_storage_that_do_not_meet_are_two_tensors(tmp_path: Path) -> None:
    """A recurrent network's parameters lie in one piece of memory side by side: nothing is shared."""
    (tmp_path / "model.bin").write_bytes(saved({"a": W[:1], "b": W[1:]}))
    found = read_tensors(tmp_path / "model.bin")
    assert torch.equal(found["a"], W[:1]) and torch.equal(found["b"], W[1:])
