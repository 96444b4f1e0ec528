"""The first owner of a model: every known tag is tried, so an earlier owner is found without its repository."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from scoring.model.fingerprint import tag_of
from scoring.types import ContentHash, TensorsHash
from voice_api.db.evaluations import Claim
from voice_api.db.submissions import Submission, Submissions, TagRecord
from workers.evaluation.evaluate import EarlierOwner
from workers.jobs.failures import retry_while_db_down

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


class StoredLineage:
    """Lineage as the database knows it, asked from the evaluating thread; the connections belong to another one's `loop`.

    A short outage is waited out, unless the worker is `in_haste`.
    """

    def __init__(self, submissions: Submissions, loop: asyncio.AbstractEventLoop, in_haste: Callable[[], bool]) -> None:
        self._submissions, self._loop, self._in_haste = submissions, loop, in_haste

    def earlier(self, claim: Claim, content: ContentHash, tensors: TensorsHash) -> EarlierOwner | None:
        """The first owner before the claim's commit, if there is one; raises DatabaseUnavailable."""
        lookup = retry_while_db_down(partial(self._lookup, claim, content, tensors), _PATIENCE, self._in_haste)
        return asyncio.run_coroutine_threadsafe(lookup, self._loop).result()  # the pool bounds each answer's time

    async def _lookup(self, claim: Claim, content: ContentHash, tensors: TensorsHash) -> EarlierOwner | None:
        tags = await self._submissions.tags()
        same_tensors = await self._submissions.by_tensors(tensors)
        return first_owner(claim, content, tags, same_tensors)
