"""What a receipt says of the machine: the same each time, and enough to tell two classes apart."""

from pathlib import Path

import pytest
import torch

from workers.evaluation.receipt_signer import cpu_model, describe_hardware


def test_a_machine_describes_itself_the_same_each_time() -> None:
    """No clock, no load and no name in it; threads are part of the class."""
    before = torch.get_num_threads()
    described = describe_hardware()
    assert described == describe_hardware()
    assert f"torch {torch.__version__}" in described
    torch.set_num_threads(before + 1)
    try:
        assert describe_hardware() == described.replace(f"threads {before}", f"threads {before + 1}")
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        pytest.param("processor\t: 0\nmodel name\t: Fast CPU @ 2.00GHz\nmodel name\t: Other\n", "Fast CPU @ 2.00GHz", id="told"),
        pytest.param("processor\t: 0\nCPU part\t: 0xd0c\n", "unknown CPU", id="not told"),
        pytest.param(None, "unknown CPU", id="no file"),
    ],
)
def test_the_kernel_tells_the_cpu(tmp_path: Path, cpuinfo: str | None, expected: str) -> None:
    """The first model that it names; where it names none, that is said."""
    file = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        file.write_text(cpuinfo)
    assert cpu_model(file) == expected
