"""What tests of sentences share: words, a sound, and a worker that says anything at once."""

import asyncio
import io
from datetime import timedelta

import numpy as np
import soundfile

from scoring.errors import Code
from voice_api.db.database import Pool
from voice_api.db.speeches import Speeches, SpeechSound
from voice_api.db.states import QueueName

TEXT = "Open the gate before the rain comes."
RATE = 22_050


def tone(seconds: float = 0.5, rate: int = RATE) -> bytes:
    """A FLAC file of 440 Hz."""
    time = np.arange(int(seconds * rate)) / rate
    file = io.BytesIO()
    soundfile.write(file, 0.5 * np.sin(2 * np.pi * 440 * time), rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


async def speak_next(pool: Pool, *, fails: str = "") -> None:
    """Do what a worker does with the next sentence, once it is there; `fails`: the reason why there is no sound."""
    while (claim := await Speeches(pool).claim(QueueName.CPU, "w1", timedelta(minutes=1))) is None:  # noqa: ASYNC110 - another task asks
        await asyncio.sleep(0.01)
    if fails:
        await Speeches(pool).fail(claim, Code.GENERATION_FAILED, fails)
        return
    await Speeches(pool).finish(claim, SpeechSound(audio=tone(), rate=RATE, seconds=0.5, speak_seconds=0.125))
