"""Saying something with the king: a box for a sentence, who says it, how long it waits, and the sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import ValidationError

from scoring.errors import Code, PlatformError
from voice_api.db.speeches import ModelVoice, Speech
from voice_api.schemas.speech import KING, MOST_TEXT, SpeechIn, SpeechOut
from voice_api.web.dependencies import Service, ServiceDep
from voice_api.web.pages.page import page
from voice_api.web.route import PRIVATE, Route
from voice_api.web.speech.ask import SpeechAsked, address_of, ask, hears_descriptions, voice_of
from voice_api.web.statuses import STATUS

router = APIRouter(include_in_schema=False, route_class=Route)

_FIELDS = 5
_OWN = ("same-origin", "none")
"""Where browsers say that a form came from: another site's page must not spend its visitor's budget."""
Who = Annotated[str, Query(max_length=140, description="`king/TRACK`, or a hotkey.")]


@dataclass(frozen=True, slots=True)
class OfferedVoice:
    """A voice that may be chosen: its name in the form, the model, and whether a description reaches it."""

    who: str
    model: ModelVoice
    hears: bool


@dataclass(frozen=True, slots=True)
class FilledForm:
    """What stands in the form."""

    text: str = ""
    description: str = ""
    who: str = ""


@router.get("/say", response_class=HTMLResponse)
async def empty(service: ServiceDep, who: Who = "") -> HTMLResponse:
    """The box, for the king's voice or the one that is named."""
    return await _page(service, FilledForm(who=who))


@router.post("/say", response_class=HTMLResponse)
async def asked(request: Request, service: ServiceDep) -> Response:
    """Take the form, as browsers without scripts send it, and lead to where the sentence will be heard."""
    if request.headers.get("Sec-Fetch-Site", _OWN[0]) not in _OWN:
        raise PlatformError(Code.REQUEST_INVALID, "this form was sent by a page of another site: ask on the page /say")
    form = _filled(await request.body())
    voice, _, track = form.who.partition("/")
    try:
        sentence = SpeechIn(text=form.text, description=form.description, voice=voice or KING, track=track or None)
        wanted = SpeechAsked(
            text=sentence.text,
            description=sentence.description,
            voice=sentence.voice,
            track=sentence.track,
            address=address_of(request),
        )
        speech = await ask(service, wanted)
    except ValidationError as exc:
        first = exc.errors()[0]
        return await _page(service, form, refusal=PlatformError(Code.REQUEST_INVALID, f"{first['loc'][0]}: {first['msg']}"))
    except PlatformError as refusal:
        if refusal.code not in STATUS:
            raise
        return await _page(service, form, refusal=refusal)
    return RedirectResponse(f"/say/{speech.id}", HTTPStatus.SEE_OTHER)


@router.get("/say/{speech_id}", response_class=HTMLResponse)
async def said(speech_id: UUID, service: ServiceDep) -> HTMLResponse:
    """A sentence as it stands, below the form that it came from."""
    speech = await service.stores.speeches.get(speech_id)
    who = f"{KING}/{speech.track}" if speech.crowned else speech.hotkey
    answer = await _page(service, FilledForm(speech.text, speech.description, who), speech=speech)
    answer.headers["Cache-Control"] = PRIVATE
    return answer


async def _page(
    service: Service, form: FilledForm, *, speech: Speech | None = None, refusal: PlatformError | None = None
) -> HTMLResponse:
    settings = service.settings
    context: dict[str, Any] = {
        "form": form,
        "most": MOST_TEXT,
        "on": settings.speech,
        "voices": await _voices(service, form.who) if settings.speech else (),
        "waiting": (await service.stores.speeches.load()).open,
        "disclosure": settings.speech_disclosure,
        "refusal": refusal,
        "speech": None if speech is None else SpeechOut.of(speech, settings.speech_disclosure),
        "ended": speech is not None and speech.state.ended,
        "advice": None if speech is None or speech.code is None else PlatformError(speech.code).advice,
    }
    status = HTTPStatus.OK if refusal is None else STATUS[refusal.code]
    return page("say.html", path="/say", title="Say it with the king", status=status, **context)


async def _voices(service: Service, who: str) -> Sequence[OfferedVoice]:
    """Every track's king, and whoever else is named; nobody before the first king."""
    speeches, validator = service.stores.speeches, service.settings.hotkey
    names: list[tuple[str, str, str | None]] = [(f"{KING}/{track}", KING, track) for track in await speeches.kings(validator)]
    if who and not who.startswith(KING):
        names.insert(0, (who, who, None))
    found = []
    for name, voice, track in names:
        try:
            model = await voice_of(speeches, validator, voice, track)
        except PlatformError:  # a king that was set aside, or a name that is none: the form does without
            continue
        found.append(OfferedVoice(name, model, hears_descriptions(model)))
    return found


def _filled(body: bytes) -> FilledForm:
    """The form's fields; raises PlatformError(REQUEST_INVALID) for what no browser sends."""
    try:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_FIELDS))
    except ValueError as exc:
        raise PlatformError(Code.REQUEST_INVALID, "this is no form of the page /say") from exc
    if "\0" in fields.get("who", ""):
        raise PlatformError(Code.REQUEST_INVALID, "who: a voice's name holds no NUL character: choose one on the page /say")
    line = " ".join(fields.get("text", "").split())  # a box breaks lines; a sentence has none
    return FilledForm(line, " ".join(fields.get("description", "").split()), fields.get("who", ""))
