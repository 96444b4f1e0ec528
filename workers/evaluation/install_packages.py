"""Installs Python packages by their hashes into a folder of their own: pip brings them, and none of their code runs."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from scoring.progress import NO_PROGRESS
from voice_api.runtime.process_end import die_with_parent

_BEGUN = ("Collecting ", "Processing ")
"""Words with which pip begins a package, from an index or from a folder."""
_ERROR = "ERROR: "
_KEPT = frozenset({"HOME", "LANG", "LD_LIBRARY_PATH", "NETRC", "PATH", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR"})
_KEPT_ENDS, _KEPT_BEGINNINGS = ("_proxy", "_PROXY", "_CA_BUNDLE"), ("LC_", "PIP_", "XDG_")
"""What pip needs to reach the index that this host names. Everything else of ours, secrets first, stays here."""


class PackagesNotInstalled(Exception):
    """pip failed, or took too long; the message is one line."""


def install_packages(
    requirements: str, target: Path, limit: timedelta, on_package: Callable[[int, int], None] = NO_PROGRESS
) -> None:
    """Let pip install exactly these requirements, each with a hash, and nothing that they depend on.

    `on_package` hears of packages that are there, and of their number. Raises PackagesNotInstalled.
    """
    options = ["--disable-pip-version-check", "--no-compile", "--no-deps", "--only-binary", ":all:", "--require-hashes"]
    total = requirements.count("==")
    with tempfile.TemporaryDirectory() as place:
        wanted = Path(place) / "requirements.txt"
        wanted.write_text(requirements, encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", *options, "--upgrade"]
        _run([*command, "--target", str(target), "--requirement", str(wanted)], limit, lambda begun: on_package(begun - 1, total))
    on_package(total, total)


def _run(command: list[str], limit: timedelta, on_begun: Callable[[int], None]) -> None:
    """Run pip to its end, and count the packages that it begins."""
    begun, told, began = 0, "", time.monotonic()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(),
        preexec_fn=die_with_parent,
    ) as process:
        late = threading.Timer(limit.total_seconds(), process.kill)
        late.start()
        try:
            for line in process.stdout or ():
                if line.startswith(_BEGUN):
                    begun += 1
                    on_begun(begun)
                if not told and line.startswith(_ERROR):
                    told = line.removeprefix(_ERROR).strip()
            status = process.wait()
        finally:
            late.cancel()
            process.kill()
    if status < 0 and time.monotonic() - began >= limit.total_seconds():
        raise PackagesNotInstalled(f"pip did not end within {limit.total_seconds():.0f} s")
    if status != 0:
        raise PackagesNotInstalled(told or f"pip ended with status {status}")


def _environment() -> dict[str, str]:
    environment = os.environ  # noqa: TID251 - for a child alone
    return {
        name: value
        for name, value in environment.items()
        if name in _KEPT or name.endswith(_KEPT_ENDS) or name.startswith(_KEPT_BEGINNINGS)
    }
