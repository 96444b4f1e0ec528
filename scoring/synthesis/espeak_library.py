"""espeak-ng through ctypes. The library is GPL-3: import this module in the guest process only."""

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import espeakng_loader
import numpy as np

from scoring.synthesis.synthesiser import Waveform

_SYNCHRONOUS, _UTF8, _POSITION_CHARACTER = 2, 1, 1
_RETURN_ERRORS, _IPA = 0x8000, 2
_RATE, _AMPLITUDE, _PITCH, _RANGE, _WORD_GAP = 1, 2, 3, 4, 7
"""espeak-ng's numbers for its parameters."""

_libc = ctypes.CDLL(None)
_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True, kw_only=True)
class EspeakSettings:
    """Settings of an utterance, in espeak-ng's own units."""

    voice: str
    """By name."""
    rate: int
    """Words per minute."""
    pitch: int
    """0 … 99."""
    range: int
    """Of pitch, 0 … 99."""
    amplitude: int
    """0 … 200."""
    word_gap: int
    """Between words, in 10 ms."""


def sample_rate() -> int:
    """The library's rate, in Hz."""
    with _loaded() as (_, rate):
        return rate


def say(text: str, settings: EspeakSettings) -> Waveform:
    """Speak a text; raises ValueError for a voice or a text that espeak-ng does not take."""
    chunks: list[bytes] = []

    def collect(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            chunks.append(ctypes.string_at(samples, 2 * count))
        return 0

    callback = _Callback(collect)  # held here: the library keeps only its address
    with _loaded() as (library, _):
        library.espeak_SetSynthCallback(callback)
        _apply(library, settings)
        raw = text.encode() + b"\0"
        whole_text = (0, _POSITION_CHARACTER, 0)
        status = library.espeak_Synth(raw, ctypes.c_size_t(len(raw)), *whole_text, *(_UTF8, None, None))
    if status != 0:
        raise ValueError(f"espeak-ng cannot say this text (status {status})")
    return np.frombuffer(b"".join(chunks), dtype="<i2").astype(np.float32) / np.float32(32768.0)


def phonemes(clauses: Sequence[str], voice: str) -> list[str]:
    """Clauses without punctuation in the alphabet of the IPA, as the voice reads them; raises ValueError for a voice that is not there."""
    with _loaded() as (library, _):
        library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        _choose(library, voice)
        return [" ".join(_phonemes(library, clause)) for clause in clauses]


def _phonemes(library: Any, clause: str) -> Iterator[str]:
    """What the library makes of a clause, which it reads in as many steps as it likes."""
    rest = ctypes.c_char_p(clause.encode())
    while rest.value is not None:
        read = library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA)
        if read:
            yield read.decode()


@contextmanager
def _loaded() -> Iterator[tuple[Any, int]]:
    """A fresh copy of the library, and its rate. It keeps state from one utterance to the next that no call of its own resets."""
    library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
    try:
        rate = int(library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _RETURN_ERRORS))
        if rate <= 0:
            raise OSError("espeak-ng cannot read its own data")
        _libc.srand(1)
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath is noise, and starts from the time of day
        yield library, rate
        library.espeak_Terminate()
    finally:
        _libc.dlclose(ctypes.c_void_p(library._handle))


def _choose(library: Any, voice: str) -> None:
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"espeak-ng has no voice {voice[:40]!r}")


def _apply(library: Any, settings: EspeakSettings) -> None:
    _choose(library, settings.voice)
    for parameter, value in (
        (_RATE, settings.rate),
        (_AMPLITUDE, settings.amplitude),
        (_PITCH, settings.pitch),
        (_RANGE, settings.range),
        (_WORD_GAP, settings.word_gap),
    ):
        library.espeak_SetParameter(parameter, value, 0)
