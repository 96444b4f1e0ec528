"""`voice say`: hear a sentence in the king's voice, or in another submission's, spoken by the network's workers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from neurons.cli.options import MOST_SECONDS, AsJson, answer
from neurons.settings import ApiClientSettings
from scoring.errors import Code, PlatformError
from scoring.foreign_words import printable
from scoring.shown_addresses import without_access

if TYPE_CHECKING:
    from neurons.api_client.client import VoiceApi
    from voice_api.schemas.speech import SpeechIn, SpeechOut

    Tell = Callable[[str], None]

Words = Annotated[str, typer.Argument(metavar="TEXT", help="What to say, up to 300 characters.", show_default=False)]
VoiceOption = Annotated[str, typer.Option("--voice", metavar="king|HOTKEY", help="Whose voice: the king's, or a hotkey's.")]
TrackOption = Annotated[
    str | None,
    typer.Option("--track", help="The track (default: the only one with a king).", show_default=False),
]
DescriptionOption = Annotated[
    str, typer.Option("--description", help="How the voice shall sound, where its family hears that.", show_default=False)
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Write the sound to this file: .flac, .wav, .opus, .mp3 or .pcm.", show_default=False),
]
Wait = Annotated[
    float, typer.Option("--wait", min=0.0, max=MOST_SECONDS, help="Seconds to wait; a later sound can be had at its address.")
]

_PAUSE_SECONDS = 0.5


def say(
    text: Words,
    voice: VoiceOption = "king",
    track: TrackOption = None,
    description: DescriptionOption = "",
    out: Out = None,
    wait: Wait = 600.0,
    as_json: AsJson = False,
) -> None:
    """Hear a sentence in the king's voice, or another submission's, where the API's operator allows it. Needs no wallet."""
    from neurons.api_client.client import VoiceApi

    asked = _asked(text, voice, track, description)
    kind = _kind_of(out)
    settings = ApiClientSettings()

    async def ask(tell: "Tell") -> "SpeechOut":
        async with VoiceApi(settings.api_url) as api:
            found = await follow(api, asked, wait=wait, tell=tell)
            if out is not None and found.audio is not None:
                _write(out, await api.speech_audio(found.id, kind))
            return found

    found = asyncio.run(_with_progress(ask))
    url = without_access(f"{settings.api_url.rstrip('/')}/v1/speech/{found.id}")
    shown = {**found.model_dump(mode="json"), "url": url, "out": None if out is None or found.audio is None else str(out)}
    answer(as_json, shown, lambda: _show(found, url, out))
    if found.state == "failed":
        raise typer.Exit(1)


def _asked(text: str, voice: str, track: str | None, description: str) -> "SpeechIn":
    from pydantic import ValidationError

    from voice_api.schemas.speech import SpeechIn

    try:
        return SpeechIn(text=text, voice=voice, track=track, description=description)
    except ValidationError as exc:
        first = exc.errors()[0]
        raise PlatformError(Code.ARGUMENT_INVALID, f"{first['loc'][0]}: {first['msg']}") from exc


def _kind_of(out: Path | None) -> str:
    """The format that a file's name asks for."""
    kinds = ("flac", "wav", "opus", "mp3", "pcm")
    if out is None:
        return kinds[0]
    kind = out.suffix.lower().removeprefix(".")
    if kind not in kinds:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out ends with one of .{', .'.join(kinds)}, not {out.name!r}")
    return kind


def _write(out: Path, sound: bytes) -> None:
    try:
        out.write_bytes(sound)
    except OSError as exc:
        raise PlatformError(Code.ARGUMENT_INVALID, f"--out {out} cannot be written: {exc.strerror}") from exc


async def follow(api: "VoiceApi", asked: "SpeechIn", *, wait: float, tell: "Tell", pause: float = _PAUSE_SECONDS) -> "SpeechOut":
    """Ask for a sentence, and look every `pause` seconds: its last state when it has ended, or after `wait` seconds.

    `tell` hears of each step. Raises ApiUnavailable and ApiRefused.
    """
    tell("asking")
    found = await api.say(asked)
    end = time.monotonic() + wait
    while found.state not in ("done", "failed") and time.monotonic() < end:
        tell(f"{found.state}, {found.ahead} before it" if found.ahead is not None else found.state)
        await asyncio.sleep(min(pause, max(0.0, end - time.monotonic())))
        found = await api.speech(found.id)
    return found


async def _with_progress(ask: "Callable[[Tell], Awaitable[SpeechOut]]") -> "SpeechOut":
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        row = bars.add_task("")
        return await ask(lambda what: bars.update(row, description=what))


def _show(found: "SpeechOut", url: str, out: Path | None) -> None:
    if found.state == "failed":
        raise PlatformError(found.code or Code.INTERNAL, f"{found.reason} ({url})")
    console = Console(soft_wrap=True, highlight=False)
    if found.audio is None or found.seconds is None or found.first_audio_seconds is None:
        console.print(f"{found.state}: not spoken yet; ask again at {url}")
        return
    voice = found.voice
    who = f"the king of {voice.track}" if voice.king else f"{voice.hotkey} of {voice.track}"
    console.print(Text(printable(f"{who}: {voice.repo}@{voice.revision[:12]}, submission {voice.submission_id}")))
    said = f"first sound after {found.first_audio_seconds:.1f} s (waited {found.waited_seconds or 0.0:.1f} s, "
    console.print(f"{said}spoke {found.speak_seconds or 0.0:.1f} s), {found.seconds:.1f} s long")
    console.print(Text(printable(found.disclosure)))
    console.print(Text(f"{url}/audio" if out is None else printable(str(out))))
