"""Filling the judges' folder: by pip, by hash, once."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from scoring.errors import Code, InfrastructureFault
from scoring.judges import weights
from tests.builders.command_line import voice
from workers.evaluation.prepare_judges import prepare


def test_the_set_up_left_a_whole_folder_which_is_only_checked(tmp_path: Path) -> None:
    """Of this environment: nothing is fetched for it again, and nothing of it can be imported."""
    assert not prepare(weights.folder(), packages=tmp_path / "nowhere.txt")
    assert str(weights.folder()) not in sys.path


@pytest.mark.parametrize(
    ("packages", "limit", "why"),
    [
        pytest.param("", timedelta(minutes=1), "cannot be read", id="pip brings something else"),
        pytest.param("numpy", timedelta(minutes=1), "could not be installed: .*hash", id="no hash"),
        pytest.param("numpy", timedelta(0), "could not be installed: pip did not end within 0 s", id="too slow"),
    ],
)
def test_a_folder_that_cannot_be_filled_is_our_fault(tmp_path: Path, packages: str, limit: timedelta, why: str) -> None:
    """It says why, in one line."""
    (tmp_path / "packages.txt").write_text(packages, encoding="utf-8")
    with pytest.raises(InfrastructureFault, match=why) as caught:
        prepare(tmp_path / "judges", tmp_path / "packages.txt", limit)
    assert caught.value.code is Code.JUDGE_UNAVAILABLE
    assert "\n" not in caught.value.detail


def test_a_package_that_is_gone_keeps_no_other_away(tmp_path: Path) -> None:
    """What the folder holds, from wherever it came, is not asked of pip again."""
    file = weights.SPEAKER
    (tmp_path / "judges" / file.path).parent.mkdir(parents=True)
    (tmp_path / "judges" / file.path).write_bytes(weights.read(file))
    (tmp_path / "packages.txt").write_text("resemblyzer==0.1.4 \\\n    --hash=sha256:" + "0" * 64, encoding="utf-8")
    with pytest.raises(InfrastructureFault, match="cannot be read"):  # pip had nothing to bring, and failed at nothing
        prepare(tmp_path / "judges", tmp_path / "packages.txt")


def test_the_command_says_where_the_networks_are(tmp_path: Path) -> None:
    """Asked again, it changes nothing; and a worker is not started by it."""
    ended = voice(tmp_path, "worker", "prepare", "judges")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"checked {weights.folder()}\n", "")
