"""Who committed a model first: every known tag is tried, so an earlier owner is found without its repository."""

from collections.abc import Iterable

from scoring.tag import tag_of
from scoring.types import ContentHash
from voice_api.db.records import Submission, TagRecord
from voice_api.db.states import SubmissionState
from workers.evaluate import Earlier, Task


def first_owner(
    task: Task, content: ContentHash, tags: Iterable[TagRecord], same_tensors: Iterable[Submission]
) -> Earlier | None:
    """The earliest submission of another hotkey, before the task's, whose tag binds `content` or whose tensors are equal."""
    owners = [tag for tag in tags if tag_of(content, bytes.fromhex(tag.public_key)).hex() == tag.tag]
    claims = [(owner.commit_block, owner.tiebreak, owner.submission_id, owner.hotkey) for owner in owners]
    # Equal tensors under another config: whoever was refused proved nothing, so only the others count.
    twins = [twin for twin in same_tensors if twin.state is not SubmissionState.REJECTED]
    claims += [(twin.commit_block, twin.tiebreak, twin.id, twin.hotkey) for twin in twins]
    before = [claim for claim in claims if claim[3] != task.hotkey and claim[:2] < (task.commit_block, task.tiebreak)]
    if not before:
        return None
    block, _, submission, hotkey = min(before)
    return Earlier(submission, hotkey, block)
