"""The bases that a competition names, on this host: fetched from the hub once, held against their content hash, sketched by a key."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from scoring.errors import Code, InfrastructureFault
from scoring.model.copy_rules import CopyRules, PinnedBase
from scoring.model.nearness import Base, base_of
from scoring.model.sketch import SketchKey
from scoring.types import ContentHash
from workers.evaluation.pinned_repository import faults_of
from workers.hub.client import Hub, OnBytes

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SketchedBase:
    """A base that everybody may train from, and where its files lie."""

    base: Base
    folder: Path


class BaseStore:
    """Bases under `root`, which no download of a miner's model pushes out; their sketches are made once in a process."""

    def __init__(self, endpoint: str, root: Path) -> None:
        self._hub = Hub(endpoint, root)
        self._known: dict[tuple[SketchKey, str], SketchedBase] = {}

    def __call__(self, rules: CopyRules, key: SketchKey, on_bytes: OnBytes) -> tuple[SketchedBase, ...]:
        """The rules' bases, brought here if need be. One that cannot be had is left out, and said in the log: models trained from it are
        compared as if nobody knew it."""
        return tuple(self._found(rules, key, on_bytes))

    def _found(self, rules: CopyRules, key: SketchKey, on_bytes: OnBytes) -> Iterator[SketchedBase]:
        for content, pinned in sorted(rules.bases.items()):
            known = self._known.get((key, content))
            if known is None:
                try:
                    known = self._fetched(ContentHash(content), pinned, key, on_bytes)
                except InfrastructureFault as fault:
                    log.warning(
                        "a base is not here: copies with noise are not found", code=fault.code, base=content, why=fault.detail
                    )
                    continue
                self._known[key, content] = known
            yield known

    def _fetched(self, content: ContentHash, pinned: PinnedBase, key: SketchKey, on_bytes: OnBytes) -> SketchedBase:
        with faults_of(pinned.repo, Code.PART_UNAVAILABLE):
            folder = self._hub.folder(pinned.repo, pinned.revision)
            if not folder.is_dir():
                folder = self._hub.download(self._hub.describe(pinned.repo, pinned.revision), on_bytes)
            try:
                found = base_of(folder, key, on_bytes)
            except OSError as exc:
                raise InfrastructureFault(Code.PART_UNAVAILABLE, f"{pinned.repo}: {exc.strerror}") from exc
        if found.content != content:
            why = f"the content hash of {pinned.repo} at {pinned.revision} is {found.content}, not {content}"
            raise InfrastructureFault(Code.PART_UNAVAILABLE, why)
        return SketchedBase(found, folder)
