"""The public table, as data: what its page shows."""

from dataclasses import asdict, replace
from functools import partial
from operator import itemgetter
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import TypeAdapter

from scoring.types import Entrant
from scoring.weights.standings import RankedSubmission, TrackStandings
from voice_api.db.leaderboard import LeaderboardRows
from voice_api.schemas import MOST_ROWS, NO_NUL, LeaderboardOut, SubmissionOut
from voice_api.schemas.leaderboard import TrackOut
from voice_api.web import standings
from voice_api.web.dependencies import TABLE_LASTS, Service, ServiceDep
from voice_api.web.openapi import READ_ERRORS
from voice_api.web.route import Route
from voice_api.web.routes.duels import OfTrack
from voice_api.web.standings import StandingRow
from voice_api.web.tracks import known_or_raise

router = APIRouter(prefix="/v1/leaderboard", tags=["leaderboard"], route_class=Route)

Rows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of the table.")]
Search = Annotated[
    str,
    Query(
        max_length=100,
        pattern=NO_NUL,
        description="Only rows with this text in the hotkey or the repository, or with this uid.",
        examples=["clear"],
    ),
]
AfterRow = Annotated[
    Entrant | None,
    Query(max_length=84, pattern=r"^[^\x00@]{1,64}@[0-9]{1,18}$", description="`next` of the page before: hotkey@commit_block."),
]
USUAL_ROWS = 100
"""Asked for by almost everybody: of this many rows what was written is kept."""
_FRESH = f"max-age={TABLE_LASTS.total_seconds():.0f}"
_JSON = TypeAdapter(dict[str, Any])
_SUBMISSION = tuple(SubmissionOut.model_fields)
_TRACK = tuple(name for name in TrackOut.model_fields if name not in ("ranked", "duel"))
_UNRANKED: dict[str, Any] = {
    **dict.fromkeys(("rank", "king", "place", "share", "weight", "credit", "score", "stderr", "low", "high", "groups")),
    **{"king": False, "share": 0.0, "weight": 0.0, "credit": 0, "groups": 0, "evidence": "", "lineage": "", "lacks": ""},
}
"""The first fields of a row that the ledger does not rank."""
_of_submission = itemgetter(*_SUBMISSION)


@router.get("", response_model=LeaderboardOut, responses=READ_ERRORS)
async def leaderboard(
    service: ServiceDep, track: OfTrack = None, search: Search = "", after: AfterRow = None, limit: Rows = USUAL_ROWS
) -> Response:
    """Every track by the ledger: the king, then by credit, then by the score over all rounds; then who waits, and who was refused.

    Superseded ones are left out. It may be a second old.
    """
    known_or_raise(service, track)
    usual = track is None and not search and after is None and limit == USUAL_ROWS
    write = partial(_written, service, track=track, search=search, after=after, limit=limit)
    body = await (service.caches.table.get(write) if usual else write())
    return Response(body, media_type="application/json", headers={"Cache-Control": _FRESH})


async def _written(service: Service, *, track: str | None, search: str, after: Entrant | None, limit: int) -> bytes:
    """Written here from what the store gave: the framework would look at every field of every row twice more."""
    async with service.stores.pool.one() as pool:
        asked = replace(service, stores=replace(service.stores, pool=pool, leaderboard=LeaderboardRows(pool)))
        ledger = await standings.ledger_standings(asked)
        rows, last = await standings.listed(asked, ledger, track=track, search=search, after=after, limit=limit)
    return _JSON.dump_json(
        {
            "round": ledger.round,
            "ledger_hash": ledger.ledger_hash,
            "block": ledger.block,
            "waits": ledger.waits,
            "burn": ledger.burn,
            "tracks": [_track(each) for each in ledger.tracks],
            "rows": [_row(row) for row in rows],
            "next": last,
        }
    )


def _track(found: TrackStandings) -> dict[str, Any]:
    duel = None if found.duel is None else asdict(found.duel)
    return {name: getattr(found, name) for name in _TRACK} | {"ranked": len(found.ranked), "duel": duel}


def _row(row: StandingRow) -> dict[str, Any]:
    listed = row.listed
    return {
        **(_UNRANKED if row.ranked is None else _ranked(row.ranked)),
        "entrant": row.entrant,
        "hotkey": row.hotkey,
        "uid": row.uid,
        "track": row.track,
        "scored_rounds": 0 if listed is None else listed.scored_rounds,
        "last_score": None if listed is None else listed.columns["score"],
        "reason": row.reason,
        "trend": [each._asdict() for each in row.trend],
        "submission": None if listed is None else dict(zip(_SUBMISSION, _of_submission(listed.columns), strict=True)),
    }


def _ranked(found: RankedSubmission) -> dict[str, Any]:
    score = found.score
    return {
        "rank": found.rank,
        "king": found.king,
        "place": found.place,
        "share": found.share,
        "weight": found.weight,
        "credit": found.credit,
        "score": None if score is None else score.mean,
        "stderr": None if score is None else score.stderr,
        "low": None if score is None else score.low,
        "high": None if score is None else score.high,
        "groups": 0 if score is None else score.groups,
        "evidence": found.words.evidence,
        "lineage": found.words.lineage,
        "lacks": found.words.lacks,
    }
