"""Obtain a submission's model: fetched from the hub at its pinned revision, and checked before anything large is loaded."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scoring.competition import Competition, Track
from scoring.errors import Code, InfrastructureFault
from scoring.progress import NO_PROGRESS
from voice_api.db.evaluations import Claim
from voice_api.db.states import QueueName
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.tools import Tools
from workers.hub.client import HubRefusal
from workers.hub.inspect import FolderSource, HubSource, inspect, look_into


class NotYetPublic(InfrastructureFault):
    """The repository may still be published until the end of the round after the commit: no verdict, no cost."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.HUB_UNAVAILABLE, detail)


class RefusedOnce(InfrastructureFault):
    """The hub refuses the repository for the first time in this round: it is asked again later, before that is held against anybody.

    `cause` is how the refusal is remembered until then, `refusal` the code that it will have.
    """

    def __init__(self, detail: str, cause: str, refusal: Code) -> None:
        super().__init__(Code.HUB_UNAVAILABLE, detail)
        self.cause, self.refusal = cause, refusal


class OtherQueue(Exception):
    """The submission's track is judged by the workers of another queue: they have the device that it speaks on."""

    def __init__(self, family: str, track: Track) -> None:
        self.family, self.track, self.queue = family, track.name, QueueName.of(track.synthesis.device)
        super().__init__(f"the family {family} competes in the track {track.name}, which {self.queue} workers judge")


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model's folder on this machine whose files passed every check but the tag's; its family, by its config; and its track."""

    folder: Path
    family: str
    track: Track


def obtain(claim: Claim, competition: Competition, tools: Tools, progress: Progress) -> LocalModel:
    """The submission's model. A hub's refusal is final (SubmissionFault) only late, twice, and from a hub that works.

    Raises NotYetPublic while the repository may still become public, RefusedOnce for the first refusal, OtherQueue before anything
    large is fetched that others are to judge, InfrastructureFault.
    """
    try:
        return fetch(claim.repo, claim.revision, competition, tools, progress, only=claim.queue)
    except HubRefusal as fault:
        if fault.code is Code.REPO_NOT_PUBLIC and claim.round <= claim.commit_block // competition.round.blocks + 1:
            raise NotYetPublic(f"{claim.repo} is not public yet; it is asked for again in the next round") from fault
        if not tools.hub.works():
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub refuses what it lists as public, too") from fault
        cause = f"refused in round {claim.round}"
        if all(earlier.cause != cause for earlier in claim.causes):
            raise RefusedOnce(f"the hub refuses {claim.repo}; it is asked again before that counts", cause, fault.code) from fault
        raise


def fetch(
    repo: str,
    revision: str,
    competition: Competition,
    tools: Tools,
    progress: Progress,
    *,
    only: QueueName | None = None,  # what its workers judge
) -> LocalModel:
    """Fetch a repository at a pinned revision, refusing as early as its names, sizes, small files and headers allow. A host that
    cannot let its family speak fetches no more than these, and raises InfrastructureFault(CARD_UNAVAILABLE, ENVIRONMENT_UNAVAILABLE)
    or OtherQueue.

    No refusal rests on bytes that nobody compared with the hub's listing: a file is missing or too many only where both of the hub's
    listings say so, and a header, whose bytes have no hash of their own, is looked at again in the whole file.
    """
    hub = tools.hub
    repository = hub.describe(repo, revision)
    progress(Stage.CHECK, 0, len(repository.files))
    found = look_into(HubSource(hub, repository), competition, partial(progress, Stage.CHECK))
    if any(fault.code is not Code.HEADER_INVALID for fault in found.faults):
        hub.confirm_listing(repository)
        found.family_or_raise()
    if found.family is not None:
        track = competition.track_of(found.family)
        if only is not None and QueueName.of(track.synthesis.device) is not only:
            raise OtherQueue(found.family, track)
        tools.sandbox.hold_card(track.limits)
        tools.environments(found.family, partial(progress, Stage.PREPARE))
    folder = hub.download(repository, partial(progress, Stage.FETCH))
    return _local(folder, competition, NO_PROGRESS)


def open_folder(folder: Path, competition: Competition, progress: Progress) -> LocalModel:
    """A model that lies in a folder, checked as a repository is; raises PlatformError(ARGUMENT_INVALID) where there is none."""
    return _local(folder, competition, partial(progress, Stage.CHECK))


def _local(folder: Path, competition: Competition, on_file: Callable[[int, int], None]) -> LocalModel:
    family = inspect(FolderSource(folder), competition, on_file)
    return LocalModel(folder, family, competition.track_of(family))
