"""Speech in the form of OpenAI's API, so that clients which people have speak with the king's voice."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from scoring.errors import Code, PlatformError, with_advice
from voice_api.db.speeches import Speech
from voice_api.db.states import SpeechState
from voice_api.schemas.speech import OpenAiSpeechIn
from voice_api.web.dependencies import ServiceDep
from voice_api.web.openapi import Responses
from voice_api.web.route import Route
from voice_api.web.routes.speech import disclose, sound_of
from voice_api.web.speech.ask import SpeechAsked, address_of, ask, when_ended
from voice_api.web.speech.formats import SOUNDS, TRAITS, SoundFormat
from voice_api.web.speech.openai_form import NO_RETRY, OPENAI_ERRORS, OPENAI_SPEECH, openai_error

router = APIRouter(tags=["speech"], route_class=Route)

ANY_TRACK = "voice"
"""The model's name that stands for the only track with a king."""
PATIENCE = timedelta(minutes=2)
"""The longest that an answer is held back."""
_ANSWERS: Responses = {200: {"description": "The sound.", "content": SOUNDS}, **OPENAI_ERRORS}


@router.post(OPENAI_SPEECH, responses=_ANSWERS, response_class=Response)
async def create(body: OpenAiSpeechIn, request: Request, service: ServiceDep) -> Response:
    """Ask for a sentence, and wait for its sound, for two minutes at most. `voice` is `king` or a hotkey, `instructions` the description.

    A key is not looked at. What is not served here (another speed, AAC, a stream of events) is refused by name.
    """
    wanted = _served(body)
    asked = SpeechAsked(
        text=body.input,
        description=body.instructions,
        voice=body.voice_name,
        track=None if body.model == ANY_TRACK else body.model,
        address=address_of(request),
    )
    speeches = service.stores.speeches
    patience = min(PATIENCE, service.settings.speech_within)
    speech = await when_ended(speeches, (await ask(service, asked)).id, patience)
    place = {"Location": f"/v1/speech/{speech.id}"}
    if speech.state is not SpeechState.DONE:
        return _unspoken(speech, place)
    response = Response(await sound_of(service, speech.id, wanted), media_type=TRAITS[wanted].media_type, headers=place)
    disclose(response, service)
    return response


def _served(body: OpenAiSpeechIn) -> SoundFormat:
    """The format, once everything else is what can be served; raises PlatformError(REQUEST_INVALID) that names what is not."""
    if body.speed != 1.0:
        raise PlatformError(Code.REQUEST_INVALID, f"speed: models speak at their own pace; only 1 is served, not {body.speed:g}")
    if body.stream_format != "audio":
        raise PlatformError(Code.REQUEST_INVALID, "stream_format: only audio is served, and no events")
    try:
        return SoundFormat(body.response_format)
    except ValueError as exc:
        raise PlatformError(Code.REQUEST_INVALID, f"response_format: one of {', '.join(SoundFormat)} is served") from exc


def _unspoken(speech: Speech, place: dict[str, str]) -> Response:
    if speech.code is None:
        said = f"It waits still, behind {speech.ahead or 0} others; its sound will be at {place['Location']}/audio."
        return openai_error(HTTPStatus.GATEWAY_TIMEOUT, said, Code.SPEECH_LATE.slug, place | NO_RETRY)
    said = with_advice(speech.reason, speech.code)
    return openai_error(HTTPStatus.BAD_GATEWAY, said, speech.code.slug, place | NO_RETRY)
