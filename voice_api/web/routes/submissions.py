"""Submissions: commitments and their states."""

from typing import Annotated

from fastapi import APIRouter, Query

from scoring.types import Hotkey, SubmissionId
from voice_api.db.states import SubmissionState
from voice_api.schemas import (
    NO_NUL,
    CommitmentOut,
    CommitmentsIn,
    CommitmentsOut,
    SubmissionDetail,
    SubmissionOut,
    SubmissionPage,
    SubmissionsIn,
    SubmissionsOut,
)
from voice_api.schemas.submissions import EventOut, EventPage
from voice_api.web.auth import Writer
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS, READ_ERRORS, WRITE_ERRORS
from voice_api.web.route import After, Limit, Route, SubmissionKey, cut

router = APIRouter(prefix="/v1/submissions", tags=["submissions"], route_class=Route)


@router.post("", responses=WRITE_ERRORS)
async def add(new: SubmissionsIn, by: Writer) -> SubmissionsOut:
    """Record commitments, all or none; sending one again changes nothing."""
    ids = await by.stores.submissions.add([submission.submission() for submission in new.submissions])
    return SubmissionsOut(ids=tuple(ids))


@router.post("/known", responses=WRITE_ERRORS)
async def known(asked: CommitmentsIn, by: Writer) -> CommitmentsOut:
    """Look up commitments and their hotkeys' cooldowns, so that only new ones are sent. It changes nothing."""
    found = await by.stores.submissions.known([(named.hotkey, named.commit_block) for named in asked.commitments])
    return CommitmentsOut(commitments=tuple(CommitmentOut.model_validate(item) for item in found))


@router.get("", responses=READ_ERRORS)
async def page(
    service: ServiceDep,
    after: After = 0,
    limit: Limit = 50,
    state: Annotated[SubmissionState | None, Query(description="Only those in this state.")] = None,
    hotkey: Annotated[str | None, Query(max_length=64, pattern=NO_NUL, description="Only this hotkey's.")] = None,
) -> SubmissionPage:
    """Submissions, oldest first."""
    rows = await service.stores.submissions.page(SubmissionId(after), limit + 1, state, Hotkey(hotkey) if hotkey else None)
    shown, last = cut(rows, limit)
    return SubmissionPage(items=tuple(SubmissionOut.model_validate(row) for row in shown), next=last.id if last else None)


@router.get("/{submission_id}", responses=LOOKUP_ERRORS)
async def get(submission_id: SubmissionKey, service: ServiceDep) -> SubmissionDetail:
    """One submission with its evaluations and the reasons."""
    submission = await service.stores.submissions.get(submission_id)
    return SubmissionDetail.of(submission, await service.stores.submissions.evaluations(submission.id))


@router.get("/{submission_id}/events", responses=LOOKUP_ERRORS)
async def events(submission_id: SubmissionKey, service: ServiceDep, after: After = 0, limit: Limit = 50) -> EventPage:
    """The events of a submission and its evaluations, oldest first: the actor, the states before and after, and the reason."""
    known = await service.stores.submissions.get(submission_id)
    shown, last = cut(await service.stores.submissions.events(known.id, after, limit + 1), limit)
    return EventPage(items=tuple(EventOut.model_validate(row) for row in shown), next=last.id if last else None)
