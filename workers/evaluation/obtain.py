"""Obtain a submission's model: fetched from the hub at its pinned revision, and checked before anything large is loaded."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scoring.competition import Competition
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from voice_api.db.evaluations import Claim
from workers.evaluation.progress import Progress, Stage
from workers.hub.client import Hub
from workers.hub.inspect import FolderSource, HubSource, inspect


class NotYetPublic(InfrastructureFault):
    """The repository may still be published until the end of the round after the commit: no verdict, no cost."""

    def __init__(self, detail: str) -> None:
        super().__init__(Code.HUB_UNAVAILABLE, detail)


class RefusedOnce(InfrastructureFault):
    """The hub refuses the repository for the first time in this round: it is asked again later, before that is held against anybody.

    `cause` is how the refusal is remembered until then.
    """

    def __init__(self, detail: str, cause: str) -> None:
        super().__init__(Code.HUB_UNAVAILABLE, detail)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model's folder on this machine whose files passed every check but the tag's; and the family that its config names."""

    folder: Path
    family: str


def obtain(claim: Claim, competition: Competition, hub: Hub, progress: Progress) -> LocalModel:
    """The submission's model. A hub's refusal is final (SubmissionFault) only late, twice, and from a hub that works.

    Raises NotYetPublic while the repository may still become public, RefusedOnce for the first refusal, InfrastructureFault.
    """
    try:
        return fetch(claim.repo, claim.revision, competition, hub, progress)
    except SubmissionFault as fault:
        if fault.code is not Code.REPO_NOT_PUBLIC:
            raise
        if claim.round <= claim.commit_block // competition.round.blocks + 1:
            raise NotYetPublic(f"{claim.repo} is not public yet; it is asked for again in the next round") from fault
        if not hub.works():
            raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub refuses what it lists as public, too") from fault
        cause = f"refused in round {claim.round}"
        if all(earlier.cause != cause for earlier in claim.causes):
            raise RefusedOnce(f"the hub refuses {claim.repo}; it is asked again before that counts", cause) from fault
        raise


def fetch(repo: str, revision: str, competition: Competition, hub: Hub, progress: Progress) -> LocalModel:
    """Fetch a repository at a pinned revision, refusing as early as its names, sizes, config and headers allow."""
    repository = hub.describe(repo, revision)
    progress(Stage.CHECK, 0, len(repository.files))
    family = inspect(HubSource(hub, repository), competition, partial(progress, Stage.CHECK))
    return LocalModel(hub.download(repository, partial(progress, Stage.FETCH)), family)


def open_folder(folder: Path, competition: Competition, progress: Progress) -> LocalModel:
    """A model that lies in a folder, checked as a repository is; raises PlatformError(ARGUMENT_INVALID) where there is none."""
    return LocalModel(folder, inspect(FolderSource(folder), competition, partial(progress, Stage.CHECK)))
