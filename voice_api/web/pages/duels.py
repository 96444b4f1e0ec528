"""Duels: all of them, and one with its curve of evidence and the groups that decided, to be heard."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from scoring.types import Entrant
from voice_api.db.pages import ClipLine
from voice_api.db.submissions import Submission
from voice_api.schemas.duels import DuelGroupOut, DuelOut
from voice_api.web import standings
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.round_prompts import round_prompts
from voice_api.web.route import Route
from voice_api.web.routes import duels as answers
from voice_api.web.routes.duels import AfterDuel, OfHotkey, OfTrack, Opened, TrackKey

router = APIRouter(prefix="/duels", include_in_schema=False, route_class=Route)

ROWS = 50
REIGNS = 50
HEARD = 6
"""So many of the groups with the widest difference can be heard; the others are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardPrompt:
    """A prompt, and how each side spoke it; None where it is not known, or where nothing was kept."""

    prompt_id: str
    text: str | None
    description: str | None
    challenger: ClipLine | None
    king: ClipLine | None


@router.get("", response_class=HTMLResponse)
async def duels(service: ServiceDep, track: OfTrack = None, hotkey: OfHotkey = None, after: AfterDuel = None) -> HTMLResponse:
    """Duels, the one that opened last first."""
    found = await answers.page(service, track, hotkey, after, ROWS)
    reigns = [each for each in await standings.reigns(service) if track in (None, each.track)][:REIGNS]
    shown = [] if hotkey or after else reigns
    models = await models_of(service, found.items, [each.king for each in shown])
    return page(
        "duels.html",
        path="/duels",
        title="Duels",
        rows=found.items,
        next=found.next,
        models=models,
        track=track,
        hotkey=hotkey,
        reigns=shown,
    )


@router.get("/{track}/{opened}", response_class=HTMLResponse)
async def one(track: TrackKey, opened: Opened, service: ServiceDep) -> HTMLResponse:
    """One duel."""
    duel = await answers.get(track, opened, service)
    shown = duel.deciding[:HEARD]
    return page(
        "duel.html",
        path="/duels",
        title=f"Duel of round {duel.opened} in {track}",
        duel=duel,
        models=await models_of(service, [duel]),
        curve=[(step.round, step.wealth) for step in duel.curve],
        heard=await _heard(service, track, shown),
        source=f"/v1/duels/{track}/{opened}#",
    )


async def models_of(service: Service, found: Sequence[DuelOut], others: Sequence[Entrant] = ()) -> Mapping[str, Submission]:
    """Both sides of duels, and others, by their names, as far as they are in this database."""
    names = sorted({*others, *(name for duel in found for name in (duel.challenger, duel.king))})
    return {each.entrant: each.submission for each in await service.stores.leaderboard.named(names)}


async def _heard(service: Service, track: str, groups: Sequence[DuelGroupOut]) -> Mapping[int, Sequence[HeardPrompt]]:
    """What each of these groups asked, and how both sides spoke it, by the group's place."""
    sides = {side for group in groups for side in (group.challenger_evaluation, group.king_evaluation)}
    clips = {(clip.evaluation_id, clip.prompt_id): clip for clip in await service.stores.pages.clips(sorted(sides))}
    asked = {number: await service.stores.rounds.get(number) for number in {group.round for group in groups}}

    def heard(group: DuelGroupOut, prompt_id: str) -> HeardPrompt:
        prompt = round_prompts(service.schedule, asked[group.round], track).prompt(prompt_id)
        return HeardPrompt(
            prompt_id=prompt_id,
            text=None if prompt is None else prompt.text,
            description=None if prompt is None else prompt.description,
            challenger=clips.get((group.challenger_evaluation, prompt_id)),
            king=clips.get((group.king_evaluation, prompt_id)),
        )

    return {place: [heard(group, prompt_id) for prompt_id in group.prompt_ids] for place, group in enumerate(groups)}
