"""Whether one model repeats what another's training did."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from scoring.model.repetition import LEAST_PARTS, ChangePart, FileNearness, distances, repetitions

Array = NDArray[np.floating]
Tensors = Mapping[str, Array]
LAYERS = tuple(f"layer.{place}.weight" for place in range(12))
NEAR = 0.044


def drawn(seed: int, scale: float = 1.0) -> dict[str, Array]:
    """Twelve layers by chance."""
    source = np.random.default_rng(seed)
    return {name: (scale * source.normal(size=(96, 64, 3))).astype(np.float32) for name in LAYERS}


def plus(model: Tensors, *changes: Tensors) -> dict[str, Array]:
    """A model, changed."""
    return {name: np.sum([model[name], *(change[name] for change in changes)], axis=0, dtype=np.float32) for name in model}


BASE = drawn(0)
CHANGE = drawn(1, 0.01)
OWNER = plus(BASE, CHANGE)


def written(folder: Path, tensors: Tensors) -> Path:
    """A model folder with these weights."""
    folder.mkdir(parents=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "none"}), encoding="ascii")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base's folder."""
    return written(tmp_path_factory.mktemp("base") / "model", BASE)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the first model that was trained from it."""
    return written(tmp_path_factory.mktemp("owner") / "model", OWNER)


def permuted(model: Tensors) -> dict[str, Array]:
    """Rows and columns of each layer in another order, each scaled."""
    draw = np.random.default_rng(8)

    def moved(value: Array) -> Array:
        scale = draw.uniform(0.5, 2.0, size=(96, 1, 1)) * draw.uniform(0.5, 2.0, size=(1, 64, 1))
        return (value[draw.permutation(96)][:, draw.permutation(64)] * scale).astype(np.float32)

    return {name: moved(value) for name, value in model.items()}


def quantised(model: Tensors) -> dict[str, Array]:
    """Whole numbers of 8 bits and back."""
    steps = {name: np.abs(value).max() / 127.0 for name, value in model.items()}
    return {name: (np.round(value / steps[name]) * steps[name]).astype(np.float32) for name, value in model.items()}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda model: model, id="the same"),
        pytest.param(lambda model: plus(model, drawn(5, 0.02)), id="noise twice as large as what was learnt"),
        pytest.param(lambda model: permuted(plus(model, drawn(5, 0.01))), id="permuted, scaled, and noise as large"),
        pytest.param(quantised, id="8 bits"),
        pytest.param(lambda model: {name: value.astype(np.float16) for name, value in model.items()}, id="float16"),
        pytest.param(lambda model: plus(BASE, {name: 0.4 * CHANGE[name] for name in model}), id="nearer to the base"),
        pytest.param(lambda model: {name: model[name] for name in LAYERS[:9]}, id="layers left out"),
    ],
)
def test_a_copy_repeats_everywhere_alike(tmp_path: Path, base: Path, owner: Path, change: Callable[[Tensors], Tensors]) -> None:
    """Whichever of the two is asked about."""
    copy = written(tmp_path / "copy", change(OWNER))
    (found,), (other_way,) = repetitions(copy, [owner], base), repetitions(owner, [copy], base)
    assert (found.as_copy <= NEAR, found.compared >= 100_000) == (True, True)
    assert (other_way.as_original, other_way.as_copy) == pytest.approx((found.as_copy, found.as_original))


def led(seed: int) -> dict[str, Array]:
    """A training that follows the owner's, in some layers more than in others: the same sentences, learnt by another."""
    shares = np.random.default_rng(seed).uniform(0.3, 0.9, size=len(LAYERS))
    own = drawn(seed + 100, 0.006)
    return plus(BASE, own, {name: np.float32(share) * CHANGE[name] for name, share in zip(LAYERS, shares, strict=True)})


def uneven(spread: float) -> dict[str, Array]:
    """The owner's change of each layer by a factor of its own: who knows the measure escapes it so."""
    factors = np.random.default_rng(9).uniform(1.0 - spread, 1.0 + spread, size=len(LAYERS))
    return plus(BASE, {name: np.float32(factor) * CHANGE[name] for name, factor in zip(LAYERS, factors, strict=True)})


def half_frozen(model: Tensors) -> dict[str, Array]:
    """Half of the layers as the base has them, all rounded to float16."""
    return {name: (BASE if name in LAYERS[:6] else model)[name].astype(np.float16) for name in model}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(OWNER, plus(BASE, drawn(2, 0.01)), id="two trainings"),
        pytest.param(OWNER, led(3), id="the same sentences"),
        pytest.param(OWNER, uneven(0.5), id="a copy that was scaled layer by layer"),
        pytest.param(OWNER, drawn(7), id="nothing to do with the base"),
        pytest.param(half_frozen(OWNER), half_frozen(plus(BASE, drawn(2, 0.01))), id="half frozen, rounded alike"),
        pytest.param(BASE, BASE, id="the base itself"),
        pytest.param(OWNER, {name: OWNER[name] for name in LAYERS[:7]}, id="too few parts"),
        pytest.param(OWNER, {"layer.0.weight": np.ones((3, 3), np.float32)}, id="another shape"),
    ],
)
def test_honest_work_repeats_nothing(tmp_path: Path, base: Path, one: Tensors, other: Tensors) -> None:
    """Two trainings may agree, but not everywhere by the same factor."""
    (found,) = repetitions(written(tmp_path / "2", other), [written(tmp_path / "1", one)], base)
    assert found.as_copy > 2.0 * NEAR


def test_several_are_compared_in_one_reading(tmp_path: Path, base: Path, owner: Path) -> None:
    """In their order."""
    stranger = written(tmp_path / "stranger", plus(BASE, drawn(2, 0.01)))
    found = repetitions(owner, [stranger, owner], base)
    assert [each.as_copy <= NEAR for each in found] == [False, True]


def test_the_distances_of_parts() -> None:
    """Factors as a copy 1, 1, 1, 1, 1, 1, 1.5, 3 of equal parts: the median is 1, and three quarters differ by nothing. As an original all
    are 1/4 alike. Of seven parts nothing is told, nor of changes that lead away from each other."""
    parts = [ChangePart(10, 4.0 * factor, 1.0, factor) for factor in (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 3.0)]
    assert distances(parts) == FileNearness(0.0, 0.0, 80)
    uneven = distances([*parts[:4], *[ChangePart(10, 9.0, 1.0, 1.2)] * 4])
    assert (uneven.as_copy, uneven.as_original) == pytest.approx((0.2, 0.875))
    assert (LEAST_PARTS, distances(parts[:7])) == (8, FileNearness(1.0, 1.0, 70))
    assert distances([ChangePart(10, 1.0, 1.0, -1.0)] * 8) == FileNearness(1.0, 1.0, 80)
