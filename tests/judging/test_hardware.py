"""What a receipt says of the machine: the same each time, and enough to tell two classes apart."""

from pathlib import Path

import pytest
import torch

from workers.evaluation.hardware import UNKNOWN, cpu, cpu_name, describe_hardware

EPYC = "vendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: {}\nmodel name\t: AMD EPYC\nstepping\t: 1\n"


def test_a_machine_describes_itself_the_same_each_time() -> None:
    """No clock and no load in it, eight facts, the processor's own second, and its name last; threads are part of it."""
    before = torch.get_num_threads()
    described = describe_hardware()
    assert described == describe_hardware()
    parts = described.split(", ")
    assert (len(parts), f"torch {torch.__version__}" in parts) == (8, True)
    assert (parts[1], parts[7]) == (cpu(Path("/proc/cpuinfo")), cpu_name(Path("/proc/cpuinfo")))
    torch.set_num_threads(before + 1)
    try:
        assert describe_hardware() == described.replace(f"threads {before}", f"threads {before + 1}")
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cpuinfo", "expected", "name"),
    [
        pytest.param(EPYC.format(1), "AuthenticAMD 25/1", "AMD EPYC", id="one generation"),
        pytest.param(EPYC.format(17), "AuthenticAMD 25/17", "AMD EPYC", id="another of the same name"),
        pytest.param(f"{EPYC.format(1)}\n{EPYC.format(17)}", "AuthenticAMD 25/1", "AMD EPYC", id="the first one counts"),
        pytest.param("processor\t: 0\nCPU part\t: 0xd0c\n", UNKNOWN, "unknown CPU", id="not told"),
        pytest.param(None, UNKNOWN, "unknown CPU", id="no file"),
    ],
)
def test_the_kernel_tells_the_processor(tmp_path: Path, cpuinfo: str | None, expected: str, name: str) -> None:
    """Vendor, family and model tell generations apart that share a name."""
    file = tmp_path / "cpuinfo"
    if cpuinfo is not None:
        file.write_text(cpuinfo)
    assert (cpu(file), cpu_name(file)) == (expected, name)
