"""The standard profile from the command that pins its models to an evaluation, and everything that may be missing on the way."""

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from typer.testing import CliRunner

from neurons.cli.scoring.commands import pin
from neurons.localnet.network import COMPETITION
from neurons.localnet.repositories import publish
from prompts.groups import Group
from scoring.audio.spoken import Spoken
from scoring.competition import ANCHORS, Profile, Track, load
from scoring.errors import Code, InfrastructureFault, PlatformError
from scoring.judges import weights
from scoring.judges.panel import Judges, Panel
from scoring.judges.standard.models import Pin, Role, read_catalogue, read_pins, write_pins
from scoring.judges.weights import HubFile
from scoring.model.pinned import LICENCES, SAFETENSORS
from scoring.progress import NO_PROGRESS
from scoring.report import Factor, Gate
from scoring.scores import aggregate
from scoring.types import BlockHash, RoundNumber
from tests.builders import espeak_voices
from tests.builders.tools import build_tools
from tests.integration.standard.conftest import CARD
from workers.evaluation import hub_weights
from workers.evaluation.judge_models import StandardModels
from workers.evaluation.obtain import LocalModel
from workers.evaluation.speech import judge_model
from workers.evaluation.tools import LastPanel

WEIGHTS = {
    Factor.INTELLIGIBILITY: 0.3,
    Factor.NATURALNESS: 0.3,
    Factor.DELIVERY: 0.2,
    Factor.CLEANLINESS: 0.1,
    Factor.CONSISTENCY: 0.1,
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Track:
    """The demo's rules, with the standard profile and one group of each kind."""
    text = COMPETITION.read_text(encoding="utf-8").replace('profile = "embedded"', 'profile = "standard"')
    text = text.replace("single = 5", "single = 1").replace('["espeak", "vits"]', '["espeak"]')
    text = text.replace("asks = []", 'asks = ["rate", "pitch", "expression"]')
    head, _, _ = text.partition("[version.track.factors]")
    path = tmp_path_factory.mktemp("rules") / "competition.toml"
    lines = "\n".join(f"{factor} = {weight}" for factor, weight in WEIGHTS.items())
    path.write_text(f"{head}[version.track.factors]\n{lines}\n", encoding="utf-8")
    return (
        load(path, {Profile.STANDARD: ANCHORS[Profile.EMBEDDED]}).at(RoundNumber(0)).track[0]
    )  # as if its anchors were measured


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

    def build(role: Role = Role.WEAK_ASR, **fields: Any) -> Path:
        found = {**read_pins(pins)}
        found[role] = Pin.model_validate(found[role].model_dump() | fields)
        write_pins(tmp_path / "changed.toml", found)
        return tmp_path / "changed.toml"

    return build


def test_the_command_pins_what_is_published(hub: Any, pins: Path) -> None:
    """The newest revision, the licence, and the checksum of each file that a role reads: no other file, and no other byte."""
    found = read_pins(pins)
    wanted = {
        role: {name: hashlib.sha256((hub.folders[role] / name).read_bytes()).hexdigest() for name in (*source.files, SAFETENSORS)}
        for role, source in read_catalogue().items()
    }
    assert {role: dict(pinned.files) for role, pinned in found.items()} == wanted
    assert {(len(pinned.revision), pinned.licence, pinned.converted) for pinned in found.values()} == {(40, "apache-2.0", None)}


def test_every_packaged_role_names_a_repository_and_a_licence_that_lets_it_be_used() -> None:
    """Nothing is left to be found by the operator."""
    assert {source.licence for source in read_catalogue().values()} <= LICENCES
    assert all("safetensors" in source.weights[0] for source in read_catalogue().values())


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(
            'files = ["config.json", "pytorch_model.bin"]\nweights = ["model.safetensors"]', id="weights among the files"
        ),
        pytest.param('files = ["config.json"]\nweights = ["model.onnx"]', id="weights of another form"),
        pytest.param('files = ["../config.json"]\nweights = ["model.safetensors"]', id="a path"),
        pytest.param('files = ["config.json"]\nweights = ["model.safetensors"]\nlicence = "proprietary"', id="a licence"),
    ],
)
def test_a_list_of_models_that_is_none(tmp_path: Path, lines: str) -> None:
    """It is refused before anything is fetched."""
    (tmp_path / "models.toml").write_text("".join(f'[{role}]\nrepo = "a/b"\n{lines}\n' for role in Role), encoding="utf-8")
    done = command("--hub", "http://127.0.0.1:9", "--out", str(tmp_path / "pins.toml"), "--models", str(tmp_path / "models.toml"))
    assert isinstance(done.exception, PlatformError)
    assert done.exception.code is Code.SETTING_INVALID


def refused(hub: Any, folder: Path, *repositories: str) -> str:
    """Why the command pins nothing where these repositories fill roles; nothing is written then."""
    chosen = [part for repo in (*hub.repositories, *repositories) for part in ("--repo", repo)]
    done = command("--hub", hub.url, "--out", str(folder / "pins.toml"), "--cache", str(folder / "cache"), *chosen)
    assert isinstance(done.exception, PlatformError | InfrastructureFault), done.exception
    assert not (folder / "pins.toml").exists()
    return done.exception.detail


def test_a_repository_without_the_files_is_named(hub: Any, tmp_path: Path) -> None:
    """One that holds another kind of model cannot be pinned."""
    assert "judges/strong-asr at main holds no vocab.json" in refused(hub, tmp_path, "weak_asr=judges/strong-asr")


@pytest.mark.parametrize(
    ("card", "words"),
    [
        pytest.param("---\nlicense: cc-by-nc-4.0\n---\n", "is published under 'cc-by-nc-4.0'", id="not for money"),
        pytest.param("---\nlanguage: en\n---\n", "states no licence", id="a card without one"),
        pytest.param("", "states no licence", id="no card"),
    ],
)
def test_a_repository_under_another_licence_is_not_used(hub: Any, tmp_path: Path, card: str, words: str) -> None:
    """The command says which licences will do."""
    published(hub, tmp_path, card=card)
    told = refused(hub, tmp_path, "weak_asr=judges/changed")
    assert words in told
    assert "used under apache-2.0, bsd-3-clause" in told


def published(hub: Any, folder: Path, card: str = CARD, checkpoint: bytes | None = None) -> None:
    """A copy of the weak recogniser on the hub as judges/changed: its card, or its weights, are others."""
    shutil.copytree(hub.folders["weak_asr"], folder / "published")
    (folder / "published" / "README.md").write_text(card, encoding="utf-8")
    if checkpoint is not None:
        (folder / "published" / SAFETENSORS).unlink()
        (folder / "published" / "pytorch_model.bin").write_bytes(checkpoint)
    publish(hub.root, "judges/changed", folder / "published")


class RunsCode:
    """What a pickle calls when it is opened by anybody who lets it."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch opened",)


def test_a_checkpoint_that_runs_code_is_not_pinned(hub: Any, tmp_path: Path) -> None:
    """It is opened behind walls, and refused; no half of it stays in the cache."""
    file = io.BytesIO()
    torch.save({"weight": RunsCode()}, file)
    published(hub, tmp_path, checkpoint=file.getvalue())
    told = refused(hub, tmp_path, "weak_asr=judges/changed")
    assert told == "pytorch_model.bin cannot be converted: it asks for posix.system, which is code"
    assert not list((tmp_path / "cache").rglob("converted/*"))
    assert not list((tmp_path / "cache" / "conversions").iterdir())


@pytest.fixture(scope="module")
def converted(hub: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a cache and of pins, made by the command, of which one is of a pickled checkpoint."""
    folder = tmp_path_factory.mktemp("converted")
    chosen = [part for repo in (*hub.repositories, "weak_asr=judges/pickled") for part in ("--repo", repo)]
    done = command("--hub", hub.url, "--out", str(folder / "pins.toml"), "--cache", str(folder / "cache"), *chosen)
    assert done.exit_code == 0, done.exception
    return folder


def test_a_pickled_checkpoint_is_pinned_with_what_is_made_of_it(hub: Any, converted: Path) -> None:
    """Both checksums: of the published file, and of the safetensors that the sandbox makes of it."""
    pinned = read_pins(converted / "pins.toml")[Role.WEAK_ASR]
    (made,) = (converted / "cache" / "converted" / pinned.digest).glob("*.safetensors")
    (published_file,) = hub.root.glob("judges/pickled/[0-9a-f]*/pytorch_model.bin")
    assert pinned.checkpoint == "pytorch_model.bin"
    assert pinned.files["pytorch_model.bin"] == hashlib.sha256(published_file.read_bytes()).hexdigest()
    assert pinned.converted == pinned.loaded[SAFETENSORS] == hashlib.sha256(made.read_bytes()).hexdigest()


def test_a_worker_converts_for_itself_and_loads_nothing_else(hub: Any, converted: Path, tmp_path: Path) -> None:
    """It makes the same file of the same checkpoint, and again where a disk rots; the hub may be down by then."""
    pinned = read_pins(converted / "pins.toml")[Role.WEAK_ASR]
    worker = StandardModels(converted / "pins.toml", hub.url, tmp_path)
    assert pinned.label in worker(NO_PROGRESS).versions["intelligibility"]
    ready = tmp_path / "converted" / pinned.digest
    assert {path.name for path in ready.iterdir()} == pinned.loaded.keys()
    (ready / SAFETENSORS).write_bytes(b"!")
    alone = StandardModels(converted / "pins.toml", "http://127.0.0.1:9", tmp_path)
    fails(alone, Code.JUDGE_UNAVAILABLE, "is not the file that was pinned")
    assert alone(NO_PROGRESS).versions == worker(NO_PROGRESS).versions


def test_another_checkpoint_than_the_pinned_one_is_not_opened(hub: Any, converted: Path, tmp_path: Path) -> None:
    """Its checksum is asked for before the sandbox is."""
    found = {**read_pins(converted / "pins.toml")}
    other = {**found[Role.WEAK_ASR].files, "pytorch_model.bin": "0" * 64}
    found[Role.WEAK_ASR] = found[Role.WEAK_ASR].model_copy(update={"files": other})
    write_pins(tmp_path / "pins.toml", found)
    standard = StandardModels(tmp_path / "pins.toml", hub.url, tmp_path / "judges")
    fails(standard, Code.JUDGE_UNAVAILABLE, "pytorch_model.bin of judges/pickled is not the file that was pinned")
    assert not (tmp_path / "judges" / "conversions").exists()


def test_another_result_than_the_pinned_one_is_not_used(hub: Any, converted: Path, tmp_path: Path) -> None:
    """What is made of the pinned checkpoint has the pinned checksum, or there is no judge."""
    found = {**read_pins(converted / "pins.toml")}
    found[Role.WEAK_ASR] = found[Role.WEAK_ASR].model_copy(update={"converted": "0" * 64})
    write_pins(tmp_path / "pins.toml", found)
    standard = StandardModels(tmp_path / "pins.toml", hub.url, converted / "cache")
    fails(standard, Code.JUDGE_UNAVAILABLE, "model.safetensors of judges/pickled is not the file that was pinned")


ABC = HubFile("some/net.bin", hashlib.sha256(b"abc").hexdigest(), "judges/small", "model.bin")
"""A file of a judges' folder, in small."""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"abc", None, id="the file"),
        pytest.param(b"abd", "model.bin of judges/small is not the file that this version was built for", id="another"),
        pytest.param(None, "judges/small holds no model.bin", id="none"),
    ],
)
def test_the_judges_folder_is_filled_from_the_hub(hub: Any, tmp_path: Path, content: bytes | None, why: str | None) -> None:
    """By the checksum that this version was built for, never by what the hub says; and nothing is half there."""
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "README.md").write_text(f"{CARD}{why}", encoding="utf-8")
    if content is not None:
        (tmp_path / "small" / "model.bin").write_bytes(content)
    publish(hub.root, "judges/small", tmp_path / "small")
    folder = tmp_path / "judges"
    if why is None:
        assert hub_weights.fill(folder, hub.url, tmp_path / "cache", NO_PROGRESS, [ABC]) == 1
        assert weights.read(ABC, folder) == b"abc"
        assert hub_weights.fill(folder, "http://127.0.0.1:9", tmp_path / "cache", NO_PROGRESS, [ABC]) == 0
        assert [path.name for path in (folder / "some").iterdir()] == ["net.bin"]
        return
    with pytest.raises(InfrastructureFault, match=why) as caught:
        hub_weights.fill(folder, hub.url, tmp_path / "cache", NO_PROGRESS, [ABC])
    assert caught.value.code is Code.JUDGE_UNAVAILABLE
    assert not folder.exists()


def test_the_command_can_fill_the_judges_folder_alone(hub: Any, tmp_path: Path) -> None:
    """As the set-up left it, it lacks nothing; a hub that lacks what an empty one lacks is named."""
    done = command("--hub", "http://127.0.0.1:9", "--out", str(tmp_path / "pins.toml"), "--folder-only")
    assert (done.exit_code, (tmp_path / "pins.toml").exists()) == (0, False)
    empty = command("--hub", hub.url, "--out", str(tmp_path / "pins.toml"), "--judges", str(tmp_path), "--folder-only")
    assert isinstance(empty.exception, InfrastructureFault)
    assert "Systran/faster-whisper-tiny.en" in empty.exception.detail


@pytest.mark.parametrize("text", ["weak_asr", "nothing=a/b", "weak_asr=a", "weak_asr=../x"])
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
    assert not [asked for asked in hub.control.requests if "-asr/" in asked and "pytorch_model.bin" in asked]
    asked = sum(hub.control.requests.values())
    assert warm(NO_PROGRESS) is judges
    again = StandardModels(warm.pins, "http://127.0.0.1:9", warm.cache)
    assert again(NO_PROGRESS).versions == judges.versions
    assert sum(hub.control.requests.values()) == asked


def test_an_evaluation(warm: StandardModels, groups: tuple[Group, ...], rules: Track, pcm: Callable[[str], bytes]) -> None:
    """Every factor gets a utility from what the judges measured; a random recogniser hears other words and closes the gate."""
    panel = LastPanel(warm)(Profile.STANDARD)
    spoken = {
        prompt.id: Spoken(prompt_id=prompt.id, rate=22_050, pcm=pcm(prompt.text), seconds=0.1)
        for group in groups
        for prompt in group.prompts
    }
    report = panel.judge(groups, spoken, rules, NO_PROGRESS)
    assert (report.profile, report.profile_hash) == ("standard", panel.identity.hash)
    assert [sample.gate for sample in report.samples] == [Gate.WRONG_WORDS] * 3
    scale = aggregate.load_anchors(Profile.STANDARD)
    first, last = groups[0].prompts[0], groups[-1].prompts[-1]
    assert set(scale.utilities(report.samples[-1].metrics, last.voice)) == set(Factor)
    assert set(scale.utilities(report.samples[0].metrics, first.voice)) == set(Factor) - {Factor.CONSISTENCY}
    assert panel.judge(groups, dict(reversed(spoken.items())), rules, NO_PROGRESS) == report


def test_a_model_is_judged(warm: StandardModels, rules: Track, tmp_path: Path) -> None:
    """From a demo model's folder, through the sandbox, under a competition with the standard profile."""
    folder = espeak_voices.build(tmp_path / "models")["clear"]
    tools = build_tools(tmp_path, panel=LastPanel(warm))
    speech = judge_model(LocalModel(folder, "espeak", rules), BlockHash("0x" + "5a" * 32), tools, NO_PROGRESS)
    assert (speech.report.profile, len(speech.report.samples)) == ("standard", 3)
    assert all({"wer_weak", "ovr", "delivery"} <= set(sample.metrics) for sample in speech.report.samples)


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
        LastPanel(standard)(Profile.STANDARD)
    assert caught.value.code is code
    assert words in caught.value.detail


def test_without_pins(tmp_path: Path) -> None:
    """The message says which command makes them."""
    fails(StandardModels(None, "http://127.0.0.1:9", tmp_path), Code.JUDGE_UNAVAILABLE, "voice scoring pin --out pins.toml")
    fails(StandardModels(tmp_path / "no.toml", "", tmp_path), Code.JUDGE_UNAVAILABLE, "voice scoring pin --out pins.toml")
    with pytest.raises(InfrastructureFault):
        LastPanel()(Profile.STANDARD)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"files": {SAFETENSORS: "0" * 64}}, "is not the file that was pinned", id="another checksum"),
        pytest.param(
            {"files": {"absent.json": "0" * 64, SAFETENSORS: "0" * 64}}, "cannot be read", id="a file that is not published"
        ),
        pytest.param({"revision": "0" * 40}, "judges/weak-asr", id="a revision that is gone"),
        pytest.param({"repo": "judges/gone"}, "judges/gone", id="a repository that is gone"),
    ],
)
def test_another_model_than_the_pinned_one(
    changed: Callable[..., Path], hub: Any, tmp_path: Path, fields: Mapping[str, Any], words: str
) -> None:
    """It is not judged with, and what lies in the cache is not trusted a second time."""
    fails(StandardModels(changed(**fields), hub.url, tmp_path / "judges"), Code.JUDGE_UNAVAILABLE, words)
    assert not list((tmp_path / "judges").glob("*/judges/weak-asr/*"))


def test_a_broken_cache_heals(warm: StandardModels, hub: Any, tmp_path: Path) -> None:
    """A byte that flipped on the disk costs one try."""
    warm(NO_PROGRESS)
    shutil.copytree(warm.cache, tmp_path / "judges")
    (victim,) = (tmp_path / "judges").glob("*/judges/strong-asr/*/model.safetensors")
    victim.write_bytes(victim.read_bytes()[:-1] + b"!")
    standard = StandardModels(warm.pins, hub.url, tmp_path / "judges")
    fails(standard, Code.JUDGE_UNAVAILABLE, "model.safetensors of judges/strong-asr is not the file that was pinned")
    assert standard(NO_PROGRESS).versions == warm(NO_PROGRESS).versions


def test_no_network(pins: Path, tmp_path: Path) -> None:
    """Ours: tried again later."""
    fails(StandardModels(pins, "http://127.0.0.1:9", tmp_path), Code.HUB_UNAVAILABLE, "cannot be reached")


def toml(files: Mapping[str, str], licence: str = "mit") -> str:
    """Pins of one role."""
    listed = ", ".join(f'"{name}" = "{checksum}"' for name, checksum in files.items())
    return f'[weak_asr]\nrepo = "a/b"\nrevision = "{"0" * 40}"\nlicence = "{licence}"\nfiles = {{ {listed} }}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("[", "is not TOML", id="no TOML"),
        pytest.param("", "names no model for strong_asr, weak_asr", id="nothing"),
        pytest.param('[weak_asr]\nrepo = "a/b"\nrevision = "main"\nfiles = { "a" = "b" }', "weak_asr.revision", id="a branch"),
        pytest.param(toml({"../a": "0" * 64}), "weak_asr.files", id="a path"),
        pytest.param(toml({"model.bin": "0" * 64}), "one pickled checkpoint with the checksum", id="a checkpoint as it is"),
        pytest.param(toml({"config.json": "0" * 64}), f"either {SAFETENSORS} or", id="no weights"),
        pytest.param(toml({SAFETENSORS: "0" * 64}, licence="cc-by-nc-4.0"), "weak_asr.licence", id="another licence"),
    ],
)
def test_a_file_of_pins_that_is_none(tmp_path: Path, text: str, words: str) -> None:
    """It says what is wrong, and how a right one is made."""
    (tmp_path / "pins.toml").write_text(text, encoding="utf-8")
    with pytest.raises(InfrastructureFault) as caught:
        read_pins(tmp_path / "pins.toml")
    assert words in caught.value.detail
    assert "voice scoring pin" in caught.value.detail
