"""A sentence that somebody asks to hear in a model's voice, on the wire; and the same in the form of OpenAI's clients."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from scoring.errors import Code
from scoring.types import SubmissionId
from voice_api.db.speeches import Speech
from voice_api.db.states import SpeechState
from voice_api.schemas.wire import NO_NUL, Repo, Revision, Ss58, Wire

KING = "king"
"""The voice that stands for whoever holds the top of a track."""
MOST_TEXT = 300
"""Characters of a text, and of a description."""

_EXAMPLE = "Open the gate before the rain comes."
Text = Annotated[str, Field(min_length=1, max_length=MOST_TEXT, pattern=NO_NUL, description="What to say.", examples=[_EXAMPLE])]
Description = Annotated[
    str,
    Field(
        max_length=MOST_TEXT,
        pattern=NO_NUL,
        description="How the voice shall sound, where the model's family hears a description; refused where it does not.",
        examples=[""],
    ),
]
VoiceName = Annotated[
    str,
    Field(min_length=1, max_length=64, pattern=NO_NUL, description="`king`, or the hotkey of a submission.", examples=[KING]),
]
TrackName = Annotated[
    str | None,
    Field(
        min_length=1,
        max_length=64,
        pattern=NO_NUL,
        description="The track whose king is meant, or in which the hotkey competes; needed where several tracks have a king.",
        examples=[None],
    ),
]


class SpeechIn(Wire):
    """A sentence to be said."""

    text: Text
    description: Description = ""
    voice: VoiceName = KING
    track: TrackName = None


class SpeechVoiceOut(Wire):
    """The model that speaks."""

    hotkey: Ss58
    king: Annotated[bool, Field(description="Whether it held the top of its track when it was asked for.")]
    track: Annotated[str, Field(examples=["small"])]
    family: Annotated[str, Field(examples=["vits"])]
    submission_id: Annotated[SubmissionId, Field(examples=[412])]
    repo: Repo
    revision: Revision


class SpeechOut(Wire):
    """A sentence as it stands. It is done or failed at `deadline_at` at the latest, and deleted with its sound at `expires_at`.

    Code 1xxx says what is wrong with the model, 2xxx that we failed: ask again.
    """

    id: Annotated[UUID, Field(examples=["5f0c1bb0-6a3f-4c5e-9d0a-1f6a7d1c2b3e"])]
    state: SpeechState
    text: Annotated[str, Field(examples=[_EXAMPLE])]
    description: Annotated[str, Field(examples=[""])]
    voice: SpeechVoiceOut
    ahead: Annotated[int | None, Field(description="Requests before it, while it waits.", examples=[0])]
    waited_seconds: Annotated[float | None, Field(description="Until a worker took it for the first time.", examples=[2.1])]
    first_audio_seconds: Annotated[
        float | None, Field(description="From the request until the first sound could be played.", examples=[7.4])
    ]
    speak_seconds: Annotated[float | None, Field(description="Time for which the model spoke.", examples=[1.3])]
    seconds: Annotated[float | None, Field(description="Length of the sound.", examples=[2.6])]
    rate: Annotated[int | None, Field(description="Hz.", examples=[22_050])]
    audio: Annotated[
        str | None,
        Field(
            description="Where the sound is, once it is done.", examples=["/v1/speech/5f0c1bb0-6a3f-4c5e-9d0a-1f6a7d1c2b3e/audio"]
        ),
    ]
    disclosure: Annotated[
        str, Field(description="The operator's words about such sounds.", examples=["Synthetic speech: no person said it."])
    ]
    code: Annotated[Code | None, Field(examples=[None])]
    reason: Annotated[str | None, Field(examples=[None])]
    created_at: datetime
    deadline_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, speech: Speech, disclosure: str) -> Self:
        """A row on the wire."""
        begun, ended = speech.claimed_at, speech.finished_at
        is_done = speech.state is SpeechState.DONE
        return cls(
            id=speech.id,
            state=speech.state,
            text=speech.text,
            description=speech.description,
            voice=SpeechVoiceOut(
                hotkey=speech.hotkey,
                king=speech.crowned,
                track=speech.track,
                family=speech.family,
                submission_id=speech.submission_id,
                repo=speech.repo,
                revision=speech.revision,
            ),
            ahead=speech.ahead,
            waited_seconds=None if begun is None else (begun - speech.created_at).total_seconds(),
            first_audio_seconds=(ended - speech.created_at).total_seconds() if is_done and ended else None,
            speak_seconds=speech.speak_seconds,
            seconds=speech.seconds,
            rate=speech.rate,
            audio=f"/v1/speech/{speech.id}/audio" if is_done else None,
            disclosure=disclosure,
            code=speech.code,
            reason=speech.reason,
            created_at=speech.created_at,
            deadline_at=speech.deadline_at,
            expires_at=speech.expires_at,
        )


class VoiceById(BaseModel):
    """A voice as newer clients may name it."""

    model_config = ConfigDict(extra="forbid")

    id: VoiceName


class OpenAiSpeechIn(BaseModel):
    """The body of OpenAI's `POST /v1/audio/speech`. What is not served here is refused by name; names that are not known are let be."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: Annotated[
        str,
        Field(
            min_length=1,
            max_length=64,
            pattern=NO_NUL,
            description="A track, or `voice` where one track has a king.",
            examples=["voice"],
        ),
    ]
    input: Text
    voice: Annotated[VoiceName | VoiceById, Field(examples=[KING])] = KING
    instructions: Description = ""
    response_format: Annotated[str, Field(max_length=20, description="mp3, opus, flac, wav or pcm.", examples=["mp3"])] = "mp3"
    speed: Annotated[float, Field(description="1; no other is spoken.", examples=[1.0])] = 1.0
    stream_format: Annotated[str, Field(max_length=20, description="audio; events are not sent.", examples=["audio"])] = "audio"

    @property
    def voice_name(self) -> str:
        """The voice's name."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


class OpenAiErrorDetail(Wire):
    """An error in the words of OpenAI's API."""

    message: Annotated[str, Field(examples=["several tracks have a king, name one of them: large, small"])]
    type: Annotated[str, Field(examples=["invalid_request_error"])]
    param: Annotated[str | None, Field(examples=[None])]
    code: Annotated[str, Field(description="Our code's name.", examples=["voice-missing"])]


class OpenAiErrorOut(Wire):
    """An error as OpenAI's clients read it."""

    error: OpenAiErrorDetail
