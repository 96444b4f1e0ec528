"""Clearing a store: survey it, find the moment before which whatever nothing keeps goes, and remove that."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from scoring.receipts.store import AUDIO
from scoring.store.files import StoredFile, StoredFiles
from scoring.store.retention import Amount, KeptBecause, RetentionPolicy, StoreSurvey

Reasons = Callable[[Sequence[str]], Awaitable[Mapping[str, KeptBecause]]]
"""Of these sounds those that stay for good, each with its reason."""

_BATCH = 500
"""Files of which the database is asked at once."""


@dataclass(slots=True, kw_only=True)
class Pruned:
    """What stays, by reason, what is young enough to stay, and what goes (with a dry run: what would)."""

    cutoff: datetime
    """Whatever nothing keeps and was written before goes."""
    kept: Mapping[KeptBecause, Amount]
    young: Amount = field(default_factory=Amount)
    removed: Amount = field(default_factory=Amount)
    leftovers: int = 0
    """Half-written files of processes that died."""


async def prune(files: StoredFiles, reasons: Reasons, policy: RetentionPolicy, now: datetime, *, dry_run: bool) -> Pruned:
    """Remove sounds by the policy, or say what would go.

    It may be killed, run twice at once, and run beside workers: each removal looks at the file once more, a worker writes a sound
    again that it speaks again, and each sound's reason is asked for just before. Memory does not grow with the store.
    Raises InfrastructureFault(STORE_UNAVAILABLE) and DatabaseUnavailable; what was removed by then is gone.
    """
    survey = StoreSurvey()
    async for file, because in _each(files, reasons):
        survey.count(file.size, file.written, because)
    found = Pruned(cutoff=survey.cutoff(policy, now), kept=survey.kept)
    async for file, because in _each(files, reasons):
        if because is not None:
            continue
        goes = file.written < found.cutoff and (dry_run or files.remove(file.name, found.cutoff))
        (found.removed if goes else found.young).add(file.size)
    if not dry_run:
        found.leftovers = files.remove_leftovers(AUDIO, now - policy.grace)
    return found


async def _each(files: StoredFiles, reasons: Reasons) -> AsyncIterator[tuple[StoredFile, KeptBecause | None]]:
    """Every sound of the store with the reason why it stays, if there is one."""
    for batch in _batches(files.each(AUDIO)):
        found = await reasons([_digest(file) for file in batch])
        for file in batch:
            yield file, found.get(_digest(file))


def _batches(files: Iterator[StoredFile]) -> Iterator[list[StoredFile]]:
    while batch := list(islice(files, _BATCH)):
        yield batch


def _digest(file: StoredFile) -> str:
    return file.name.rpartition("/")[2].removesuffix(".flac")
