"""Rounds: their blocks, their hash, and their progress."""

from fastapi import APIRouter

from scoring.types import RoundNumber
from voice_api.schemas.prompts import PromptOut, RoundPromptsOut, TrackPromptsOut
from voice_api.schemas.rounds import EvidenceOut, RoundOut, RoundPage
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS, READ_ERRORS
from voice_api.web.round_prompts import round_prompts
from voice_api.web.route import Limit, Position, RoundKey, Route, cut

router = APIRouter(prefix="/v1/rounds", tags=["rounds"], route_class=Route)


@router.get("", responses=READ_ERRORS)
async def page(service: ServiceDep, after: Position = None, limit: Limit = 50) -> RoundPage:
    """Rounds, oldest first."""
    rows = await service.stores.rounds.page(None if after is None else RoundNumber(after), limit + 1)
    shown, last = cut(rows, limit)
    return RoundPage(items=tuple(RoundOut.model_validate(row) for row in shown), next=last.round if last else None)


@router.get("/{round_number}", responses=LOOKUP_ERRORS)
async def get(round_number: RoundKey, service: ServiceDep) -> RoundOut:
    """One round."""
    return RoundOut.model_validate(await service.stores.rounds.get(round_number))


@router.get("/{round_number}/prompts", responses=LOOKUP_ERRORS)
async def prompts(round_number: RoundKey, service: ServiceDep) -> RoundPromptsOut:
    """What a round asked of each track: texts, descriptions and groups. They follow from its block hash and its rules."""
    asked = await service.stores.rounds.get(round_number)
    found = [(track.name, round_prompts(service.schedule, asked, track.name)) for track in service.schedule.at(asked.round).track]
    return RoundPromptsOut(
        round=asked.round,
        block_hash=asked.block_hash,
        competition_hash=asked.competition_hash,
        tracks=tuple(
            TrackPromptsOut(
                track=name,
                prompts=tuple(PromptOut.of(group, prompt) for group in each.groups for prompt in group.prompts),
                why=each.why,
            )
            for name, each in found
        ),
    )


@router.get("/{round_number}/evidence", responses=LOOKUP_ERRORS)
async def evidence(round_number: RoundKey, service: ServiceDep) -> EvidenceOut:
    """The evidence that a validator folds of a round: eligibility, and every evaluation with its signed receipt. Final once closed."""
    return EvidenceOut.of(await service.stores.rounds.evidence(round_number))
