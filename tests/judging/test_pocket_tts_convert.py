"""What the official code trains becomes a repository that says the same: compared with the official package itself."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file
from torch import Tensor

from neurons.miner.conversion import convert
from scoring.errors import Code, PlatformError
from scoring.progress import NO_PROGRESS
from scoring.synthesis.pocket_tts import tiny
from scoring.synthesis.pocket_tts.adapter import PocketTTS, load
from scoring.synthesis.pocket_tts.talker import Row
from scoring.synthesis.synthesiser import Request
from tests.builders.official_pocket import FRAMES, WIDTH, Official, described
from tests.builders.rules import a_competition, a_track
from workers.hub.inspect import FolderSource, inspect

REQUEST = Request("p0", "hello there", "", 1)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random codec and voice."""
    folder = tmp_path_factory.mktemp("parts")
    tiny.build_parts(folder)
    return folder


@pytest.fixture
def run(tmp_path: Path) -> Official:
    """A run of the published kind."""
    return Official(tmp_path / "run", described())


def converted(source: Path, target: Path) -> Path:
    """The repository that the command writes."""
    convert(source, target, "pocket_tts", "cc-by-4.0")
    return target


def quiet(folder: Path, parts: Path) -> tuple[PocketTTS, Row]:
    """The repository's model without noise, and a row that it says for FRAMES frames."""
    settings = {"temperature": 0.0, "eos_threshold": -10.0}
    (folder / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    model = load(folder, parts, 1, "float32")
    (row,) = model.rows(REQUEST)
    return model, replace(row, tail_frames=FRAMES - 7)


@pytest.mark.parametrize(
    ("flow", "mark"),
    [
        pytest.param("lsd", True, id="published"),
        pytest.param("lsd", False, id="without a mark before the voice"),
        pytest.param("drifting", True, id="of one step"),
    ],
)
def test_it_says_what_the_official_code_says(tmp_path: Path, parts: Path, flow: str, mark: bool) -> None:
    """The same latents, up to rounding, through every tensor of the talker: none is lost, and none stands in another's place."""
    official = Official(tmp_path / "run", described(flow, mark))
    model, row = quiet(converted(official.folder, tmp_path / "voice"), parts)
    (said,) = model.talker.say([row])
    expected = official.says(row.ids, load_file(parts / "speaker" / "latents.safetensors")["latents"])
    assert isinstance(said, Tensor)
    torch.testing.assert_close(said, expected, rtol=0.0, atol=1e-5)


def test_the_folder_passes_the_check(run: Official, tmp_path: Path) -> None:
    """Its files, licence, config and header are what a competition takes that admits the family."""
    folder = converted(run.folder, tmp_path / "voice")
    rules = a_competition(a_track(families=("pocket_tts",)))
    assert inspect(FolderSource(folder), rules, NO_PROGRESS) == "pocket_tts"
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    settings = json.loads((folder / "generation_config.json").read_text(encoding="utf-8"))
    assert (settings["temperature"], settings["eos_threshold"]) == (0.3, -4.0)  # the published defaults


def test_a_checkpoint_of_a_run(run: Official, tmp_path: Path) -> None:
    """A pickled one, opened in the sandbox, with the moving average over what was trained: the same folder as that average's export."""
    state = {name: value for name, value in run.state().items() if name.startswith("flow_lm.")}
    average = {name: value + 0.5 for name, value in state.items() if "transformer" in name}
    torch.save(
        {"step": 7, "model": state | {"flow.w_s_t.0.weight": torch.zeros(2)}, "ema": average}, run.folder / "checkpoint_7.pt"
    )
    save_file(run.state() | average, run.folder / "model.safetensors")
    exported = converted(run.folder, tmp_path / "exported")
    picked = converted(run.folder / "checkpoint_7.pt", tmp_path / "picked")
    for path in exported.iterdir():
        if path.name != "README.md":
            assert (picked / path.name).read_bytes() == path.read_bytes(), path.name


def change_settings(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Other settings in the run's YAML."""
    path = folder / "my_voice.yaml"
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(found)
    path.write_text(yaml.safe_dump(found), encoding="utf-8")


def change_tensors(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Other tensors in the run's export."""
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param(
            lambda folder: change_tensors(folder, lambda found: found | {"flow_lm.z_proj.weight": torch.zeros(8, WIDTH)}),
            r"a projection before its heads \(`z_dim`\)",
            id="the small variants' projection",
        ),
        pytest.param(
            lambda folder: change_tensors(folder, lambda found: found | {"flow_lm.conditioner.proj.weight": torch.zeros(8, 8)}),
            r"a table of tokens of low rank",
            id="the small variants' table",
        ),
        pytest.param(
            lambda folder: change_settings(folder, lambda found: found["flow_lm"]["flow"].update(type="flow_matching")),
            "its sampler is 'flow_matching'; there are lsd and drifting",
            id="a sampler of many steps",
        ),
        pytest.param(
            lambda folder: change_settings(folder, lambda found: found.update(default_temperature=9.0)),
            "of its YAML would become generation_config.json: temperature is 9.0; it may be 0 to 1.5",
            id="a temperature that no repository may have",
        ),
        pytest.param(
            lambda folder: change_settings(folder, lambda found: found["flow_lm"]["flow"].update(type="drifting")),
            "what becomes flow_head.timestep_embeddings.0.fc1.bias is missing, too many",
            id="settings of another sampler",
        ),
        pytest.param(
            lambda folder: change_settings(folder, lambda found: found["flow_lm"]["transformer"].update(num_heads=3)),
            "does not fall into 3 heads",
            id="settings of another size",
        ),
        pytest.param(
            lambda folder: change_tensors(
                folder, lambda found: {name: value for name, value in found.items() if "speaker_proj" not in name}
            ),
            "it has no speaker_proj_weight",
            id="weights without voice cloning",
        ),
        pytest.param(
            lambda folder: change_tensors(folder, lambda found: found | {"flow_lm.other": torch.zeros(1)}),
            "nobody knows its tensor flow_lm.other",
            id="a tensor of another code",
        ),
        pytest.param(
            lambda folder: change_tensors(folder, lambda _found: {"a": torch.zeros(1)}),
            "it has no",
            id="another model altogether",
        ),
        pytest.param(lambda folder: (folder / "my_voice.yaml").unlink(), "holds 0 files of a model's settings", id="no settings"),
        pytest.param(
            lambda folder: shutil.copy(folder / "my_voice.yaml", folder / "b.yaml"), "holds 2 files", id="two files of settings"
        ),
        pytest.param(lambda folder: (folder / "tokenizer.json").unlink(), "convert_tokenizer.py makes it", id="no tokenizer"),
        pytest.param(
            lambda folder: (folder / "tokenizer.json").write_text("{}", encoding="utf-8"),
            "is no tokenizer",
            id="a broken tokenizer",
        ),
        pytest.param(
            lambda folder: tiny.tokenizer().save(str(folder / "tokenizer.json")),
            "has 100 tokens, and the model 96",
            id="another's",
        ),
        pytest.param(
            lambda folder: (folder / "model.safetensors").write_bytes(b"version https://git-lfs"),
            "model.safetensors: ",
            id="no weights",
        ),
    ],
)
def test_what_cannot_be_converted(run: Official, tmp_path: Path, change: Callable[[Path], None], why: str) -> None:
    """One sentence says why, and nothing is left behind."""
    change(run.folder)
    with pytest.raises(PlatformError, match=why) as caught:
        converted(run.folder, tmp_path / "voice")
    assert caught.value.code is Code.ARGUMENT_INVALID
    assert not (tmp_path / "voice").exists()
