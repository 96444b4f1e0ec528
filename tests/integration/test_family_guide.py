"""docs/howto/family.md: its files and its lines, in a copy of the tree, make a family that keeps what it promises."""

import json
import re
import shutil
import wave
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from scoring.synthesis.families import families_in
from scoring.synthesis.load import Loader
from scoring.synthesis.synthesiser import NotAllSpoken, NotSpoken, Request, Synthesiser
from tests.builders import how_to
from tests.builders.how_to import HowTo

GUIDE = HowTo.of(how_to.page("family"))
FOLDER = "scoring/synthesis/chime"
TEXTS = ("hello there", "Here is a longer one; it goes on and on.", "Yes, it is said.")
REQUESTS = [Request(f"p{number}", text, "", number) for number, text in enumerate(TEXTS)]


def copied(place: Path) -> Path:
    """The tree's packages, copied, with the page's files as a family among them."""
    tree = how_to.copied_tree(place)
    rules = tree / "neurons" / "localnet" / "competition.toml"  # with time enough on a busy machine
    rules.write_text(
        re.sub(r"(load|sample)_seconds = [\d.]+", r"\1_seconds = 60.0", rules.read_text(encoding="utf-8")), encoding="utf-8"
    )
    GUIDE.apply(tree)
    return tree


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The tree after every line of the page, and what they said."""
    tree = copied(tmp_path_factory.mktemp("contributed"))
    return tree, how_to.run(tree, GUIDE.lines)


@pytest.fixture
def model_dir(followed: tuple[Path, str], tmp_path: Path) -> Path:
    """The tiny model's files, to change."""
    return Path(shutil.copytree(followed[0] / ".voice" / "chime", tmp_path / "model"))


@pytest.fixture
def load(followed: tuple[Path, str]) -> Callable[[Path], Synthesiser]:
    """The page's adapter, as a guest calls it."""
    spec = spec_from_file_location("chime_adapter", followed[0] / "scoring" / "synthesis" / "chime" / "adapter.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    loader: Loader = module.load
    return lambda folder: loader(folder, None, 1, "float32")


def settings(folder: Path, **keys: float) -> Path:
    """The folder with a generation_config.json."""
    (folder / "generation_config.json").write_text(json.dumps(keys), encoding="utf-8")
    return folder


def said(model: Synthesiser) -> list[bytes]:
    """What it says to every request together."""
    return [waveform.tobytes() for waveform in model.generate(REQUESTS)]


def test_its_files_are_in_the_style_of_the_house(followed: tuple[Path, str]) -> None:
    """Four of them, which no linter and no formatter would change."""
    assert sorted(GUIDE.files) == [f"{FOLDER}/{name}" for name in ("__init__.py", "adapter.py", "family.toml", "tiny.py")]
    how_to.check_style(followed[0], FOLDER)


def test_its_lines_let_a_tiny_model_speak_in_the_sandbox(followed: tuple[Path, str]) -> None:
    """Found, described and admitted without a change to any other file; what it says is sound."""
    tree, output = followed
    assert re.search(r"^ *family +chime *$", output, re.MULTILINE)
    assert "A validator accepts this folder." in output
    assert "\n## chime\n" in (tree / "docs" / "families.md").read_text(encoding="utf-8")
    assert "chime" in families_in(tree / "scoring" / "synthesis")
    with wave.open(str(tree / ".voice" / "chime.wav")) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (16_000, 1)
        assert np.frombuffer(sound.readframes(sound.getnframes()), "<i2").std() > 100


def test_rows_and_seeds(model_dir: Path, load: Callable[[Path], Synthesiser]) -> None:
    """A row is what it is alone; another seed says it otherwise."""
    model = load(model_dir)
    together = said(model)
    assert together == [model.generate([request])[0].tobytes() for request in REQUESTS]
    assert model.generate([Request("p0", TEXTS[0], "", 99)])[0].tobytes() != together[0]


def test_what_cannot_be_said_and_what_does_not_end_fail_alone(model_dir: Path, load: Callable[[Path], Synthesiser]) -> None:
    """Each with its reason; nothing is cut and passed on."""
    with pytest.raises(NotAllSpoken) as caught:
        load(model_dir).generate([REQUESTS[0], Request("p1", "\u2014", "", 1)])
    spoken, refused = caught.value.results
    assert (isinstance(spoken, np.ndarray), refused) == (True, NotSpoken("the text holds no word"))
    tensors = load_file(model_dir / "model.safetensors")
    tensors["end.bias"].fill_(-50.0)
    save_file(tensors, model_dir / "model.safetensors")
    with pytest.raises(NotAllSpoken, match="it did not stop"):
        load(model_dir).generate([REQUESTS[0]])


def test_settings_that_count(model_dir: Path, load: Callable[[Path], Synthesiser]) -> None:
    """The listed one, within its range, and no other."""
    plain = said(load(model_dir))
    assert said(load(settings(model_dir, top_k=1))) == plain
    assert said(load(settings(model_dir, temperature=1.5))) != plain
    with pytest.raises(ValueError, match="temperature is 3; it may be 0 to 2"):
        load(settings(model_dir, temperature=3))


@pytest.mark.parametrize("width", [pytest.param(width, id=str(width)) for width in (10**12, 0, True, "16", None, 32)])
def test_a_hostile_config_is_refused(model_dir: Path, load: Callable[[Path], Synthesiser], width: object) -> None:
    """Before memory is taken for it, and by name."""
    (model_dir / "config.json").write_text(json.dumps({"model_type": "chime", "width": width}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"width is|is of shape"):
        load(model_dir)


def test_another_tensor_is_refused(model_dir: Path, load: Callable[[Path], Synthesiser]) -> None:
    """It would make a copy another model."""
    tensors = load_file(model_dir / "model.safetensors")
    save_file(tensors | {"more.weight": tensors["end.bias"].clone()}, model_dir / "model.safetensors")
    with pytest.raises(ValueError, match="tensors too many"):
        load(model_dir)
