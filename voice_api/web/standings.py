"""The leaderboard as everybody sees it: the API's validator's ledger beside the registry, and what the database knows of each submission.

Ranks and shares are never those of the last round. The ledger's head is read once for each fold, and planned once for each registry.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from scoring.errors import EXPLANATIONS, Code, PlatformError
from scoring.types import Entrant, Hotkey, RoundNumber, Uid
from scoring.weights.facts import uid_facts
from scoring.weights.standings import RankedSubmission
from voice_api.db.leaderboard import ListedSubmission, RoundScore
from voice_api.db.ledger import Ledger, LedgerMark
from voice_api.db.states import SubmissionState
from voice_api.errors import LedgerInvalid
from voice_api.web.dependencies import Service
from voice_api.web.ledger_standings import LedgerStandings, nothing_ranked, ranked_by

ROWS = 100
"""Of a page of the leaderboard, unless it is asked for another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingRow:
    """A line of the leaderboard: a ranked submission, or one that waits or was refused."""

    entrant: Entrant
    hotkey: Hotkey
    track: str | None
    """None until its family, which decides the track, is known."""
    uid: Uid | None
    """None once its hotkey is no longer registered."""
    ranked: RankedSubmission | None
    """Its rank, score, share and reasons; None for one that the ledger does not rank."""
    listed: ListedSubmission | None
    """The submission, its scored rounds and its last score; None where another validator's evidence ranks it."""
    trend: tuple[RoundScore, ...]
    """Its last scores, oldest round first."""
    reason: str
    """In one sentence: place and evidence of who is paid, what any other lacks or waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reign:
    """A king's time on the top of a track, in rounds of the ledger."""

    track: str
    king: Entrant
    since: RoundNumber
    until: RoundNumber | None
    """The first round after which it held the top no more; None for the king of now."""


async def listed(
    service: Service,
    found: LedgerStandings,
    *,
    track: str | None = None,
    search: str = "",
    after: Entrant | None = None,
    limit: int = ROWS,
) -> tuple[tuple[StandingRow, ...], Entrant | None]:
    """A page of the leaderboard by what the ledger says, and the last row's name where there are more.

    `search` finds a part of a hotkey or of a repository, or a whole uid. First all that are ranked, track by track; after them the rest.
    """
    ranked = [row for each in found.tracks for row in each.ranked]
    names = await service.stores.leaderboard.searched([row.entrant for row in ranked], search) if search else None
    fits = [
        row
        for row in ranked
        if track in (None, row.track) and (names is None or row.entrant in names or _found(search, row.hotkey, row.uid))
    ]
    begun = next((n for n, row in enumerate(fits, 1) if row.entrant == after), None)
    shown = fits[(begun or 0) if begun or after is None else len(fits) :][: limit + 1]
    rows = list((await _joined(service, shown)).values())
    if len(rows) <= limit:
        rest = await _others(
            service, found, track=track, search=search, after=None if begun else after, limit=limit + 1 - len(rows)
        )
        rows += rest
    return tuple(rows[:limit]), rows[limit - 1].entrant if len(rows) > limit else None


def _found(search: str, hotkey: Hotkey, uid: Uid) -> bool:
    return search.lower() in hotkey.lower() or search == str(uid)


async def explained(service: Service, uid: Uid) -> Mapping[str, Any]:
    """All that is known of a uid by the ledger's head and the registry; raises PlatformError(NOT_FOUND)."""
    found = await ledger_standings(service)
    if found.snapshot is None or found.plan is None:
        raise PlatformError(Code.NOT_FOUND, found.waits)
    line = next((line for line in found.plan.lines if line.uid == uid), None)
    if line is None:
        raise PlatformError(Code.NOT_FOUND, f"no hotkey is registered under uid {uid}")
    facts = await asyncio.to_thread(uid_facts, found.snapshot, found.plan, uid)
    return facts if found.owner is not None else {**facts, "weight": line.share}


async def reigns(service: Service) -> tuple[Reign, ...]:
    """Every king of every track in the ledger, newest first."""
    kings = await Ledger(service.stores.pool, service.settings.hotkey).kings(RoundNumber(0))
    return reigns_of(kings)


def reigns_of(kings: Mapping[RoundNumber, Mapping[str, Entrant]]) -> tuple[Reign, ...]:
    """The reigns that the kings after each round tell, newest first; rounds rise."""
    open_ones: dict[str, Reign] = {}
    ended = []
    for number, held in kings.items():
        for track in open_ones.keys() | held.keys():
            old, king = open_ones.get(track), held.get(track)
            if old is not None and old.king != king:
                ended.append(Reign(track=track, king=old.king, since=old.since, until=number))
                del open_ones[track]
            if king is not None and (old is None or old.king != king):
                open_ones[track] = Reign(track=track, king=king, since=number, until=None)
    return tuple(sorted([*ended, *open_ones.values()], key=lambda reign: (-reign.since, reign.track)))


async def ledger_standings(service: Service) -> LedgerStandings:
    """What the ledger's head and the registry say; computed anew after a fold and with a newer registry only."""
    version = await service.stores.leaderboard.version(service.settings.hotkey)
    return await service.caches.standings.get(version, lambda: _computed(service, version.mark))


async def _computed(service: Service, mark: LedgerMark | None) -> LedgerStandings:
    ledger = Ledger(service.stores.pool, service.settings.hotkey)
    registry = await service.stores.registry.latest()
    try:
        head = await service.caches.head.get(mark, ledger.head_in_thread)
    except LedgerInvalid as exc:
        return nothing_ranked(service.schedule, registry, f"the ledger's head cannot be read by this release: {exc.detail}")
    if head is None:
        why = f"the validator {service.settings.hotkey} has folded no round yet: ranks come with the first that it closes"
        return nothing_ranked(service.schedule, registry, why)
    newest = await service.stores.submissions.newest()
    committed = {each.hotkey: each.recorded for each in newest if each.recorded is not None}
    return await asyncio.to_thread(ranked_by, head, registry, service.schedule.at(head.round), committed)


async def _joined(service: Service, ranked: Sequence[RankedSubmission]) -> dict[Entrant, StandingRow]:
    """Ranked submissions with what the database knows of each, in their order."""
    known = {each.entrant: each for each in await service.stores.leaderboard.named([row.entrant for row in ranked])}
    return {
        row.entrant: StandingRow(
            entrant=row.entrant,
            hotkey=row.hotkey,
            track=row.track,
            uid=row.uid,
            ranked=row,
            listed=(listed := known.get(row.entrant)),
            trend=() if listed is None else listed.trend,
            reason=row.words.reason,
        )
        for row in ranked
    }


async def _others(
    service: Service,
    found: LedgerStandings,
    *,
    track: str | None = None,
    search: str = "",
    after: Entrant | None = None,
    limit: int,
) -> tuple[StandingRow, ...]:
    """Submissions that the ledger does not rank: scored ones, then who waits, then who was refused."""
    ranked = [row.entrant for each in found.tracks for row in each.ranked]
    rest = await service.stores.leaderboard.rest(ranked, after=after, track=track, search=search, limit=limit)
    words = {name: why.reason for each in found.tracks for name, why in each.unranked.items()}
    return tuple(
        StandingRow(
            entrant=each.entrant,
            hotkey=each.columns["hotkey"],
            track=each.columns["track"],
            uid=each.uid,
            ranked=None,
            listed=each,
            trend=each.trend,
            reason=words.get(each.entrant) or _waits_for(each),
        )
        for each in rest
    )


def _waits_for(each: ListedSubmission) -> str:
    """Why a submission has no rank, where the ledger says nothing of it."""
    match each.state:
        case SubmissionState.QUEUED:
            return f"not judged yet: committed in block {each.columns['commit_block']}"
        case SubmissionState.SCORED if each.uid is None:
            return "its hotkey is not registered"
        case SubmissionState.SCORED:
            return f"scored in round {each.columns['scored_round']}: it is ranked once that round is folded"
        case SubmissionState.SUPERSEDED:
            return "its hotkey committed again"
        case SubmissionState.COPY | SubmissionState.REJECTED | SubmissionState.QUARANTINED:
            code = each.submission.code
            return each.submission.reason or ("set aside by the operator" if code is None else EXPLANATIONS[code].meaning)
        case unreachable:
            assert_never(unreachable)
