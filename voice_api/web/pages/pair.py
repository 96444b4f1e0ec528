"""Blind pairs: two clips whose models are not named, which is better, and then what they were and what the judges prefer."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from scoring.errors import Code, PlatformError
from scoring.report import Factor
from voice_api.db.votes import JudgedSample, VoteChoice
from voice_api.schemas import MOST_ROWS
from voice_api.schemas.votes import VoteIn
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.listening.agreement import judges_choice
from voice_api.web.listening.voting import ClipMeasures, ShownPair, agreement_of, keep_vote, show_pair, voter_of
from voice_api.web.pages.heard import HeardSample, heard_samples, measures_of
from voice_api.web.pages.page import page
from voice_api.web.round_prompts import RoundPrompts, round_prompts
from voice_api.web.route import Route

router = APIRouter(prefix="/listen/pair", include_in_schema=False, route_class=Route)

_FIELDS = 3
"""Which pair, about what, and the choice."""

Track = Annotated[str | None, Query(max_length=40)]


@dataclass(frozen=True, slots=True)
class NamedClip:
    """A clip of a pair after the vote: who spoke it, and what the judges found."""

    judged: JudgedSample
    answer: HeardSample
    measured: ClipMeasures | None


@router.get("", response_class=HTMLResponse)
async def pair(request: Request, service: ServiceDep, track: Track = None) -> HTMLResponse:
    """Two clips of one prompt, drawn for this listener."""
    voter = await voter_of(request, service)
    shown = await _shown(service, voter, track or None)
    asked = await _asked(service, shown) if shown else None
    answer = page(
        "pair.html",
        path="/listen",
        title="Which is better?",
        shown=shown,
        asked=asked.prompt(shown.pair.prompt_id) if shown and asked else None,
        why=asked.why if asked else "",
        track=track,
        factors=tuple(Factor),
        agreement=await agreement_of(service),
    )
    answer.headers["Cache-Control"] = "no-store"  # asked for again, it is another pair
    return answer


@router.post("")
async def vote(request: Request, service: ServiceDep) -> Response:
    """Keep the vote of a form, and lead to what the clips were."""
    given = _vote(_filled(await request.body()))
    await keep_vote(service, await voter_of(request, service), given.pair, given.choice, given.factor)
    return RedirectResponse(f"{router.prefix}/{given.pair}", HTTPStatus.SEE_OTHER)


@router.get("/{pair_id}", response_class=HTMLResponse)
async def told(pair_id: UUID, service: ServiceDep) -> HTMLResponse:
    """What the clips of a pair were, once it was voted on."""
    kept = await service.stores.votes.of_pair(pair_id)
    sides = await service.stores.votes.judged(kept.first_evaluation, kept.second_evaluation, kept.prompt_id)
    asked = round_prompts(service.schedule, await service.stores.rounds.get(sides[0].round), sides[0].track)
    return page(
        "pair_told.html",
        path="/listen",
        title="What they were",
        vote=kept,
        judges=judges_choice(*sides, kept.factor),
        names={VoteChoice.FIRST: "A is better", VoteChoice.SECOND: "B is better", VoteChoice.TIE: "a tie"},
        asked=asked.prompt(kept.prompt_id),
        clips=[await _named(service, side, asked) for side in sides],
        agreement=await agreement_of(service),
    )


async def _shown(service: Service, voter: str, track: str | None) -> ShownPair | None:
    try:
        return await show_pair(service, voter, track)
    except PlatformError as exc:
        if exc.code is not Code.NOT_FOUND:
            raise
        return None


async def _asked(service: Service, shown: ShownPair) -> RoundPrompts:
    return round_prompts(service.schedule, await service.stores.rounds.get(shown.pair.round), shown.pair.track)


async def _named(service: Service, judged: JudgedSample, asked: RoundPrompts) -> NamedClip:
    rows = await service.stores.queue.samples(judged.evaluation_id, limit=MOST_ROWS)
    found = {each.sample.prompt_id: each for each in heard_samples(judged.evaluation_id, rows, asked)}
    return NamedClip(judged, found[judged.prompt_id], await measures_of(service, judged.pcm_sha256))


def _filled(body: bytes) -> dict[str, str]:
    """The form's fields; raises PlatformError(REQUEST_INVALID) for more than it has, of which megabytes would keep everybody waiting."""
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=False, max_num_fields=_FIELDS))
    except ValueError as exc:
        raise PlatformError(Code.REQUEST_INVALID, "this is no vote: go back, and press one of the buttons") from exc


def _vote(said: dict[str, Any]) -> VoteIn:
    try:
        return VoteIn.model_validate(said)
    except ValidationError as exc:
        wrong = ", ".join(str(error["loc"][0]) for error in exc.errors() if error["loc"]) or "the form"
        raise PlatformError(Code.REQUEST_INVALID, f"this is no vote ({wrong}): go back, and press one of the buttons") from exc
