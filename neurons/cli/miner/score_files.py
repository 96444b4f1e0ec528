"""The files that `voice miner score` writes: samples and report in a folder, and a page."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurons.cli.miner.check import write_wav
from scoring.errors import Code, PlatformError

if TYPE_CHECKING:
    from scoring.audio.spoken import Spoken


def make(folder: Path) -> None:
    """Make the folder before minutes are spent on its content; it must be empty, so that it holds files of one score only."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise PlatformError(Code.ARGUMENT_INVALID, f"--out {folder} is not empty: name a new folder.")
        tempfile.TemporaryFile(dir=folder).close()


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {folder} cannot be written: {exc.strerror}") from exc


def check_page(page: Path) -> None:
    """Refuse a page that cannot be written, before minutes are spent on its content."""
    if page.suffix not in (".html", ".htm"):
        raise PlatformError(Code.ARGUMENT_INVALID, f"--report {page}: name a file that ends in .html.")
    if not page.parent.is_dir():
        raise PlatformError(Code.ARGUMENT_INVALID, f"--report {page}: there is no folder {page.parent}.")


def write_page(page: Path, report: Mapping[str, Any], spoken: "Mapping[str, Spoken]", remark: str) -> None:
    """Write the report as a page; raises PlatformError(ARGUMENT_INVALID) where it cannot be written."""
    from neurons.cli.miner import report as pages

    try:
        pages.write(page, report, spoken, remark)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--report {page} cannot be written: {exc.strerror}") from exc


def keep(folder: Path, report: Mapping[str, Any], spoken: "Mapping[str, Spoken]") -> None:
    """Write report.json and each sample as a WAV file."""
    with _writing(folder):
        (folder / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        for prompt_id, said in spoken.items():
            write_wav(folder / f"{prompt_id}.wav", said)
