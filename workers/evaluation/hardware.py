"""The class of this machine: between two of the same class, speaking again gives the same samples."""

import platform
from pathlib import Path

import torch

_CPU = Path("/proc/cpuinfo")


def describe() -> str:
    """Machine, CPU model, widest vector instructions, system and C library, torch and its threads, GPU if torch sees one."""
    libc, version = platform.libc_ver()
    parts = [
        f"{platform.machine()} {platform.system()}",
        cpu_model(_CPU),
        torch.backends.cpu.get_cpu_capability(),
        f"{libc} {version}",
        f"torch {torch.__version__}",
        f"threads {torch.get_num_threads()}",
    ]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(part.strip() for part in parts)


def cpu_model(cpuinfo: Path) -> str:
    """The first model name that the kernel tells; "unknown CPU" where it tells none."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "unknown CPU"
    names = [value.strip() for name, _, value in (line.partition(":") for line in lines) if name.strip() == "model name"]
    return names[0] if names else "unknown CPU"
