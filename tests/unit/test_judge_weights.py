"""The judges' folder: what it must hold, and what is wrong with one that does not."""

import re
from pathlib import Path

import pytest

from scoring.errors import Code, InfrastructureFault
from scoring.judges import weights
from scoring.judges.weights import WeightsFile

ABC = WeightsFile("some/net.pt", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


@pytest.fixture
def holding(tmp_path: Path) -> Path:
    """A folder whose one file holds 'abc'."""
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "net.pt").write_bytes(b"abc")
    return tmp_path


def test_a_file_is_read_by_its_checksum(holding: Path) -> None:
    """What was asked for, whole."""
    assert weights.read(ABC, holding) == b"abc"
    weights.check(holding, [ABC])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(None, "cannot be read (No such file or directory)", id="missing"),
        pytest.param(b"abd", "is not the file that this version was built for", id="another"),
    ],
)
def test_what_is_not_there_says_what_brings_it(holding: Path, content: bytes | None, why: str) -> None:
    """The fault is ours, names the file, and names the command."""
    path = holding / "some" / "net.pt"
    path.unlink() if content is None else path.write_bytes(content)
    said = re.escape(f"{path} {why}: `voice worker prepare judges` installs it")
    for ask in (lambda: weights.read(ABC, holding), lambda: weights.check(holding, [ABC])):
        with pytest.raises(InfrastructureFault, match=said) as caught:
            ask()
        assert caught.value.code is Code.JUDGE_UNAVAILABLE


def test_every_package_is_pinned_by_hash() -> None:
    """A line a package with its version, and a SHA-256 behind each."""
    text = weights.PACKAGES.read_text(encoding="utf-8")
    lines = [line for line in text.replace("\\\n", "").splitlines() if not line.startswith("#")]
    assert [bool(re.fullmatch(r"[a-z-]+==[\d.]+ +--hash=sha256:[0-9a-f]{64}", line)) for line in lines] == [True] * 3
