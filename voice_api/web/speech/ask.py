"""Takes a request for a sentence in a model's voice: who speaks, whether it may be asked, and whether there is room."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from fastapi import Request

from scoring.errors import Code, PlatformError
from scoring.language.text import unreadable
from scoring.synthesis.families import FAMILIES
from scoring.types import Hotkey, SubmissionId
from voice_api.db.speeches import ModelVoice, Speech, SpeechBudget, Speeches, SpeechTimes
from voice_api.schemas.speech import KING
from voice_api.settings import SpeechSettings
from voice_api.web.dependencies import Service
from voice_api.web.middleware import network_of

LONGEST_WAIT = timedelta(seconds=60)
"""The longest that an answer is held back for a sentence to be spoken."""
_LOOK_SECONDS = 0.25
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechAsked:
    """A sentence that an address asks for; `voice` is `king` or a hotkey, and without a track the only one with a king is meant."""

    text: str
    description: str
    voice: str
    track: str | None
    address: str


def address_of(request: Request) -> str:
    """The address that asks."""
    return request.client.host if request.client else "local"


def budget_of(settings: SpeechSettings) -> SpeechBudget:
    """The most requests of everybody together."""
    return SpeechBudget(settings.speech_open, settings.speech_per_hour)


async def ask(service: Service, asked: SpeechAsked) -> Speech:
    """Keep the request, so that a worker speaks it.

    Raises PlatformError: SPEECH_OFF, TEXT_INVALID, VOICE_MISSING, DESCRIPTION_UNHEARD; TooManyRequests where the address or everybody
    together ask too often, which costs nothing; RedisUnavailable.
    """
    settings, speeches = service.settings, service.stores.speeches
    if not settings.speech:
        raise PlatformError(Code.SPEECH_OFF)
    if why := unreadable(asked.text):
        raise PlatformError(Code.TEXT_INVALID, why)
    voice = await voice_of(speeches, settings.hotkey, asked.voice, asked.track)
    if asked.description and not hears_descriptions(voice):
        raise PlatformError(Code.DESCRIPTION_UNHEARD, f"the family {voice.family} of this voice hears no description")
    budget = budget_of(settings)
    (await speeches.load()).room_or_raise(budget)  # before the address is counted
    await service.limits.take(f"speech:{network_of(asked.address)}", settings.speech_address_per_hour, period=_HOUR)
    times = SpeechTimes(settings.speech_within, settings.speech_kept)
    added = await speeches.add(asked.text, asked.description, voice, budget=budget, times=times)
    return await speeches.get(added)


def hears_descriptions(voice: ModelVoice) -> bool:
    """Whether a description reaches the model, as its family's manifest says."""
    return FAMILIES[voice.family].capabilities.description


async def voice_of(speeches: Speeches, validator: Hotkey, name: str, track: str | None) -> ModelVoice:
    """The voice of that name now: of a track's king in the validator's ledger, or of a hotkey; raises PlatformError(VOICE_MISSING)."""
    if name == KING:
        found: SubmissionId | None = await _king(speeches, validator, track)
    else:
        found = await speeches.newest_of(Hotkey(name), track)
    if found is None:
        where = "" if track is None else f" in the track {track}"
        raise PlatformError(Code.VOICE_MISSING, f"{name} is neither `{KING}` nor a hotkey with a scored submission{where}")
    voice = await speeches.voice(found, crowned=found in (await speeches.kings(validator)).values())
    if voice is None or voice.family not in FAMILIES:
        raise PlatformError(Code.VOICE_MISSING, f"submission {found} was not scored here, or was set aside")
    return voice


async def _king(speeches: Speeches, validator: Hotkey, track: str | None) -> SubmissionId:
    kings = await speeches.kings(validator)
    if not kings:
        raise PlatformError(Code.VOICE_MISSING, "no track has a king yet")
    named = ", ".join(sorted(kings))
    if track is None and len(kings) > 1:
        raise PlatformError(Code.VOICE_MISSING, f"several tracks have a king, name one of them: {named}")
    if track is not None and track not in kings:
        raise PlatformError(Code.VOICE_MISSING, f"the track {track} has no king; these have: {named}")
    return kings[track or named]


async def when_ended(speeches: Speeches, speech_id: UUID, patience: timedelta) -> Speech:
    """A request once it has ended, or as it stands after so long; raises PlatformError(NOT_FOUND)."""
    loop = asyncio.get_running_loop()
    until = loop.time() + patience.total_seconds()
    while not (found := await speeches.get(speech_id)).state.ended and loop.time() < until:  # noqa: ASYNC110 - a worker decides
        await asyncio.sleep(min(_LOOK_SECONDS, max(0.0, until - loop.time())))
    return found
