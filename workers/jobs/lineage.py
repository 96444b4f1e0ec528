"""The first owner of a model, and its near-copies: every known tag is tried, so an earlier owner is found without its repository."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from scoring.model.fingerprint import tag_of
from scoring.model.nearness import bands
from scoring.model.sketch import SketchKey
from scoring.receipts.store import AudioStore
from scoring.types import ContentHash, TensorsHash
from voice_api.db.copies import LineageOwner, NearCopies, NearCopyOrder, OwnedSample, OwnedSketch, SketchRecord
from voice_api.db.evaluations import Claim
from voice_api.db.submissions import Submission, Submissions, TagRecord
from workers.evaluation.evaluate import EarlierOwner, JudgedModel
from workers.hub.client import Hub
from workers.jobs.failures import retry_while_db_down
from workers.jobs.near_copies import by_files, by_sound, by_weights, compared_prompts, joined, near_copies, nearer

T = TypeVar("T")
_MOST_FILES = 8
"""So many models' files are compared, the leading ones first: each takes seconds, and one whose units were permuted more."""
_PATIENCE = timedelta(minutes=1)
"""For a PostgreSQL that is away for a moment: what was fetched and hashed until now would else be done again."""


def first_owner(
    claim: Claim, content: ContentHash, known: Iterable[TagRecord], same_tensors: Iterable[Submission]
) -> EarlierOwner | None:
    """The earliest submission, before the claim's, whose tag binds `content` or whose tensors are equal; None if its own hotkey's is.

    Whatever became of a submission later (superseded, rejected, no longer public), it holds what it committed: tensors are recorded
    only of those whose tag held. A copy stands for its original, and whoever copied a model owns nothing when its owner commits
    it again.
    """
    twins = {twin.copy_of or twin.id for twin in same_tensors}
    owners = [tag for tag in known if tag.submission_id in twins or tag_of(content, tag.public_key) == tag.tag]
    before = [owner for owner in owners if (owner.commit_block, owner.tiebreak) < (claim.commit_block, claim.tiebreak)]
    first = min(before, key=lambda owner: (owner.commit_block, owner.tiebreak), default=None)
    if first is None or first.hotkey == claim.hotkey:
        return None
    return EarlierOwner(first.submission_id, first.hotkey, first.commit_block)


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """Models that may be near a claim's, sounds of its round, and the coldkey of its hotkey."""

    models: tuple[OwnedSketch, ...]
    spoken: tuple[OwnedSample, ...]
    coldkey: str | None


class StoredLineage:
    """Lineage as the database knows it, asked from the evaluating thread; the connections belong to another one's `loop`. What the
    hub's client has in its cache is compared by its files, too.

    A short outage is waited out, unless the worker is `in_haste`.
    """

    def __init__(
        self,
        submissions: Submissions,
        copies: NearCopies,
        store: AudioStore,
        loop: asyncio.AbstractEventLoop,
        in_haste: Callable[[], bool],
        *,
        hub: Hub,
    ) -> None:
        self._submissions, self._copies, self._store, self._hub = submissions, copies, store, hub
        self._loop, self._in_haste = loop, in_haste

    def earlier(self, claim: Claim, content: ContentHash, tensors: TensorsHash) -> EarlierOwner | None:
        """The first owner before the claim's commit, if there is one; raises DatabaseUnavailable."""
        return self._asked(partial(self._lookup, claim, content, tensors))

    def key(self) -> SketchKey:
        """This database's; raises DatabaseUnavailable."""
        return self._asked(self._copies.key)

    def near(self, judged: JudgedModel) -> tuple[SketchRecord, tuple[NearCopyOrder, ...]]:
        """The sketch as it is kept, and who is near whom; raises DatabaseUnavailable."""
        claim, rules = judged.claim, judged.competition.copies
        bases = [each.base for each in judged.bases]
        record = SketchRecord(judged.key.id, bands(judged.sketch, bases), judged.sketch.to_bytes())
        prompts = compared_prompts(judged.spoken, rules)
        found = self._asked(partial(self._neighbours, claim, judged.track, record, prompts))
        sounds = by_sound(judged.spoken, found.spoken, self._store.audio)
        sketches = by_weights(judged.sketch, found.models, bases)
        with self._files(judged, found.models) as files:
            weights = nearer(by_files(claim, judged.folder, files, judged.bases), sketches, rules)
        return record, near_copies(claim, found.coldkey, joined(weights, sounds), rules)

    @contextmanager
    def _files(self, judged: JudgedModel, models: Iterable[OwnedSketch]) -> Iterator[Mapping[Path, LineageOwner]]:
        """The folders of the first models that lie in this worker's cache, where they stay for as long as the context lasts."""
        found: dict[Path, LineageOwner] = {}
        with ExitStack() as pinned:
            for model in models if judged.bases else ():
                pinned.enter_context(self._hub.pin_in_cache(model.repo, model.revision))
                folder = self._hub.folder(model.repo, model.revision)
                if folder.is_dir() and folder != judged.folder and len(found) < _MOST_FILES:
                    found[folder] = model.owner
            yield found

    async def _neighbours(self, claim: Claim, track: str, record: SketchRecord, prompts: tuple[str, ...]) -> _Neighbours:
        alike = await self._copies.alike(claim.submission_id, record)
        leading = await self._copies.leading(claim.round, track, claim.submission_id, record.key_id)
        spoken = await self._copies.spoken(claim.round, track, claim.submission_id, prompts)
        return _Neighbours(tuple(dict.fromkeys((*leading, *alike))), spoken, await self._copies.coldkey(claim.hotkey))

    def _asked(self, question: Callable[[], Coroutine[None, None, T]]) -> T:
        """The database's answer, waited for through a short outage; the pool bounds each answer's time."""
        answer = retry_while_db_down(question, _PATIENCE, self._in_haste)
        return asyncio.run_coroutine_threadsafe(answer, self._loop).result()

    async def _lookup(self, claim: Claim, content: ContentHash, tensors: TensorsHash) -> EarlierOwner | None:
        tags = await self._submissions.tags()
        same_tensors = await self._submissions.by_tensors(tensors)
        return first_owner(claim, content, tags, same_tensors)
