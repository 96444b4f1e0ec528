"""Duels: what a challenger gathered against a king, round by round, and where they differ most."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from scoring.types import Hotkey, RoundNumber
from voice_api.db.duels import Duels
from voice_api.schemas.duels import DuelDetail, DuelOut, DuelPage
from voice_api.schemas.wire import NO_NUL
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.openapi import LOOKUP_ERRORS, READ_ERRORS
from voice_api.web.route import Limit, Route, cut
from voice_api.web.tracks import known_or_raise

router = APIRouter(prefix="/v1/duels", tags=["duels"], route_class=Route)

_TRACK = "[a-z][a-z0-9-]{0,31}"
TrackKey = Annotated[str, Path(pattern=f"^{_TRACK}$", examples=["small"])]
Opened = Annotated[RoundNumber, Path(ge=0, lt=2**31, description="The round at whose end it opened.", examples=[1_190])]
OfTrack = Annotated[str | None, Query(pattern=f"^{_TRACK}$", description="Only this track's.", examples=["small"])]
AfterDuel = Annotated[
    str | None, Query(pattern=rf"^[0-9]{{1,9}}:{_TRACK}$", description="`next` of the page before.", examples=["1190:small"])
]
OfHotkey = Annotated[
    str | None, Query(min_length=1, max_length=64, pattern=NO_NUL, description="Only those of this hotkey, on either side.")
]


@router.get("", responses=READ_ERRORS)
async def page(
    service: ServiceDep, track: OfTrack = None, hotkey: OfHotkey = None, after: AfterDuel = None, limit: Limit = 50
) -> DuelPage:
    """Duels in the ledger of the API's validator as they stood last, the one that opened last first."""
    known_or_raise(service, track)
    opened, _, of_track = (after or "").partition(":")
    last = (RoundNumber(int(opened)), of_track) if opened else None
    found = await duels_of(service).page(last, limit + 1, track, Hotkey(hotkey) if hotkey else None)
    shown, more = cut(found, limit)
    return DuelPage(items=tuple(DuelOut.of(duel) for duel in shown), next=f"{more.opened}:{more.track}" if more else None)


@router.get("/{track}/{opened}", responses=LOOKUP_ERRORS)
async def get(track: TrackKey, opened: Opened, service: ServiceDep) -> DuelDetail:
    """A duel: its curve of evidence by round, and its groups, the widest difference first."""
    duels = duels_of(service)
    return DuelDetail.whole(await duels.curve(track, opened), await duels.groups(track, opened))


def duels_of(service: Service) -> Duels:
    """The duels of the validator that the API answers as."""
    return Duels(service.stores.pool, service.settings.hotkey)
