"""Who committed a model first: every known tag is tried, so an earlier owner is found without its repository."""

from collections.abc import Iterable

from scoring.tag import tag_of
from scoring.types import ContentHash
from voice_api.db.records import Submission, TagRecord
from voice_api.db.states import SubmissionState
from workers.evaluate import Earlier, Task


def first_owner(
    task: Task, content: ContentHash, known: Iterable[TagRecord], same_tensors: Iterable[Submission]
) -> Earlier | None:
    """The earliest submission of another hotkey, before the task's, whose tag binds `content` or whose tensors are equal.

    Of submissions with equal tensors under another config those that were refused proved nothing, so they do not count; a copy
    stands for its original.
    """
    twins = {twin.copy_of or twin.id for twin in same_tensors if twin.state is not SubmissionState.REJECTED}
    owners = [tag for tag in known if tag.submission_id in twins or _binds(tag, content)]
    before = [o for o in owners if o.hotkey != task.hotkey and (o.commit_block, o.tiebreak) < (task.commit_block, task.tiebreak)]
    if not before:
        return None
    first = min(before, key=lambda owner: (owner.commit_block, owner.tiebreak))
    return Earlier(first.submission_id, first.hotkey, first.commit_block)


def _binds(tag: TagRecord, content: ContentHash) -> bool:
    return tag_of(content, bytes.fromhex(tag.public_key)).hex() == tag.tag
