"""A miner: its place and pay, all that it committed, each round's score, and its duels."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from scoring.errors import Code, PlatformError
from scoring.types import Hotkey, Uid
from voice_api.schemas.leaderboard import UidExplanationOut
from voice_api.web import standings
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.pages.duels import models_of
from voice_api.web.pages.page import page
from voice_api.web.route import Route
from voice_api.web.routes import duels as duel_answers

router = APIRouter(prefix="/miners", include_in_schema=False, route_class=Route)

COMMITMENTS, EVALUATIONS, DUELS = 50, 60, 10
HotkeyKey = Annotated[Hotkey, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*$")]


@router.get("/{hotkey}", response_class=HTMLResponse)
async def miner(hotkey: HotkeyKey, service: ServiceDep) -> HTMLResponse:
    """A hotkey that is registered, committed something, or keeps a ledger here."""
    registry = await service.stores.registry.latest()
    uid = next((n.uid for n in (registry.neurons if registry else ()) if n.hotkey == hotkey), None)
    commitments = await service.stores.pages.commitments(hotkey, COMMITMENTS)
    validators = {line.validator for line in await service.stores.pages.validators()}
    if uid is None and not commitments and hotkey not in validators:
        raise PlatformError(Code.NOT_FOUND, f"{hotkey} is not registered, and nothing of it was ever committed")
    duels = await duel_answers.page(service, None, hotkey, None, DUELS)
    return page(
        "miner.html",
        path="",
        title=f"Miner {hotkey}",
        hotkey=hotkey,
        uid=uid,
        hub=service.settings.hub,
        validates=hotkey in validators,
        explained=None if uid is None else await _explained(service, uid),
        commitments=commitments,
        evaluations=await service.stores.pages.of_hotkey(hotkey, EVALUATIONS),
        duels=duels.items,
        more_duels=duels.next,
        models=await models_of(service, duels.items),
    )


async def _explained(service: Service, uid: Uid) -> UidExplanationOut | None:
    """What the ledger says of a uid; None without a ledger, or where it was read before this hotkey was registered."""
    try:
        return UidExplanationOut.model_validate(await standings.explained(service, uid))
    except PlatformError as exc:
        if exc.code is not Code.NOT_FOUND:
            raise
        return None
