"""A guest's own control group, over folders that stand for the kernel's."""

from pathlib import Path

import pytest

from scoring.errors import Code, InfrastructureFault
from workers.sandbox.own_group import OwnGroup, delegated


def tree(mount: Path, controllers: str = "cpu memory pids") -> Path:
    """A tree that a host hands over, and below it the worker's own group."""
    above = mount / "voice.service"
    (above / "worker").mkdir(parents=True)
    (above / "cgroup.controllers").write_text(controllers, encoding="ascii")
    (above / "cgroup.subtree_control").touch()
    return above


def own(folder: Path, line: str = "0::/voice.service/worker") -> Path:
    """What /proc/self/cgroup says."""
    file = folder / "own"
    file.write_text(f"1:name=systemd:/\n{line}\n", encoding="ascii")
    return file


def test_a_tree_that_was_handed_over(tmp_path: Path) -> None:
    """The folder above the worker's own group is its tree, and bounds memory and threads from now on."""
    above = tree(tmp_path / "mount")
    assert delegated(tmp_path / "mount", own(tmp_path)) == above
    assert (above / "cgroup.subtree_control").read_text(encoding="ascii") == "+memory +pids"


@pytest.mark.parametrize(
    ("line", "controllers"),
    [
        pytest.param("0::/", "cpu memory pids", id="a container's own group is the top"),
        pytest.param("4:memory:/voice.service/worker", "cpu memory pids", id="version 1"),
        pytest.param("0::/voice.service/worker", "cpu pids", id="memory is not handed over"),
        pytest.param("0::/elsewhere/worker", "cpu memory pids", id="it is not mounted here"),
        pytest.param("0::/../../worker", "cpu memory pids", id="above what the container sees"),
    ],
)
def test_no_tree(tmp_path: Path, line: str, controllers: str) -> None:
    """Where a host hands nothing over, guests do without."""
    tree(tmp_path / "mount", controllers)
    assert delegated(tmp_path / "mount", own(tmp_path, line)) is None


def group(folder: Path) -> OwnGroup:
    """A group whose files are there, as a kernel makes them."""
    folder.mkdir()
    for name in ("memory.max", "memory.oom.group", "memory.swap.max", "pids.max", "cgroup.procs"):
        (folder / name).touch()
    (folder / "memory.events").write_text("low 0\nmax 12\noom 0\noom_kill 0\n", encoding="ascii")
    return OwnGroup(folder, 512 << 20, 256)


def test_limits_are_written_before_a_process_is_taken_in(tmp_path: Path) -> None:
    """A group is bounded first, and swaps nothing out."""
    folder = tmp_path / "guest"
    made = group(folder)
    written = {name: (folder / name).read_text(encoding="ascii") for name in ("memory.max", "memory.swap.max", "pids.max")}
    assert written == {"memory.max": str(512 << 20), "memory.swap.max": "0", "pids.max": "256"}
    made.take(4711)
    assert (folder / "cgroup.procs").read_text(encoding="ascii") == "4711"


@pytest.mark.parametrize(("events", "ran_out"), [("oom 3\noom_kill 0\n", False), ("oom 1\noom_kill 1\noom_group_kill 1\n", True)])
def test_whom_the_kernel_ended(tmp_path: Path, events: str, ran_out: bool) -> None:
    """Only an end that the kernel counts in the guest's own group says that the guest took too much."""
    made = group(tmp_path / "guest")
    (tmp_path / "guest" / "memory.events").write_text(events, encoding="ascii")
    assert made.ran_out_of_memory() is ran_out


def test_a_tree_that_is_not_ours_after_all(tmp_path: Path) -> None:
    """A group without the kernel's files bounds nothing: no guest runs in it, and the host is to blame."""
    with pytest.raises(InfrastructureFault, match="no group can be bounded below") as caught:
        OwnGroup.below(tmp_path, 512 << 20, 256)
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE
    assert list(tmp_path.iterdir()) == []
