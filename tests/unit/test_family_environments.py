"""The lock of a family's environment: exactly its packages, by their hashes, and one name for it everywhere."""

import hashlib
import shutil
from pathlib import Path

import pytest

from scoring.synthesis import families
from scoring.synthesis.environment import LOCK, read_lock
from scoring.synthesis.families import FAMILIES, families_in
from scoring.synthesis.page import render

HASH = "--hash=sha256:" + "1" * 64
TEXT = f"# Why.\nsome-model==0.1.1 \\\n    {HASH} \\\n    --hash=sha256:{'2' * 64}\n\nother_words==4.57.3 {HASH}  # a comment\n"


def written(folder: Path, text: str) -> Path:
    """A lock file."""
    (folder / LOCK).write_text(text, encoding="utf-8")
    return folder / LOCK


def test_a_lock_is_named_by_its_bytes(tmp_path: Path) -> None:
    """Its packages are read with their versions; no file is no environment."""
    lock = read_lock(written(tmp_path, TEXT))
    assert lock is not None
    assert (lock.text, lock.packages) == (TEXT, {"some-model": "0.1.1", "other_words": "4.57.3"})
    assert lock.hash == hashlib.sha256(TEXT.encode()).hexdigest()
    assert read_lock(tmp_path / "nowhere.txt") is None


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("some-model==0.1.1", id="no hash"),
        pytest.param(f"some-model {HASH}", id="no version"),
        pytest.param(f"some-model>=0.1.1 {HASH}", id="any version"),
        pytest.param("some-model==0.1.1 --hash=md5:" + "1" * 32, id="a weak hash"),
        pytest.param(f"some-model==0.1.1; python_version < '3.12' {HASH}", id="a condition"),
        pytest.param("--index-url https://somewhere.example/simple", id="an index"),
        pytest.param("-r other.txt", id="another file"),
        pytest.param(f"some-model @ https://somewhere.example/some.whl {HASH}", id="an address"),
        pytest.param(f"other-words==1 {HASH}\nother-words==2 {HASH}", id="twice"),
    ],
)
def test_a_line_that_leaves_a_choice_is_refused(tmp_path: Path, line: str) -> None:
    """Two hosts with one lock have the same packages."""
    with pytest.raises(ValueError, match=LOCK):
        read_lock(written(tmp_path, f"first==1 {HASH}\n{line}\n"))


def test_a_lock_without_packages_is_refused(tmp_path: Path) -> None:
    """A family that needs none has no lock."""
    with pytest.raises(ValueError, match="names no package"):
        read_lock(written(tmp_path, "# nothing\n"))


def test_a_lock_beside_a_manifest_is_the_familys(tmp_path: Path) -> None:
    """What family.toml says of it does not count."""
    package = Path(families.__file__).parent
    for name in ("espeak", "vits"):
        (tmp_path / name).mkdir()
        shutil.copy(package / name / "family.toml", tmp_path / name)
        (tmp_path / name / "adapter.py").touch()
    written(tmp_path / "vits", TEXT)
    found = families_in(tmp_path)
    assert found["espeak"].environment is FAMILIES["espeak"].environment is None
    assert found["vits"].environment == read_lock(tmp_path / "vits" / LOCK)


def test_the_page_says_whose_packages_a_guest_imports(tmp_path: Path) -> None:
    """Those of the lock, with the command that installs them, or the worker's."""
    lock = read_lock(written(tmp_path, TEXT))
    page = render([FAMILIES["espeak"], FAMILIES["vits"].model_copy(update={"environment": lock})])
    rows = [line for line in page.splitlines() if line.startswith("| its guests' own packages")]
    assert rows == [
        "| its guests' own packages | none: the worker's do |",
        "| its guests' own packages | some-model 0.1.1, other_words 4.57.3: `voice worker prepare vits` installs them |",
    ]
