"""Which folders are checkpoints, and when one is complete."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from neurons.miner.checkpoints import Checkpoint, Watched, scan, settled, watch
from scoring.errors import PlatformError

SETTLE = timedelta(seconds=30)
ONE = Checkpoint(Path("one"), "a", 1)
TWO = Checkpoint(Path("two"), "b", 2)


def checkpoint(folder: Path, name: str, at: int) -> Path:
    """A folder with one file, written at a time."""
    made = folder / name
    made.mkdir()
    (made / "model.safetensors").write_bytes(b"weights")
    os.utime(made / "model.safetensors", (at, at))
    return made


def test_the_newest_comes_first(tmp_path: Path) -> None:
    """Folders with files in them; what is hidden, empty or no folder is none."""
    checkpoint(tmp_path, "old", 100)
    checkpoint(tmp_path, "new", 200)
    checkpoint(tmp_path, ".tmp", 300)
    (tmp_path / "empty").mkdir()
    (tmp_path / "log.txt").write_text("loss")
    assert [each.folder.name for each in scan(tmp_path)] == ["new", "old"]


@pytest.mark.parametrize("change", ["size", "time", "name", "another file"])
def test_any_change_changes_its_look(tmp_path: Path, change: str) -> None:
    """Size, time, name and number of files."""
    file = checkpoint(tmp_path, "one", 100) / "model.safetensors"
    [before] = scan(tmp_path)
    match change:
        case "size":
            file.write_bytes(b"weights and more")
            os.utime(file, (100, 100))
        case "time":
            os.utime(file, (101, 101))
        case "name":
            file.rename(file.with_name("weights.safetensors"))
        case _:
            (file.parent / "config.json").write_text("{}")
    [after] = scan(tmp_path)
    assert before.look != after.look


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A name that was typed wrong is not an empty folder."""
    with pytest.raises(PlatformError, match="There is no folder"):
        scan(tmp_path / "nowhere")


def test_it_is_complete_when_it_has_not_changed_for_a_while() -> None:
    """Thirty seconds from when it was first seen so."""
    watched = watch(Watched({}), [ONE], 100.0)
    watched = watch(watched, [ONE, TWO], 110.0)
    assert [settled(watched, now, SETTLE) for now in (129.9, 130.0, 140.0)] == [(), (ONE,), (TWO, ONE)]


def test_a_change_begins_anew() -> None:
    """Also the last byte of many; and what is gone is forgotten."""
    changed = Checkpoint(Path("one"), "c", 3)
    watched = watch(watch(Watched({}), [ONE, TWO], 100.0), [changed], 125.0)
    assert [settled(watched, now, SETTLE) for now in (131.0, 155.0)] == [(), (changed,)]
