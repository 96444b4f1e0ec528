"""CONTRIBUTING.md, of a new family: its files and its lines, in a copy of the tree, make a family that keeps what it promises."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
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

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## A new family\n")[2].partition("\n## ")[0]
FILES = dict(re.findall(r"^`chime/([\w.]+)`[^\n]*\n\n```\w+\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE))
LINES = "".join(re.findall(r"^```sh\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE))
TEXTS = ("hello there", "Here is a longer one; it goes on and on.", "Yes, it is said.")
REQUESTS = [Request(f"p{number}", text, "", number) for number, text in enumerate(TEXTS)]
INTERPRETER = """
import sys; sys.path.insert(0, {tree!r})
import site; site.addsitedir({packages!r})
import sys; sys.prefix = sys.exec_prefix = {prefix!r}
"""
"""Lines of a .pth file: a Python of the copied tree, over the packages that are installed for this one; guests start by it, too."""


def copied(place: Path) -> Path:
    """The tree's packages, copied, with the page's files as a family among them."""
    tree = place / "tree"
    for package in ("neurons", "workers", "voice_api", "scoring", "prompts"):
        shutil.copytree(ROOT / package, tree / package)
    rules = tree / "neurons" / "localnet" / "competition.toml"  # with time enough on a busy machine
    rules.write_text(
        re.sub(r"(load|sample)_seconds = [\d.]+", r"\1_seconds = 60.0", rules.read_text(encoding="utf-8")), encoding="utf-8"
    )
    (tree / "docs").mkdir()
    folder = tree / "scoring" / "synthesis" / "chime"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return tree


def python_of(tree: Path) -> Path:
    """The folder of a `python` and a `voice` that import the copied tree."""
    base = tree.parent / "venv"
    packages = base / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    (base / "bin").mkdir(parents=True)
    packages.mkdir(parents=True)
    python = base / "bin" / "python"
    python.symlink_to(Path(sys.executable).resolve())
    (base / "pyvenv.cfg").write_text(f"home = {python.resolve().parent}\n", encoding="utf-8")
    lines = INTERPRETER.format(tree=str(tree), packages=sysconfig.get_path("purelib"), prefix=sys.prefix)
    (packages / "tree.pth").write_text(lines, encoding="utf-8")
    voice = base / "bin" / "voice"
    voice.write_text(f"#!{python}\nfrom neurons.cli.main import main\nmain()\n", encoding="utf-8")
    voice.chmod(0o755)
    return base / "bin"


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The tree after every line of the page, and what they said."""
    tree = copied(tmp_path_factory.mktemp("contributed"))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", LINES],
        cwd=tree,
        env={"PATH": f"{python_of(tree)}:{os.defpath}", "HOME": str(tree), "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return tree, done.stdout


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
    assert sorted(FILES) == ["__init__.py", "adapter.py", "family.toml", "tiny.py"]
    ruff = str(Path(sys.executable).with_name("ruff"))
    for command in (("check",), ("format", "--diff")):
        done = subprocess.run(
            [ruff, *command, "--no-cache", "--config", str(ROOT / "pyproject.toml"), "scoring/synthesis/chime"],
            cwd=followed[0],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


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
