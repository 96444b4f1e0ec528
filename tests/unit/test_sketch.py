"""Sketches of models, and how near they say that two are."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from scoring.model.nearness import BANDS, Base, bands, base_of, nearness
from scoring.model.sketch import PROJECTIONS, Sketch, SketchKey, TensorSketch, _Drawn, sketch
from scoring.progress import NO_PROGRESS

Array = NDArray[np.floating]
Tensors = Mapping[str, Array]
SHAPES = {
    f"layer.{place}.{part}": shape
    for place in range(12)
    for part, shape in (("up", (48, 24)), ("down", (24, 48)), ("bias", (24,)))
}


KEY = SketchKey(1, bytes(range(32)))


def drawn(seed: int, scale: float = 1.0) -> dict[str, Array]:
    """A small model's weights by chance, each with a weight-normalised convolution."""
    source = np.random.default_rng(seed)
    found = {name: (scale * source.normal(size=shape)).astype(np.float32) for name, shape in SHAPES.items()}
    found["conv.weight_v"] = (scale * source.normal(size=(32, 16, 7))).astype(np.float32)
    found["conv.weight_g"] = (scale * source.uniform(1.0, 2.0, size=(32, 1, 1))).astype(np.float32)
    return found


def trained(base: Tensors, seed: int, rate: float = 0.05) -> dict[str, Array]:
    """The base with every weight moved a little."""
    moved = drawn(seed, rate)
    return {name: base[name] + moved[name] for name in base}


BASE = drawn(0)
OWNER = trained(BASE, 1)


def of(folder: Path, tensors: Tensors) -> Sketch:
    """The sketch of a model folder with these weights."""
    return sketch(written(folder, tensors), KEY, NO_PROGRESS)


def written(folder: Path, tensors: Tensors) -> Path:
    """A model folder with these weights."""
    folder.mkdir(parents=True)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "none"}), encoding="ascii")
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """The model that all others are trained from."""
    return base_of(written(tmp_path_factory.mktemp("base") / "model", BASE), KEY, NO_PROGRESS)


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Sketch:
    """The first model that was trained from it."""
    return of(tmp_path_factory.mktemp("owner") / "model", OWNER)


def test_a_number_is_in_one_projection(tmp_path: Path) -> None:
    """A tensor of a single number: with either sign, times the root of their number, in one of the projections."""
    found = of(tmp_path / "m", {"w": np.array([[3.0]], np.float32)}).tensors["w"]
    expected = [0.0] * (PROJECTIONS - 1) + [3.0 * np.sqrt(PROJECTIONS)]
    assert (found.elements, found.norm, sorted(np.abs(found.projections))) == (1, 3.0, expected)


@pytest.mark.parametrize("count", [5, 4096, 4097, 600_001])
def test_projections_tell_a_norm(tmp_path: Path, count: int) -> None:
    """The mean square of the projections of many tensors is their mean square norm, whatever lines and chunks they fill."""
    source = np.random.default_rng(5)
    several = {f"w{place}": source.normal(size=count).astype(np.float32) for place in range(40 if count < 1e5 else 4)}
    found = of(tmp_path / "m", several).tensors.values()
    told = np.mean([np.mean(each.projections**2) for each in found]) / np.mean([each.norm**2 for each in found])
    assert abs(told - 1.0) < 5.0 * np.sqrt(2.0 / (PROJECTIONS * len(several)))


def test_a_sketch_is_linear(tmp_path: Path) -> None:
    """The sketch of a difference is the difference of the sketches."""
    source = np.random.default_rng(6)
    one, other = (source.integers(-1000, 1000, size=(3, 700_000)).astype(np.float32) for _ in range(2))
    left, right, both = (of(tmp_path / name, {"w": value}) for name, value in (("1", one), ("2", other), ("3", one - other)))
    apart = left.tensors["w"].projections - right.tensors["w"].projections
    assert apart == pytest.approx(both.tensors["w"].projections, rel=1e-12)


def test_another_key_draws_other_projections(tmp_path: Path) -> None:
    """Of the same norms; and a key of another length, or one that is shown, is none."""
    folder = written(tmp_path / "m", {"w": np.ones(600, np.float32)})
    one, other = (sketch(folder, key, NO_PROGRESS).tensors["w"] for key in (KEY, SketchKey(2, bytes(32))))
    assert (one.norm, list(one.projections) == list(other.projections)) == (other.norm, False)
    assert "secret" not in repr(KEY)
    with pytest.raises(ValueError, match="32 bytes"):
        SketchKey(1, b"short")


def along(key: SketchKey, name: str, value: Array) -> Array:
    """A change of half a percent of a tensor's norm that lies in the eight sums of its projections alone, by chance among them."""
    places = _Drawn(key, name)("places", 4096)[: value.size]
    weights = np.random.default_rng(len(name)).normal(size=PROJECTIONS)
    change = np.where(places & 1, -1.0, 1.0) * weights[places >> 5]
    scaled: Array = (change * (5e-3 * np.linalg.norm(value) / np.linalg.norm(change))).reshape(value.shape).astype(np.float32)
    return scaled


@pytest.mark.parametrize(
    ("guessed", "low", "high"),
    [
        pytest.param(KEY, 0.3, 1.0, id="who knows the key seems far"),
        pytest.param(SketchKey(2, bytes(32)), 0.0, 0.03, id="who guesses another stays near"),
    ],
)
def test_moving_along_projections_takes_their_key(
    tmp_path: Path, base: Base, owner: Sketch, guessed: SketchKey, low: float, high: float
) -> None:
    """The same small change costs nothing of the distance under another key."""
    folded = without_norm(OWNER)
    copy = of(tmp_path / "copy", {name: value + along(guessed, name, value) for name, value in folded.items()})
    assert low <= nearness(owner, copy, [base]).distance <= high


def test_it_is_read_as_it_was_written(owner: Sketch) -> None:
    """Bytes and back."""
    again = Sketch.from_bytes(owner.to_bytes())
    assert again.to_bytes() == owner.to_bytes()
    assert again.tensors.keys() == owner.tensors.keys()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b'{"a":1}\n', id="no list"),
        pytest.param(b"\xff\n", id="no text"),
        pytest.param(b'["a"]\n' + bytes(79), id="cut short"),
        pytest.param(b'["a"]\n' + np.full(10, np.nan).tobytes(), id="no number"),
        pytest.param(b'["a"]\n' + np.full(10, -1.0).tobytes(), id="a count below 0"),
    ],
)
def test_what_is_no_sketch(raw: bytes) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="this is no sketch"):
        Sketch.from_bytes(raw)


def doubled(model: Tensors) -> dict[str, Array]:
    """One layer twice as strong, the next half as strong."""
    factors = {"up": 2.0, "down": 0.5, "bias": 2.0}
    return {name: value * np.float32(factors.get(name.rpartition(".")[2], 1.0)) for name, value in model.items()}


def rescaled(model: Tensors) -> dict[str, Array]:
    """Each row of the weight-normalised direction scaled by a number of its own."""
    rows = np.random.default_rng(7).uniform(0.1, 10.0, size=(32, 1, 1)).astype(np.float32)
    return {**model, "conv.weight_v": model["conv.weight_v"] * rows}


def without_norm(model: Tensors) -> dict[str, Array]:
    """The weight-normalised pair as the matrix that it stands for."""
    v, g = model["conv.weight_v"].astype(np.float64), model["conv.weight_g"].astype(np.float64)
    weight = g * v / np.sqrt((v * v).sum(axis=(1, 2), keepdims=True))
    return {name: value for name, value in model.items() if not name.startswith("conv.")} | {"conv.weight": weight}


def with_junk(model: Tensors) -> dict[str, Array]:
    """As many tensors again that nobody reads, one with infinities."""
    junk = {f"junk.{name}": value * np.float32(100.0) for name, value in drawn(8).items() if not name.startswith("conv")}
    return {**model, **junk, "junk.endless": np.full(99, np.inf, np.float32)}


def pruned(model: Tensors) -> dict[str, Array]:
    """A quarter of the layers left out."""
    return {name: value for name, value in model.items() if not name.startswith(("layer.1.", "layer.5.", "layer.9."))}


def scrambled(model: Tensors) -> dict[str, Array]:
    """Every bias something else."""
    return {name: value if not name.endswith("bias") else drawn(9)[name] for name, value in model.items()}


def stretched(model: Tensors) -> dict[str, Array]:
    """Half of the way from the base to it."""
    return {name: BASE[name] + np.float32(0.5) * (value - BASE[name]) for name, value in model.items()}


def noisy(strength: float) -> Callable[[Tensors], dict[str, Array]]:
    """Noise of a share of each tensor's spread."""

    def change(model: Tensors) -> dict[str, Array]:
        noise = drawn(10)
        return {name: value + np.float32(strength) * value.std() * noise[name] for name, value in model.items()}

    return change


@pytest.mark.parametrize(
    ("change", "most"),
    [
        pytest.param(doubled, 3e-9, id="one layer doubled, the next halved"),
        pytest.param(rescaled, 3e-9, id="rows of a direction rescaled"),
        pytest.param(without_norm, 3e-9, id="weight norm folded"),
        pytest.param(with_junk, 3e-9, id="junk beside it"),
        pytest.param(pruned, 3e-9, id="layers left out"),
        pytest.param(scrambled, 3e-9, id="biases scrambled"),
        pytest.param(lambda model: {name: np.nextafter(v, np.float32(9e9)) for name, v in model.items()}, 3e-9, id="+ 1 ulp"),
        pytest.param(lambda model: {name: v.astype(np.float16) for name, v in model.items()}, 1e-3, id="float16"),
        pytest.param(stretched, 2e-3, id="half of the way back to the base"),
        pytest.param(noisy(1e-3), 2e-3, id="noise of .1 % of a tensor's spread"),
        pytest.param(noisy(1e-2), 0.1, id="noise of 1 %"),
    ],
)
def test_a_rewritten_model_is_near(
    tmp_path: Path, base: Base, owner: Sketch, change: Callable[[Tensors], dict[str, Array]], most: float
) -> None:
    """What changes little of what the owner's training did is near, whichever of the two is asked about; the index finds it."""
    copy = of(tmp_path / "copy", change(OWNER))
    found = nearness(owner, copy, [base])
    assert (found.distance <= most, found.base, found) == (True, base.content, nearness(copy, owner, [base]))
    assert len(set(bands(owner, [base])) & set(bands(copy, [base]))) >= 3


def in_half(model: Tensors, dtype: type[np.floating]) -> dict[str, Array]:
    """The base with half of its layers trained, the others frozen, all saved in a type."""
    frozen = {name for name in BASE if name.startswith(tuple(f"layer.{place}." for place in range(6)))}
    return {name: (BASE if name in frozen else model)[name].astype(dtype) for name in BASE}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(OWNER, trained(BASE, 2), id="two trainings"),
        pytest.param(OWNER, drawn(3), id="nothing to do with each other"),
        pytest.param(in_half(OWNER, np.float32), in_half(trained(BASE, 2), np.float32), id="half frozen"),
        pytest.param(in_half(OWNER, np.float16), in_half(trained(BASE, 2), np.float16), id="half frozen, saved in float16"),
        pytest.param(BASE, BASE, id="the base itself"),
        pytest.param(BASE, {name: value.astype(np.float16) for name, value in BASE.items()}, id="the base in float16"),
        pytest.param(OWNER, {name: np.zeros_like(value) for name, value in BASE.items()}, id="zeros"),
    ],
)
def test_honest_work_is_not_near(tmp_path: Path, base: Base, one: Tensors, other: Tensors) -> None:
    """Two trainings of one base share nothing but the base, and the base is nobody's."""
    assert nearness(of(tmp_path / "1", one), of(tmp_path / "2", other), [base]).distance > 0.5


def test_without_a_base_the_weights_themselves_are_compared(tmp_path: Path, owner: Sketch) -> None:
    """So a base that nobody listed makes all that is trained from it one lineage: bases have to be listed."""
    found = nearness(owner, of(tmp_path / "m", trained(BASE, 2)), [])
    assert (found.distance < 0.02, found.base) == (True, None)


def test_of_two_bases_the_nearer_one_counts(tmp_path: Path, base: Base) -> None:
    """A starter file that was trained from the base itself is a base, too: two who start there did not copy each other."""
    starter = trained(BASE, 4)
    listed = [base, base_of(written(tmp_path / "starter", starter), KEY, NO_PROGRESS)]
    one, other = (of(tmp_path / str(seed), trained(starter, seed, 0.02)) for seed in (11, 12))
    assert nearness(one, other, [base]).distance < 0.3
    found = nearness(one, other, listed)
    assert (found.distance > 0.5, found.base) == (True, listed[1].content)


def test_bands_of_strangers_differ(tmp_path: Path, base: Base) -> None:
    """Of forty models trained from one base no two share a number, and each has all of them."""
    found = [bands(of(tmp_path / str(seed), trained(BASE, seed)), [base]) for seed in range(100, 140)]
    assert len({number for each in found for number in each}) == len(found) * BANDS


def test_a_sketch_of_nothing_has_no_band() -> None:
    """No index finds a model without a float."""
    assert bands(Sketch({"w": TensorSketch(100, 0.0, np.zeros(PROJECTIONS))}), []) == ()
