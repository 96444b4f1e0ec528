"""A sentence that somebody asked for, in a model's voice: fetched, checked and spoken as an evaluation's samples are, and not judged.

It is the guest's only sentence, and its random stream follows from the model and from what is asked: whoever asks the same of the
same model hears the same, whatever anybody else asked for.
"""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import soundfile

from prompts.groups import Prompt
from prompts.voices import Voice
from scoring.audio.spoken import Spoken
from scoring.competition import Competition
from scoring.errors import Code, InfrastructureFault, SubmissionFault
from scoring.model.fingerprint import fingerprint
from scoring.synthesis.render import render
from scoring.synthesis.synthesiser import Request
from voice_api.db.speeches import SpeechClaim, SpeechSound
from workers.evaluation.deadlines import answer_seconds
from workers.evaluation.obtain import LocalModel, fetch
from workers.evaluation.progress import Progress, Stage
from workers.evaluation.requests import TimedRequest
from workers.evaluation.speaking import speak
from workers.evaluation.tools import Tools
from workers.hub.client import HubRefusal

PLAIN = "Somebody speaks at an ordinary pace."
"""The description where none is given, as rounds ask for plain reading: a family that hears descriptions expects one."""
_ID = "speech"
_SEED_BYTES = 8


def say(claim: SpeechClaim, competition: Competition, tools: Tools, progress: Progress) -> SpeechSound:
    """What the model says; raises SubmissionFault where the model is the reason that there is nothing, InfrastructureFault else.

    `competition` are the rules of the claim's round, as this host has them.
    """
    if competition.hash != claim.competition_hash:
        raise InfrastructureFault(Code.COMPETITION_MISMATCH)
    with tools.hub.pin_in_cache(claim.repo, claim.revision), _hub_that_works(tools):
        model = fetch(claim.repo, claim.revision, competition, tools, progress)
        found = fingerprint(model.folder, partial(progress, Stage.FINGERPRINT))
        if found.content != claim.content_hash:
            raise SubmissionFault(Code.TAG_MISMATCH, "the repository no longer holds the model that was judged")
        (spoken,) = speak(model, [(request_of(claim, model),)], tools, progress)
    if spoken.failure is not None or not spoken.pcm:
        raise SubmissionFault(Code.GENERATION_FAILED, spoken.reason or "the model said nothing")
    return SpeechSound(audio=_flac(spoken), rate=spoken.rate, seconds=spoken.duration, speak_seconds=spoken.seconds)


def request_of(claim: SpeechClaim, model: LocalModel) -> TimedRequest:
    """The sentence in the words of the model's family, with the time for it, as for a round's prompts.

    The random stream begins at 63 bits of sha256(content hash, description, text).
    """
    prompt = Prompt(id=_ID, text=claim.text, description=claim.description or PLAIN, voice=Voice())
    rendered = render(model.family, prompt)
    asked = f"{claim.content_hash}\n{claim.description}\n{claim.text}".encode()
    seed = int.from_bytes(hashlib.sha256(asked).digest()[:_SEED_BYTES]) >> 1
    request = Request(_ID, rendered.text, rendered.description or "", seed)
    return TimedRequest(request, answer_seconds(prompt, model.family, model.track.limits))


@contextmanager
def _hub_that_works(tools: Tools) -> Iterator[None]:
    """Take a refusal of the hub as the repository's only where the hub gives what it lists of others."""
    try:
        yield
    except HubRefusal as refusal:
        if tools.hub.works():
            raise
        raise InfrastructureFault(Code.HUB_UNAVAILABLE, "the hub refuses what it lists as public, too") from refusal


def _flac(spoken: Spoken) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.frombuffer(spoken.pcm, dtype="<i2"), spoken.rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()
