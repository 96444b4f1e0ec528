"""Anchors from recordings: the pure rules, and the whole way from two folders to a file that is read as anchors."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neurons.cli.scoring.commands import app
from prompts.voices import Attribute
from scoring.audio.audio import from_file
from scoring.competition import Profile
from scoring.errors import Code, PlatformError
from scoring.report import Factor
from scoring.scores import aggregate
from scoring.scores.aggregate import Anchor, Anchors, Combine, FactorAnchors
from scoring.scores.calibration import Calibration, Provenance, RecordingSet, calibrate, quantile, render
from scoring.studies.manipulations.manipulation import Manipulation, manipulate, write
from scoring.studies.recordings import find

TEXTS = (
    "Open the gate and wait for nine minutes.",
    "The morning train was late again.",
    "She keeps seven old clocks in the kitchen.",
    "Please read the second letter to me.",
    "Nobody knew where the river began.",
)


def build_anchors(**overrides: object) -> Anchors:
    """Small anchors of three factors."""
    factors = {
        Factor.INTELLIGIBILITY: FactorAnchors(Combine.WORST, {"wer": Anchor(0.8, 0.05)}),
        Factor.NATURALNESS: FactorAnchors(Combine.MEAN, {"ovr": Anchor(1.5, 3.3)}),
        Factor.DELIVERY: FactorAnchors(Combine.MEAN, {"delivery": Anchor(0.5, 0.95)}),
    }
    return replace(Anchors(factors, 0.9, dict.fromkeys(Attribute, 1.0), "0" * 64), **overrides)  # type: ignore[arg-type]


def build_metrics(wer: float, ovr: float) -> dict[str, float]:
    """One recording; its delivery would be a perfect surprise."""
    return {"wer": wer, "ovr": ovr, "delivery": 0.123}


NATURAL = [build_metrics(wer, ovr) for wer, ovr in ((0.0, 3.0), (0.0, 3.1), (0.1, 3.2), (0.2, 3.3), (0.3, 3.4))]
DEGRADED = [build_metrics(wer, ovr) for wer, ovr in ((0.9, 1.0), (0.8, 1.2), (0.7, 1.4), (0.6, 1.6), (0.5, 1.8))]


@pytest.mark.parametrize(
    ("share", "expected"),
    [pytest.param(0.0, 1.0, id="least"), pytest.param(0.25, 1.75, id="between"), (0.5, 2.5), pytest.param(1.0, 4.0, id="most")],
)
def test_quantiles_interpolate(share: float, expected: float) -> None:
    """Of 4, 1, 3, 2: place 0.25 · 3 = 0.75 lies three quarters of the way from the first to the second."""
    assert quantile([4.0, 1.0, 3.0, 2.0], share) == pytest.approx(expected)


def test_human_is_the_natural_median_and_bad_the_degraded_quarter() -> None:
    """In the metric's own direction: for errors, three quarters of the degraded lie below `bad`; delivery is kept."""
    found = calibrate(build_anchors(), NATURAL, DEGRADED)
    assert found == Calibration(
        {
            Factor.INTELLIGIBILITY: FactorAnchors(Combine.WORST, {"wer": Anchor(bad=0.8, human=0.1)}),
            Factor.NATURALNESS: FactorAnchors(Combine.MEAN, {"ovr": Anchor(bad=1.2, human=3.2)}),
            Factor.DELIVERY: FactorAnchors(Combine.MEAN, {"delivery": Anchor(0.5, 0.95)}),
        },
        kept=("delivery.delivery",),
    )


def test_a_metric_that_the_degradation_does_not_touch_keeps_its_anchors() -> None:
    """Otherwise human and bad would be one point, or change places."""
    same = [build_metrics(metrics["wer"], 3.3) for metrics in DEGRADED]
    found = calibrate(build_anchors(), NATURAL, same)
    assert found.factors[Factor.NATURALNESS].metrics == {"ovr": Anchor(1.5, 3.3)}
    assert found.kept == ("naturalness.ovr", "delivery.delivery")


def test_too_few_recordings_are_refused() -> None:
    """Four have no quartile; the message says which set."""
    with pytest.raises(PlatformError, match="4 degraded recordings") as told:
        calibrate(build_anchors(), NATURAL, DEGRADED[:4])
    assert told.value.code is Code.ARGUMENT_INVALID


def test_the_written_file_is_read_as_the_same_anchors(tmp_path: Path) -> None:
    """Factors, gate and moves of the shipped profile, with file names that need quoting in the provenance."""
    present = aggregate.load_anchors(Profile.EMBEDDED)
    folder = RecordingSet("ab" * 32, 5, {'odd "name" = 1.wav': "too_short"})
    source = Provenance(date="2026-11-22", profile=Profile.EMBEDDED, judges={"speaker": "1"}, natural=folder, degraded=folder)
    path = tmp_path / "anchors.toml"
    path.write_text(render(Calibration(present.factors, ("a.b",)), present, source), encoding="utf-8")
    assert replace(aggregate.read_anchors(path), hash=present.hash) == present
    assert tomllib.loads(path.read_text(encoding="utf-8"))["provenance"] == {
        "date": "2026-11-22",
        "profile": "embedded",
        "human_quantile": 0.5,
        "bad_quantile": 0.25,
        "kept": ["a.b"],
        "judges": {"speaker": "1"},
        "natural": {"sha256": "ab" * 32, "measured": 5, "left_out": {'odd "name" = 1.wav': "too_short"}},
        "degraded": {"sha256": "ab" * 32, "measured": 5, "left_out": {'odd "name" = 1.wav': "too_short"}},
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, speak: Callable[..., bytes]) -> tuple[Path, Path]:
    """Synthetic speech that stands for natural, and noisy copies of it; one more file is silent."""
    from scoring.audio.audio import from_pcm

    root = tmp_path_factory.mktemp("recordings")
    natural, degraded = root / "natural", root / "degraded"
    for folder in (natural, degraded):
        folder.mkdir()
    for number, text in enumerate(TEXTS):
        write(from_pcm(speak(text), 22_050), natural / f"{number}.wav")
        manipulate(Manipulation.NOISE_0, natural / f"{number}.wav", degraded / f"{number}.wav")
        for folder in (natural, degraded):
            (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    manipulate(Manipulation.SILENCE, natural / "0.wav", natural / "silent.wav")
    (natural / "silent.txt").write_text(TEXTS[0], encoding="utf-8")
    return natural, degraded


@pytest.fixture(scope="module")
def calibrated(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The anchors that the command makes of both."""
    return calibrated_from(folders, tmp_path_factory.mktemp("anchors") / "anchors.toml")


def calibrated_from(folders: tuple[Path, Path], out: Path) -> Path:
    natural, degraded = folders
    arguments = ["calibrate", "--natural", str(natural), "--degraded", str(degraded), "--date", "2026-11-22", "--out", str(out)]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    return out


def test_two_folders_become_anchors(calibrated: Path) -> None:
    """The command measures both through the panel."""
    found, present = aggregate.read_anchors(calibrated), aggregate.load_anchors(Profile.EMBEDDED)
    noisy = found.factors[Factor.NATURALNESS].metrics["bak"]
    assert 1.0 <= noisy.bad < 2.2
    assert noisy.human > 2.2
    assert found.factors[Factor.DELIVERY] == present.factors[Factor.DELIVERY]
    assert found.hash != present.hash
    written = tomllib.loads(calibrated.read_text(encoding="utf-8"))["provenance"]
    assert "delivery.delivery" in written["kept"]
    assert (written["natural"]["measured"], written["natural"]["left_out"]) == (5, {"silent.wav": "no_speech"})
    assert (written["degraded"]["measured"], written["degraded"]["left_out"]) == (5, {})


@pytest.mark.slow
def test_the_same_folders_on_the_same_day_give_the_same_file(
    folders: tuple[Path, Path], calibrated: Path, tmp_path: Path
) -> None:
    """To the byte."""
    assert calibrated_from(folders, tmp_path / "again.toml").read_bytes() == calibrated.read_bytes()


def test_a_folders_hash_covers_names_sounds_and_words(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """Another word is another provenance."""
    natural, _ = folders
    for path in natural.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = find(tmp_path, "x").sha256
    assert before == find(natural, "x").sha256
    (tmp_path / "0.txt").write_text(TEXTS[1], encoding="utf-8")
    assert find(tmp_path, "x").sha256 != before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(None, "must hold the recording's words", id="no text"),
        pytest.param("…", "holds no words", id="no words"),
        pytest.param("open it on 3/4/2005", "how to read: 3/4/2005", id="two dates"),
    ],
)
def test_a_recording_without_usable_words_is_refused(
    folders: tuple[Path, Path], tmp_path: Path, words: str | None, why: str
) -> None:
    """With the file's name; so is a folder without recordings."""
    with pytest.raises(PlatformError, match="holds no WAV"):
        find(tmp_path, "x")
    (tmp_path / "a.wav").write_bytes((folders[0] / "0.wav").read_bytes())
    if words is not None:
        (tmp_path / "a.txt").write_text(words, encoding="utf-8")
    with pytest.raises(PlatformError, match=why) as told:
        find(tmp_path, "x")
    assert told.value.code is Code.ARGUMENT_INVALID


def test_attack_writes_what_the_function_gives(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """`voice scoring attack`: the list names all, a name works, an unknown one is an error with a code."""
    source, target = folders[0] / "0.wav", tmp_path / "out.wav"
    listed = CliRunner().invoke(app, ["attack", "--list"], catch_exceptions=False)
    assert all(name in listed.stdout for name in Manipulation)
    assert CliRunner().invoke(app, ["attack", "repeat", str(source), str(target)], catch_exceptions=False).exit_code == 0
    assert from_file(target).samples.shape[0] == 2 * from_file(source).samples.shape[0]
    for arguments in (["attack", "repeat"], ["attack", "nothing", str(source), str(target)]):
        with pytest.raises(PlatformError) as told:
            CliRunner().invoke(app, arguments, catch_exceptions=False, standalone_mode=False)
        assert told.value.code is Code.ARGUMENT_INVALID
