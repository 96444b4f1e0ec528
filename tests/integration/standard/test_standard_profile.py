"""The standard profile from the command that pins its models to an evaluation, and everything that may be missing on the way."""

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from neurons.cli.scoring.commands import pin
from neurons.localnet import models
from neurons.localnet.network import COMPETITION
from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import Competition, Profile, load
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.judges.panel import Judges, Panel
from scoring.judges.standard.models import Pin, Role, read_catalogue, read_pins, write_pins
from scoring.progress import NO_PROGRESS
from scoring.report import Factor, Gate
from scoring.scores import aggregate
from scoring.types import BlockHash, RoundNumber
from workers.evaluation.judge_models import StandardModels
from workers.evaluation.obtain import LocalModel
from workers.evaluation.speech import judge_model
from workers.evaluation.tools import LastPanel, Tools
from workers.hub.client import Hub
from workers.sandbox.sandbox import Sandbox

WEIGHTS = {
    Factor.INTELLIGIBILITY: 0.3,
    Factor.NATURALNESS: 0.25,
    Factor.DELIVERY: 0.2,
    Factor.CLEANLINESS: 0.1,
    Factor.CONSISTENCY: 0.1,
    Factor.EMOTION: 0.05,
}


@pytest.fixture(scope="module")
def competition(tmp_path_factory: pytest.TempPathFactory) -> Competition:
    """The demo's rules, with the standard profile and one group of each kind."""
    text = COMPETITION.read_text(encoding="utf-8").replace('profile = "embedded"', 'profile = "standard"')
    text = text.replace("single = 4", "single = 1").replace("counterfactual = 3", "counterfactual = 0")
    head, _, _ = text.partition("[version.factors]")
    path = tmp_path_factory.mktemp("rules") / "competition.toml"
    lines = "\n".join(f"{factor} = {weight}" for factor, weight in WEIGHTS.items())
    path.write_text(f"{head}[version.factors]\n{lines}\n", encoding="utf-8")
    return load(path).at(RoundNumber(0))


def command(*arguments: str) -> Any:
    """Run the command as typer does."""
    app = typer.Typer()
    app.command()(pin)
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def pins(hub: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of pins, made by the command."""
    folder = tmp_path_factory.mktemp("pins")
    chosen = [part for repo in hub.repositories for part in ("--repo", repo)]
    done = command("--hub", hub.url, "--out", str(folder / "pins.toml"), "--cache", str(folder / "cache"), *chosen)
    assert done.exit_code == 0, done.exception
    assert f"Written to {folder / 'pins.toml'}" in done.output
    return folder / "pins.toml"


@pytest.fixture
def changed(pins: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a copy of the pins in which one role's differ."""

    def build(role: Role = Role.UTMOS, **fields: Any) -> Path:
        found = {**read_pins(pins)}
        found[role] = Pin.model_validate(found[role].model_dump() | fields)
        write_pins(tmp_path / "changed.toml", found)
        return tmp_path / "changed.toml"

    return build


def test_the_command_pins_what_is_published(hub: Any, pins: Path) -> None:
    """The newest revision, and the checksum of each file that a role reads: no other file, and no other byte."""
    found = read_pins(pins)
    wanted = {
        role: {name: hashlib.sha256((hub.folders[role] / name).read_bytes()).hexdigest() for name in source.files}
        for role, source in read_catalogue().items()
    }
    assert {role: dict(pinned.files) for role, pinned in found.items()} == wanted
    assert {len(pinned.revision) for pinned in found.values()} == {40}


def test_a_role_that_has_no_public_model_is_named(hub: Any, tmp_path: Path) -> None:
    """The packaged list does not invent repositories."""
    done = command("--hub", hub.url, "--out", str(tmp_path / "pins.toml"), "--cache", str(tmp_path))
    assert isinstance(done.exception, PlatformError)
    assert "squim, utmos" in done.exception.detail
    assert not (tmp_path / "pins.toml").exists()


def test_a_repository_without_the_files_is_named(hub: Any, tmp_path: Path) -> None:
    """One that holds another form of the weights cannot be pinned."""
    other = [part for repo in hub.repositories for part in ("--repo", repo)] + ["--repo", "squim=judges/utmos"]
    done = command("--hub", hub.url, "--out", str(tmp_path / "pins.toml"), "--cache", str(tmp_path), *other)
    assert isinstance(done.exception, PlatformError)
    assert "judges/utmos at main holds no objective.safetensors" in done.exception.detail


@pytest.mark.parametrize("text", ["squim", "nothing=a/b", "squim=a", "squim=../x"])
def test_a_choice_that_is_none(hub: Any, tmp_path: Path, text: str) -> None:
    """The message says how one looks."""
    done = command("--hub", hub.url, "--out", str(tmp_path / "pins.toml"), "--repo", text)
    assert isinstance(done.exception, PlatformError)
    assert done.exception.code is Code.ARGUMENT_INVALID


@pytest.fixture(scope="module")
def warm(hub: Any, pins: Path, tmp_path_factory: pytest.TempPathFactory) -> StandardModels:
    """A worker's judges, fetched and loaded once."""
    return StandardModels(pins, hub.url, tmp_path_factory.mktemp("judges"))


def test_judges_are_fetched_once_and_kept(warm: StandardModels, hub: Any, tmp_path: Path) -> None:
    """Only the pinned files travel; a second round asks nobody, a second process asks its cache, and the hub may be down."""
    seen: list[tuple[int, int]] = []
    judges = warm(lambda done, total: seen.append((done, total)))
    assert seen
    assert not [asked for asked in hub.control.requests if "pytorch_model.bin" in asked]
    asked = sum(hub.control.requests.values())
    assert warm(NO_PROGRESS) is judges
    again = StandardModels(warm.pins, "http://127.0.0.1:9", warm.cache)
    assert again(NO_PROGRESS).versions == judges.versions
    assert sum(hub.control.requests.values()) == asked


def test_an_evaluation(
    warm: StandardModels, groups: tuple[Group, ...], competition: Competition, pcm: Callable[[str], bytes]
) -> None:
    """Every factor gets a utility from what the judges measured; a random recogniser hears other words and closes the gate."""
    panel = LastPanel(warm)(Profile.STANDARD, groups)
    spoken = {
        prompt.id: Spoken(prompt_id=prompt.id, rate=22_050, pcm=pcm(prompt.text), seconds=0.1)
        for group in groups
        for prompt in group.prompts
    }
    report = panel.judge(groups, spoken, competition, NO_PROGRESS)
    assert (report.profile, report.profile_hash) == ("standard", panel.identity.hash)
    assert [sample.gate for sample in report.samples] == [Gate.WRONG_WORDS] * 3
    scale = aggregate.load_anchors(Profile.STANDARD)
    first, last = groups[0].prompts[0], groups[-1].prompts[-1]
    assert set(scale.utilities(report.samples[-1].metrics, last.voice)) == set(Factor)
    assert set(scale.utilities(report.samples[0].metrics, first.voice)) == set(Factor) - {Factor.CONSISTENCY}
    assert panel.judge(groups, dict(reversed(spoken.items())), competition, NO_PROGRESS) == report


def test_a_model_is_judged(warm: StandardModels, competition: Competition, tmp_path: Path) -> None:
    """From a demo model's folder, through the sandbox, under a competition with the standard profile."""
    folder = models.build(tmp_path / "models")["clear"]
    tools = Tools(Hub("http://127.0.0.1:9", tmp_path), Sandbox(tmp_path / "scratch"), timedelta(seconds=1), LastPanel(warm))
    speech = judge_model(LocalModel(folder, "espeak"), BlockHash("0x" + "5a" * 32), competition, tools, NO_PROGRESS)
    assert (speech.report.profile, len(speech.report.samples)) == ("standard", 3)
    assert all({"utmos", "wer_weak", "emotion", "delivery"} <= set(sample.metrics) for sample in speech.report.samples)


def test_other_pins_are_other_judges(warm: StandardModels) -> None:
    """The profile's hash covers every pinned model."""
    hashes = {Panel.standard(warm(NO_PROGRESS)).identity.hash}
    for pinned in read_pins(warm.pins).values():
        other = renamed(warm(NO_PROGRESS), pinned, pinned.model_copy(update={"revision": "f" * 40}))
        hashes.add(Panel.standard(other).identity.hash)
    assert len(hashes) == 1 + len(Role)


def renamed(judges: Judges, pinned: Pin, other: Pin) -> Judges:
    """The judges, as their versions would be with another pin."""

    class Renamed:
        def __init__(self, judge: Any) -> None:
            self.name, self.version = judge.name, judge.version.replace(pinned.label, other.label)

    single: Any = tuple(map(Renamed, judges.single))
    pair: Any = tuple(map(Renamed, judges.pair))
    return replace(judges, single=single, pair=pair)


def fails(standard: StandardModels, code: Code, words: str) -> None:
    """Nothing here is ever a verdict."""
    with pytest.raises(InfrastructureFault) as caught:
        LastPanel(standard)(Profile.STANDARD, ())
    assert caught.value.code is code
    assert words in caught.value.detail


def test_without_pins(tmp_path: Path) -> None:
    """The message says which command makes them."""
    fails(StandardModels(None, "http://127.0.0.1:9", tmp_path), Code.JUDGE_UNAVAILABLE, "voice scoring pin --out pins.toml")
    fails(StandardModels(tmp_path / "no.toml", "", tmp_path), Code.JUDGE_UNAVAILABLE, "voice scoring pin --out pins.toml")
    with pytest.raises(InfrastructureFault):
        LastPanel()(Profile.STANDARD, ())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"files": {"config.json": "0" * 64}}, "is not the file that was pinned", id="another checksum"),
        pytest.param({"files": {"absent.json": "0" * 64}}, "cannot be read", id="a file that is not published"),
        pytest.param({"revision": "0" * 40}, "judges/utmos", id="a revision that is gone"),
        pytest.param({"repo": "judges/gone"}, "judges/gone", id="a repository that is gone"),
    ],
)
def test_another_model_than_the_pinned_one(
    changed: Callable[..., Path], hub: Any, tmp_path: Path, fields: Mapping[str, Any], words: str
) -> None:
    """It is not judged with, and what lies in the cache is not trusted a second time."""
    fails(StandardModels(changed(**fields), hub.url, tmp_path / "judges"), Code.JUDGE_UNAVAILABLE, words)
    assert not list((tmp_path / "judges").glob("*/judges/utmos/*"))


def test_a_broken_cache_heals(warm: StandardModels, hub: Any, tmp_path: Path) -> None:
    """A byte that flipped on the disk costs one try."""
    warm(NO_PROGRESS)
    shutil.copytree(warm.cache, tmp_path / "judges")
    (victim,) = (tmp_path / "judges").glob("*/judges/speaker/*/model.safetensors")
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    standard = StandardModels(warm.pins, hub.url, tmp_path / "judges")
    fails(standard, Code.JUDGE_UNAVAILABLE, "model.safetensors of judges/speaker is not the file that was pinned")
    assert standard(NO_PROGRESS).versions == warm(NO_PROGRESS).versions


def test_no_network(pins: Path, tmp_path: Path) -> None:
    """Ours: tried again later."""
    fails(StandardModels(pins, "http://127.0.0.1:9", tmp_path), Code.HUB_UNAVAILABLE, "cannot be reached")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[", "is not TOML", id="no TOML"),
        pytest.param("", "names no model for strong_asr, weak_asr, squim, utmos, speaker, emotion", id="nothing"),
        pytest.param('[squim]\nrepo = "a/b"\nrevision = "main"\nfiles = { "a" = "b" }', "squim.revision", id="a branch"),
        pytest.param(
            f'[squim]\nrepo = "a/b"\nrevision = "{"0" * 40}"\nfiles = {{ "../a" = "{"0" * 64}" }}', "squim.files", id="a path"
        ),
    ],
)
def test_a_file_of_pins_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    """It says what is wrong, and how a right one is made."""
    (tmp_path / "pins.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InfrastructureFault) as caught:
        read_pins(tmp_path / "pins.toml")
    assert words in caught.value.detail
    assert "voice scoring pin" in caught.value.detail
