"""A submission: its place, its scores by round, and of a chosen evaluation every sample, to be heard, read and checked."""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from scoring.competition import load as load_rules
from scoring.errors import EXPLANATIONS, Code, PlatformError
from scoring.report import GroupReport
from scoring.types import EvaluationId, Micro, entrant
from voice_api.db.evaluations import Evaluation
from voice_api.db.states import EvaluationState, RoundState
from voice_api.db.submissions import Submission
from voice_api.schemas import MOST_ROWS
from voice_api.web.anchored import AnchoredFactor, anchored
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.pages.heard import HeardSample, heard_samples
from voice_api.web.pages.page import page
from voice_api.web.round_prompts import round_prompts
from voice_api.web.route import Route, SubmissionKey
from voice_api.web.sample_view import clip_seconds
from voice_api.web.standings import StandingRow, ledger_standings, listed

router = APIRouter(include_in_schema=False, route_class=Route)

SAMPLES = 16
"""Samples of a page: each brings a player and two pictures."""
_MOST_EVENTS = 100

Chosen = Annotated[EvaluationId | None, Query(ge=1, lt=2**63)]
First = Annotated[int, Query(ge=0, lt=10_000, alias="from")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEvaluation:
    """An evaluation in full."""

    row: Evaluation
    groups: tuple[GroupReport, ...]
    """As the signed receipt lists them; none where there is none."""
    hardware: str
    """As the receipt says it; '' where it does not."""
    factors: tuple[AnchoredFactor, ...]
    answers: tuple[HeardSample, ...]
    """Of this page."""
    lengths: tuple[float | None, ...]
    """Of their clips, in seconds; None where there is no sound, or none any more."""
    first: int
    total: int
    closed: bool
    """Whether its round is: then its track can be listened to."""
    own_rules: bool
    """Whether the round's rules are no release's: who checks its receipts needs the file."""
    why: str
    """Why the prompts are not known; '' where they are."""


@dataclass(frozen=True, slots=True)
class ShownPlace:
    """A line of the leaderboard, and where /v1 has it."""

    row: StandingRow
    source: str


@router.get("/submissions/{submission_id}", response_class=HTMLResponse)
async def submission(
    request: Request, submission_id: SubmissionKey, service: ServiceDep, evaluation: Chosen = None, first: First = 0
) -> HTMLResponse:
    """How a submission fared, and why."""
    found = await service.stores.submissions.get(submission_id)
    evaluations = await service.stores.submissions.evaluations(found.id)
    chosen = _chosen(evaluations, evaluation)
    events, place, near, shown = await asyncio.gather(
        service.stores.submissions.events(found.id, limit=_MOST_EVENTS + 1),
        _place(service, found),
        service.stores.copies.get(found.id),
        _shown(service, chosen, first) if chosen else _nothing(),
    )
    return page(
        "submission.html",
        path="/",
        title=found.repo or f"Submission {found.id}",
        s=found,
        hub=service.settings.hub,
        source=f"/v1/submissions/{found.id}",
        entrant=entrant(found.hotkey, found.commit_block),
        place=place,
        near=near,
        evaluations=evaluations,
        shown=shown,
        events=events[:_MOST_EVENTS],
        more_events=len(events) > _MOST_EVENTS,
        codes=EXPLANATIONS,
        size=SAMPLES,
        api=str(request.base_url).rstrip("/"),
        issuer=service.settings.hotkey,
    )


def _chosen(evaluations: Sequence[Evaluation], wanted: EvaluationId | None) -> Evaluation | None:
    """The evaluation that was asked for; else the newest one that was scored, else the newest that has an end."""
    if wanted is not None:
        for each in evaluations:
            if each.id == wanted:
                return each
        known = ", ".join(str(each.id) for each in evaluations[:10]) or "none yet"
        raise PlatformError(Code.REQUEST_INVALID, f"evaluation {wanted} is not of this submission; there are: {known}")
    scored = (each for each in evaluations if each.state is EvaluationState.SCORED)
    ended = (each for each in evaluations if each.finished_at is not None)
    return next(scored, None) or next(ended, None)


async def _nothing() -> None:
    return None


async def _shown(service: Service, chosen: Evaluation, first: int) -> ShownEvaluation:
    rows = await service.stores.queue.samples(chosen.id, limit=MOST_ROWS)
    of_round = await service.stores.rounds.get(chosen.round)
    asked = round_prompts(service.schedule, of_round, chosen.track)
    if first and first >= len(rows):
        raise PlatformError(
            Code.REQUEST_INVALID, f"there are {len(rows)} samples: begin with one from 0 to {max(0, len(rows) - 1)}"
        )
    receipt = await _receipt(service, chosen)
    answers = heard_samples(chosen.id, rows, asked)[first : first + SAMPLES]
    return ShownEvaluation(
        row=chosen,
        groups=tuple(_groups(receipt)),
        hardware=str(receipt.get("hardware") or ""),
        factors=anchored(rows, asked.rules),
        answers=answers,
        lengths=tuple(await asyncio.gather(*(clip_seconds(service, each.sample.pcm_sha256) for each in answers))),
        first=first,
        total=len(rows),
        closed=of_round.state is not RoundState.OPEN,
        own_rules=of_round.competition_hash not in _released(),
        why=asked.why,
    )


@cache
def _released() -> frozenset[str]:
    """The hashes of the rules that come with this release, and so with whoever checks a receipt."""
    return frozenset(version.hash for version in load_rules().version)


async def _receipt(service: Service, chosen: Evaluation) -> Mapping[str, Any]:
    """The stored receipt as data; of a receipt that cannot be read there is nothing to show."""
    if chosen.receipt_hash is None:
        return {}
    stored = await service.stores.queue.receipt(chosen.receipt_hash)
    try:
        found = json.loads(stored.receipt)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _groups(receipt: Mapping[str, Any]) -> Iterator[GroupReport]:
    for group in receipt.get("groups") or ():
        match group:
            case [str(name), str(kind), int(score)]:
                yield GroupReport(name, kind, Micro(score))


async def _place(service: Service, found: Submission) -> ShownPlace | None:
    """Its line of the leaderboard; None where that has none, as of one that was superseded."""
    rows, _ = await listed(service, await ledger_standings(service), search=found.hotkey)
    name = entrant(found.hotkey, found.commit_block)
    for number, row in enumerate(rows):
        if row.entrant == name:
            return ShownPlace(row, f"/v1/leaderboard?search={found.hotkey}#/rows/{number}/")
    return None
