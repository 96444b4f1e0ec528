"""This machine as a receipt describes it: by what its processor says of itself, and the software that computes."""

import platform
from pathlib import Path

import torch

_CPU = Path("/proc/cpuinfo")
UNKNOWN = "unknown 0/0"
"""A processor that does not say what it is."""


def describe_hardware() -> str:
    """This machine in words: system, processor, vector instructions, C library, torch, threads, GPU if torch sees one, and its name.

    The processor is its vendor, family and model. Marketing names stand for several generations, so the name comes last and decides
    nothing (see `scoring.receipts.audit.same_class`).
    """
    libc, version = platform.libc_ver()
    parts = [
        f"{platform.machine()} {platform.system()}",
        cpu(_CPU),
        torch.backends.cpu.get_cpu_capability(),
        f"{libc} {version}",
        f"torch {torch.__version__}",
        f"threads {torch.get_num_threads()}",
        torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU",
        cpu_name(_CPU),
    ]
    return ", ".join(part.strip().replace(",", "") for part in parts)


def cpu(cpuinfo: Path) -> str:
    """The first processor's vendor, family and model, as `GenuineIntel 6/207`; `UNKNOWN` where the kernel does not tell."""
    facts = _facts(cpuinfo)
    wanted = [facts.get(name, "") for name in ("vendor_id", "cpu family", "model")]
    return f"{wanted[0]} {wanted[1]}/{wanted[2]}" if all(wanted) else UNKNOWN


def cpu_name(cpuinfo: Path) -> str:
    """The first processor's marketing name; "unknown CPU" where the kernel tells none."""
    return _facts(cpuinfo).get("model name", "unknown CPU")


def _facts(cpuinfo: Path) -> dict[str, str]:
    """What the kernel tells of the first processor."""
    try:
        first = cpuinfo.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in reversed([*pairs])}
