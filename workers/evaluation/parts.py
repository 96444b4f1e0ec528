"""The pinned parts of families on this host: fetched from the hub once, held against their checksums, never asked for again."""

import os
from collections.abc import Mapping
from pathlib import Path

from scoring.competition import Track
from scoring.errors import Code, InfrastructureFault
from scoring.model.pinned import SAFETENSORS, file_sha256, is_pickled
from scoring.synthesis.parts import PinnedPart, digest
from workers.evaluation.pinned_repository import client, faults_of, only
from workers.hub.client import OnBytes
from workers.sandbox.convert_checkpoint import convert
from workers.sandbox.locked_tempdir import locked_tempdir

_MAKING = ".making-"


class PartStore:
    """Folders of parts under `root`, one for each family and digest: `<part>/<file>`. No miner's file lies there."""

    def __init__(self, endpoint: str, root: Path) -> None:
        self._endpoint, self._root = endpoint, root
        self._sound: set[Path] = set()

    def __call__(self, family: str, rules: Track, on_bytes: OnBytes) -> Path | None:
        """The folder of what a track pins for a family, brought there if need be; None where it pins nothing.

        Raises InfrastructureFault(PART_UNAVAILABLE, HUB_UNAVAILABLE, DOWNLOAD_INTERRUPTED).
        """
        parts = rules.parts.get(family, {})
        if not parts:
            return None
        folder = self._root / family / digest(parts)
        if folder not in self._sound:
            if not _holds(folder, parts):
                self._bring(folder, parts, on_bytes)
            self._sound.add(folder)
        return folder

    def _bring(self, folder: Path, parts: Mapping[str, PinnedPart], on_bytes: OnBytes) -> None:
        """Make the folder elsewhere, and show it complete."""
        with locked_tempdir(self._root, _MAKING) as making:
            made = making / "parts"
            for name, part in parts.items():
                (made / name).mkdir(parents=True)
                if part.made:
                    for file, content in part.carried.items():
                        (made / name / file).write_bytes(content)
                else:
                    self._fetch(part, made / name, on_bytes)
            if not _holds(made, parts):
                sources = ", ".join(sorted({part.repo for part in parts.values()}))
                raise InfrastructureFault(Code.PART_UNAVAILABLE, f"a file of {sources} is not the one that was pinned")
            folder.parent.mkdir(exist_ok=True)
            if folder.is_dir():
                folder.rename(making / "damaged")
            made.rename(folder)

    def _fetch(self, part: PinnedPart, target: Path, on_bytes: OnBytes) -> None:
        hub = client(self._endpoint, self._root / "fetched", part.files)
        with faults_of(part.repo, Code.PART_UNAVAILABLE):
            source = hub.download(only(hub.describe(part.repo, part.revision), part.files), on_bytes)
        for path, checksum in part.files.items():
            try:
                if not is_pickled(path):
                    (target / path).parent.mkdir(parents=True, exist_ok=True)
                    os.link(source / path, target / path)
                elif file_sha256(source / path) == checksum:  # nothing but what was pinned is opened, be it in the sandbox
                    unpickle(self._root, source / path, target)
            except OSError as exc:
                raise InfrastructureFault(Code.PART_UNAVAILABLE, f"{path} of {part.repo}: {exc.strerror}") from exc


def unpickle(root: Path, checkpoint: Path, target: Path) -> None:
    """Write `model.safetensors` into a folder, made of a pickled checkpoint in the sandbox; raises InfrastructureFault."""
    try:
        convert(root / "conversions", checkpoint, target / SAFETENSORS)
    except InfrastructureFault as fault:
        if fault.code is not Code.JUDGE_UNAVAILABLE:
            raise
        raise InfrastructureFault(Code.PART_UNAVAILABLE, fault.detail) from fault


def _holds(folder: Path, parts: Mapping[str, PinnedPart]) -> bool:
    """Whether a folder holds every part as it was pinned."""
    try:
        return all(_is_right(folder / name, part) for name, part in parts.items())
    except OSError:
        return False


def _is_right(folder: Path, part: PinnedPart) -> bool:
    if part.made:
        return all((folder / file).read_bytes() == content for file, content in part.carried.items())
    return all(file_sha256(folder / path) == checksum for path, checksum in part.loaded.items())
