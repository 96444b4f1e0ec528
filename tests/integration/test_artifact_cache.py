"""The cache of artifacts: under its cap, never taken from whoever uses one, and never half of one."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scoring.errors import Code, InfrastructureFault
from workers.hub.cache import ArtifactCache

KIB = 1024
HOLD = """
import sys, time
from pathlib import Path
from workers.hub.cache import ArtifactCache
cache = ArtifactCache(Path(sys.argv[1]), 1)
with cache.pin("a/one", "r"):
    print("held", flush=True)
    time.sleep(60)
"""
FILL = """
import sys, time
from pathlib import Path
from workers.hub.cache import ArtifactCache
cache = ArtifactCache(Path(sys.argv[1]), 1)
with cache.part() as part:
    (part / "files").mkdir()
    (part / "files" / "weights").write_bytes(bytes(100))
    print("half", flush=True)
    time.sleep(60)
"""


def add(cache: ArtifactCache, repo: str, n_bytes: int = KIB, used_at: int = 0) -> Path:
    """Bring an artifact of one file, last used at a second since 1970."""
    with cache.part() as part:
        (part / "files").mkdir()
        (part / "files" / "weights").write_bytes(bytes(n_bytes))
        folder = cache.keep(part / "files", repo, "r", replace=False)
    os.utime(folder, (used_at, used_at))
    return folder


def names(root: Path) -> list[str]:
    """The repositories that are kept."""
    return sorted(path.relative_to(root).parent.as_posix() for path in root.glob("[!.]*/*/*"))


def other(code: str, root: Path) -> "subprocess.Popen[str]":
    """Another process that has come as far as its first line."""
    process = subprocess.Popen([sys.executable, "-c", code, str(root)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() in {"held\n", "half\n"}
    return process


def end(process: "subprocess.Popen[str]") -> None:
    """kill -9."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.parametrize(
    ("needed", "left"),
    [
        pytest.param(0, ["a/one", "a/three", "a/two"], id="all fit"),
        pytest.param(1, ["a/three", "a/two"], id="a byte too many takes the one used longest ago"),
        pytest.param(KIB + 1, ["a/two"], id="and the next"),
        pytest.param(9 * KIB, [], id="more than the cap takes all there is"),
    ],
)
def test_what_was_used_least_lately_goes_first(tmp_path: Path, needed: int, left: list[str]) -> None:
    """Three KiB of artifacts under a cap of three; the second was found after the third was used."""
    cache = ArtifactCache(tmp_path, 3 * KIB)
    add(cache, "a/one", used_at=1)
    add(cache, "a/two", used_at=2)
    add(cache, "a/three", used_at=3)
    cache.find("a/two", "r")
    cache.make_room(needed)
    assert names(tmp_path) == left


def test_without_a_cap_everything_stays(tmp_path: Path) -> None:
    """Judges' own models are never removed."""
    cache = ArtifactCache(tmp_path)
    add(cache, "a/one")
    cache.make_room(1 << 60)
    assert names(tmp_path) == ["a/one"]


def test_what_another_process_uses_is_never_removed(tmp_path: Path) -> None:
    """Until that process ends, however it ends."""
    cache = ArtifactCache(tmp_path, 1)
    add(cache, "a/one", used_at=1)
    add(cache, "a/two", used_at=2)
    user = other(HOLD, tmp_path)
    cache.make_room(0)
    held = names(tmp_path)
    end(user)
    cache.make_room(0)
    assert (held, names(tmp_path)) == (["a/one"], [])


def test_the_cap_holds_once_nothing_is_in_use(tmp_path: Path) -> None:
    """An artifact larger than the cap may be judged, and goes afterwards; no lock is left behind."""
    cache = ArtifactCache(tmp_path, KIB)
    with cache.pin("a/large", "r"):
        folder = add(cache, "a/large", 4 * KIB)
        cache.make_room(0)
        assert folder.is_dir()
    assert [path.name for path in tmp_path.rglob("*")] == [".locks"]


def test_a_killed_download_leaves_nothing_that_counts(tmp_path: Path) -> None:
    """Half an artifact is never found, and is removed by the next download."""
    cache = ArtifactCache(tmp_path, KIB)
    end(other(FILL, tmp_path))
    assert cache.find("a/one", "r") is None
    add(cache, "a/one", 10)
    assert (names(tmp_path), list(tmp_path.glob(".part-*"))) == (["a/one"], [])


def test_two_downloads_of_one_revision_end_as_one(tmp_path: Path) -> None:
    """Both get the same folder, with the files of the one that was faster."""
    caches = [ArtifactCache(tmp_path, 1 << 20) for _ in range(4)]
    ready, found = threading.Barrier(len(caches)), []

    def bring(cache: ArtifactCache, size: int) -> None:
        with cache.part() as part:
            (part / "files").mkdir()
            (part / "files" / "weights").write_bytes(bytes(size))
            ready.wait()
            folder = cache.keep(part / "files", "a/one", "r", replace=False)
            found.append((folder, (folder / "weights").stat().st_size))

    threads = [threading.Thread(target=bring, args=(cache, size)) for size, cache in enumerate(caches, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == len(caches)
    assert list(tmp_path.glob(".*-*")) == []


@pytest.mark.parametrize("replace", [False, True], ids=["kept", "replaced"])
def test_an_artifact_is_replaced_only_on_purpose(tmp_path: Path, replace: bool) -> None:
    """A damaged one is; one that another process brought is not."""
    cache = ArtifactCache(tmp_path)
    add(cache, "a/one", 10)
    with cache.part() as part:
        (part / "files").mkdir()
        (part / "files" / "weights").write_bytes(bytes(20))
        folder = cache.keep(part / "files", "a/one", "r", replace=replace)
    assert (folder / "weights").stat().st_size == (20 if replace else 10)


def test_holding_costs_others_nothing(tmp_path: Path) -> None:
    """Any number may use the same artifact at once."""
    cache = ArtifactCache(tmp_path, 1)
    with cache.pin("a/one", "r"), cache.pin("a/one", "r"):
        assert len(list((tmp_path / ".locks").iterdir())) == 1
    assert list((tmp_path / ".locks").iterdir()) == []


class FullDisk(ArtifactCache):
    """Nothing can be moved out of the way: that takes a folder, for which there is no room."""

    def make_room(self, n_bytes: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("cache", "is_removed"),
    [pytest.param(FullDisk, False, id="a full disk"), pytest.param(ArtifactCache, True, id="a disk that is gone")],
)
def test_what_was_done_with_an_artifact_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cache: type[ArtifactCache], is_removed: bool
) -> None:
    """Where the cache cannot be tidied afterwards, that is said, with its code, and loses nothing."""

    def judged() -> str:
        with cache(tmp_path / "cache", 1).pin("a/one", "r"):
            if is_removed:
                shutil.rmtree(tmp_path / "cache")
            return "a signed verdict"

    assert judged() == "a signed verdict"
    told = capsys.readouterr().out
    assert ("the cache of models cannot be tidied" in told, "STORE_UNAVAILABLE" in told or "2104" in told) == (True, True)


def test_a_folder_in_which_nothing_can_be_made(tmp_path: Path) -> None:
    """Parts, packages and models are all made in such a folder: it is named, with what is wrong, as this host's fault."""
    (tmp_path / "file").touch()
    with (
        pytest.raises(InfrastructureFault, match=r"nothing can be written below .*file: ") as caught,
        ArtifactCache(tmp_path / "file").part(),
    ):
        pass
    assert caught.value.code is Code.STORE_UNAVAILABLE
