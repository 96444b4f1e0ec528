"""Which model a folder holds, whatever its files are called."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from scoring.errors import Code, SubmissionFault
from scoring.model.fingerprint import Fingerprint, fingerprint
from scoring.progress import NO_PROGRESS

Tensors = dict[str, NDArray[np.float32]]
CONFIG = {"model_type": "none", "hidden_size": 16, "nested": {"a": [1, 2.5, None]}}


def tensors(**overrides: NDArray[np.float32]) -> Tensors:
    """Three tensors."""
    return {
        "a": np.arange(6, dtype=np.float32).reshape(2, 3),
        "b": np.ones(4, np.float32),
        "c": np.zeros(0, np.float32),
    } | overrides


def write(folder: Path, shards: dict[str, Tensors], config: object = CONFIG) -> Path:
    """A model folder of these files."""
    folder.mkdir()
    for name, shard in shards.items():
        save_file(shard, folder / name)
    if len(shards) > 1:
        index = {tensor: name for name, shard in shards.items() for tensor in shard}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}), encoding="ascii")
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config), encoding="utf-8")
    return folder


def of(folder: Path) -> Fingerprint:
    """Its fingerprint."""
    return fingerprint(folder, NO_PROGRESS)


@pytest.fixture
def plain(tmp_path: Path) -> Fingerprint:
    """The fingerprint of the ordinary folder."""
    return of(write(tmp_path / "plain", {"model.safetensors": tensors()}))


def test_it_is_what_it_says(tmp_path: Path) -> None:
    """The hashes of a one-tensor model, computed here by hand."""
    folder = write(tmp_path / "one", {"model.safetensors": {"w": np.array([1.0], np.float32)}}, {"b": 1, "a": 2})
    tensor_hash = hashlib.sha256(b"voice/tensors/2" + b'["w","F32",[1]]\n' + bytes.fromhex("0000803f"))
    content = hashlib.sha256(b"voice/content/2" + tensor_hash.digest() + b'["config.json",13]\n' + b'{"a":2,"b":1}')
    assert of(folder) == Fingerprint(content=content.hexdigest(), tensors=tensor_hash.hexdigest())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shards", "config"),
    [
        pytest.param({"other-name.safetensors": tensors()}, CONFIG, id="another file name"),
        pytest.param({"model.safetensors": dict(reversed(tensors().items()))}, CONFIG, id="another order in the file"),
        pytest.param(
            {"1.safetensors": {"b": tensors()["b"]}, "2.safetensors": {"a": tensors()["a"], "c": tensors()["c"]}},
            CONFIG,
            id="other shards",
        ),
        pytest.param({"model.safetensors": tensors()}, dict(reversed(CONFIG.items())), id="another order of the config"),
        pytest.param({"model.safetensors": tensors()}, json.dumps(CONFIG, indent=8), id="another layout of the config"),
        pytest.param(
            {"model.safetensors": tensors()},
            CONFIG | {"transformers_version": "9", "_name_or_path": "x/y"},
            id="traces of a tool",
        ),
    ],
)
def test_the_same_model(tmp_path: Path, plain: Fingerprint, shards: dict[str, Tensors], config: object) -> None:
    """What is only another way to write a model down changes neither hash."""
    assert of(write(tmp_path / "again", shards, config)) == plain


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(tensors(b=np.array([1, 1, 1, 1.0000001], np.float32)), id="one bit"),
        pytest.param(tensors(a=np.arange(6, dtype=np.float32).reshape(3, 2)), id="a shape"),
        pytest.param(tensors(b=np.ones(4, np.float32).view(np.int32)), id="a type over the same bytes"),
        pytest.param(tensors(b=np.ones(4, np.int32)), id="whole numbers for others"),
        pytest.param(tensors(d=np.zeros(0, np.float32)), id="one more, empty"),
        pytest.param({"x" if name == "a" else name: value for name, value in tensors().items()}, id="a name"),
    ],
)
def test_another_model(tmp_path: Path, plain: Fingerprint, changed: Tensors) -> None:
    """Any change of a tensor changes both hashes."""
    found = of(write(tmp_path / "changed", {"model.safetensors": changed}))
    assert found.tensors != plain.tensors
    assert found.content != plain.content


def test_another_config(tmp_path: Path, plain: Fingerprint) -> None:
    """A change of the config changes the content, and leaves the tensors' hash for lineage."""
    found = of(write(tmp_path / "changed", {"model.safetensors": tensors()}, CONFIG | {"hidden_size": 17}))
    assert (found.content != plain.content, found.tensors) == (True, plain.tensors)


def test_neighbours_do_not_blur(tmp_path: Path) -> None:
    """Bytes cannot move from one tensor to the next unseen."""
    first = of(write(tmp_path / "1", {"m.safetensors": {"a": np.ones(1, np.float32), "b": np.ones(3, np.float32)}}))
    second = of(write(tmp_path / "2", {"m.safetensors": {"a": np.ones(2, np.float32), "b": np.ones(2, np.float32)}}))
    assert first.tensors != second.tensors


def test_progress(tmp_path: Path) -> None:
    """Progress ends at the tensors' bytes, in steps of at most 1 MiB."""
    seen: list[tuple[int, int]] = []
    folder = write(tmp_path / "large", {"m.safetensors": {"a": np.zeros(700_000, np.float32)}})
    fingerprint(folder, lambda done, total: seen.append((done, total)))
    assert seen == [(1 << 20, 2_800_000), (2 << 20, 2_800_000), (2_800_000, 2_800_000)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param("{", "config.json cannot be read", id="not JSON"),
        pytest.param("[]", "it is not an object", id="not an object"),
        pytest.param('{"a": 1, "a": 2}', "a name occurs twice", id="two readings"),
        pytest.param('{"a": NaN}', "NaN is not a number", id="no number"),
        pytest.param('{"a": ' + "[" * 40 + "]" * 40 + "}", "nested too deeply", id="deep"),
        pytest.param('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply", id="very deep"),
        pytest.param('{"a": "' + "x" * (1 << 20) + '"}', "it is larger than", id="large"),
    ],
)
def test_a_config_with_two_readings_has_none(tmp_path: Path, raw: str, reason: str) -> None:
    """Only plain, bounded JSON has a canonical form."""
    folder = write(tmp_path / "odd", {"m.safetensors": tensors()}, raw)
    with pytest.raises(SubmissionFault, match=reason) as caught:
        of(folder)
    assert caught.value.code is Code.CONFIG_INVALID


def test_a_tensor_in_two_files(tmp_path: Path) -> None:
    """Which of two is meant cannot be known."""
    folder = write(tmp_path / "two", {"1.safetensors": tensors(), "2.safetensors": tensors()})
    with pytest.raises(SubmissionFault, match="names each tensor once"):
        of(folder)


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        pytest.param(None, "no index names each tensor", id="no index"),
        pytest.param({"a": "1.safetensors"}, "no index names each tensor", id="a tensor that it does not name"),
        pytest.param({"a": "1.safetensors", "b": "1.safetensors"}, "no index names each tensor", id="in another file"),
        pytest.param("{", "cannot be read", id="not JSON"),
    ],
)
def test_shards_that_nobody_would_load(tmp_path: Path, index: object, reason: str) -> None:
    """They would only tell two copies apart."""
    shards = {f"{number}.safetensors": {name: np.ones(1, np.float32)} for number, name in ((1, "a"), (2, "b"))}
    folder = write(tmp_path / "two", shards)
    path = folder / "model.safetensors.index.json"
    if index is None:
        path.unlink()
    else:
        path.write_text(index if isinstance(index, str) else json.dumps({"weight_map": index}), encoding="ascii")
    with pytest.raises(SubmissionFault, match=reason):
        of(folder)


def test_missing_files(tmp_path: Path) -> None:
    """A folder without weights or without config is refused with its code."""
    bare = write(tmp_path / "bare", {"m.safetensors": tensors()})
    (bare / "config.json").unlink()
    with pytest.raises(SubmissionFault) as without_config:
        of(bare)
    with pytest.raises(SubmissionFault) as without_weights:
        of(write(tmp_path / "empty", {}))
    assert (without_weights.value.code, without_config.value.code) == (Code.WEIGHTS_MISSING, Code.CONFIG_INVALID)


def test_a_tensor_under_two_names(tmp_path: Path) -> None:
    """Names that differ only in how a tool spells them are one name."""
    twice = {name: np.ones(1, np.float32) for name in ("a.weight_g", "a.parametrizations.weight.original0")}
    with pytest.raises(SubmissionFault, match="occurs twice"):
        of(write(tmp_path / "twice", {"m.safetensors": twice}))


def test_tensors_of_a_folder_inside_are_others(tmp_path: Path) -> None:
    """A codec beside the model may use the same names."""
    folder = write(tmp_path / "two", {"model.safetensors": tensors()})
    alone = of(folder)
    (folder / "codec").mkdir()
    save_file(tensors(), folder / "codec" / "model.safetensors")
    assert of(folder).tensors != alone.tensors
