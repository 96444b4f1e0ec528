"""Listening: up to four models of a closed round on the same prompt, side by side, with what the judges found of each."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from scoring.errors import Code, PlatformError
from scoring.types import Entrant, RoundNumber, entrant
from voice_api.db.votes import RoundTrack, ScoredEvaluation
from voice_api.schemas import MOST_ROWS
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.listening.voting import ClipMeasures
from voice_api.web.pages.heard import HeardSample, heard_samples, measures_of
from voice_api.web.pages.page import page
from voice_api.web.round_prompts import RoundPrompts, round_prompts
from voice_api.web.route import Route
from voice_api.web.standings import ledger_standings
from voice_api.web.tracks import known_or_raise, tracks_of

router = APIRouter(include_in_schema=False, route_class=Route)

MOST_MODELS = 4
"""So many are heard side by side: the keys 1 … 4."""

Track = Annotated[str | None, Query(max_length=40)]
Number = Annotated[str | None, Query(max_length=20)]
Prompt = Annotated[str | None, Query(max_length=20)]
Models = Annotated[list[str], Query(max_length=20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardModel:
    """A model on one prompt; `king` says that it holds the track now."""

    entry: ScoredEvaluation
    king: bool
    answer: HeardSample | None
    """None where it has no answer to this prompt."""
    measured: ClipMeasures | None
    """None where there is no sound, or none any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What is set up to be heard."""

    place: RoundTrack
    rounds: Sequence[RoundTrack]
    entries: Sequence[ScoredEvaluation]
    king: Entrant | None
    chosen: Sequence[ScoredEvaluation]


@router.get("/listen", response_class=HTMLResponse)
async def listen(
    service: ServiceDep,
    track: Track = None,
    number: Annotated[Number, Query(alias="round")] = None,
    prompt: Prompt = None,
    models: Models = [],  # noqa: B006  # the framework copies it
) -> HTMLResponse:
    """The same prompt by up to four models of a closed round; without a choice, the king and its nearest rival."""
    bench = await _bench(service, track or None, _whole(number, "round"), _ids(models))
    if bench is None:
        return page(
            "listen.html", path="/listen", title="Listen", bench=None, newest=None, tracks=tracks_of(service), track=track
        )
    asked = round_prompts(service.schedule, await service.stores.rounds.get(bench.place.round), bench.place.track)
    answers = await asyncio.gather(*(_answers(service, entry, asked) for entry in bench.chosen))
    ids = list(dict.fromkeys(each.sample.prompt_id for found in answers for each in found))
    shown = _prompt(prompt or None, ids)
    at = ids.index(shown)
    return page(
        "listen.html",
        path="/listen",
        title="Listen",
        bench=bench,
        newest=next((each.round for each in bench.rounds if each.track == bench.place.track), bench.place.round),
        tracks=tracks_of(service),
        track=bench.place.track,
        why=asked.why,
        prompts=[(name, asked.prompt(name)) for name in ids],
        shown=shown,
        asked=asked.prompt(shown),
        earlier=ids[at - 1] if at else None,
        later=ids[at + 1] if at + 1 < len(ids) else None,
        heard=await asyncio.gather(
            *(_heard(service, bench, entry, found, shown) for entry, found in zip(bench.chosen, answers, strict=True))
        ),
        models=",".join(str(entry.submission_id) for entry in bench.chosen),
    )


async def _bench(service: Service, track: str | None, number: int | None, ids: Sequence[int]) -> Bench | None:
    """What was chosen; None where nothing can be heard yet. Raises PlatformError(REQUEST_INVALID) for what cannot be chosen."""
    known_or_raise(service, track)
    votes = service.stores.votes
    rounds = await votes.rounds(track, least=1)
    if not rounds and number is None:
        return None
    place = await _newest(service, track, rounds) if number is None else await _place(service, track, RoundNumber(number))
    entries, king = await votes.scored(place.round, place.track), await _king(service, place.track)
    return Bench(
        place=place,
        rounds=[each for each in rounds if track in (None, each.track)],
        entries=entries,
        king=king,
        chosen=_chosen(entries, ids, king, place),
    )


async def _newest(service: Service, track: str | None, rounds: Sequence[RoundTrack]) -> RoundTrack:
    """The newest round with two models to compare; where there is none, the newest with one."""
    comparable = await service.stores.votes.rounds(track, limit=len(rounds))
    return comparable[0] if comparable else rounds[0]


async def _place(service: Service, track: str | None, number: RoundNumber) -> RoundTrack:
    found = await service.stores.votes.rounds(track, limit=1, least=1, up_to=number)
    if not found or found[0].round != number:
        where = f" of the track {track}" if track else ""
        nearest = f"; the nearest one before is {found[0].round}" if found else ""
        raise _wrong(f"round {number} has nothing to hear{where}: it is not closed, or nobody was scored in it{nearest}")
    return found[0]


async def _king(service: Service, track: str) -> Entrant | None:
    standings = await ledger_standings(service)
    return next((each.king for each in standings.tracks if each.track == track), None)


def _chosen(
    entries: Sequence[ScoredEvaluation], ids: Sequence[int], king: Entrant | None, place: RoundTrack
) -> Sequence[ScoredEvaluation]:
    """Those that were asked for, in that order; without any, the king and the best other one."""
    known = {entry.submission_id: entry for entry in entries}
    if strangers := [each for each in ids if each not in known]:
        names = ", ".join(str(name) for name in list(known)[:10])
        raise _wrong(f"submission {strangers[0]} was not scored in round {place.round} of {place.track}; scored were: {names}")
    if ids:
        return [entry for name, entry in known.items() if name in ids]
    kings = [entry for entry in entries if entrant(entry.hotkey, entry.commit_block) == king]
    return (kings + [entry for entry in entries if entry not in kings])[:2]


async def _answers(service: Service, entry: ScoredEvaluation, asked: RoundPrompts) -> tuple[HeardSample, ...]:
    rows = await service.stores.queue.samples(entry.evaluation_id, limit=MOST_ROWS)
    return heard_samples(entry.evaluation_id, rows, asked)


async def _heard(
    service: Service, bench: Bench, entry: ScoredEvaluation, answers: Sequence[HeardSample], shown: str
) -> HeardModel:
    answer = next((each for each in answers if each.sample.prompt_id == shown), None)
    measured = await measures_of(service, answer.sample.pcm_sha256) if answer else None
    return HeardModel(entry=entry, king=entrant(entry.hotkey, entry.commit_block) == bench.king, answer=answer, measured=measured)


def _prompt(prompt: str | None, ids: Sequence[str]) -> str:
    if not ids:
        raise _wrong("these models have no samples: choose others")
    if prompt is None:
        return ids[0]
    if prompt not in ids:
        raise _wrong(f"there is no prompt {prompt!r} in this round: choose one of {ids[0]} … {ids[-1]}")
    return prompt


def _whole(text: str | None, what: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _wrong(f"{text!r} is no {what}: give a whole number")
    return int(text)


def _ids(models: Sequence[str]) -> list[int]:
    """The submissions that are named, with commas between or one by one."""
    ids = [_whole(part.strip(), "submission") for text in models for part in text.split(",") if part.strip()]
    named = list(dict.fromkeys(each for each in ids if each is not None))
    if len(named) > MOST_MODELS:
        raise _wrong(f"{len(named)} models are chosen: choose {MOST_MODELS} at most")
    return named


def _wrong(detail: str) -> PlatformError:
    return PlatformError(Code.REQUEST_INVALID, detail)
