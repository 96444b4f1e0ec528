"""Decoding: every accepted form gives the same sound, and every other file its reason, never a library's exception."""

import io
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from scoring.audio.audio import Audio, from_file
from scoring.errors import Code, PlatformError

RATE = 16_000


def sine(seconds: float = 0.25, rate: int = RATE, amplitude: float = 0.5) -> NDArray[np.float64]:
    wave: NDArray[np.float64] = amplitude * np.sin(2 * np.pi * 440.0 * np.arange(round(seconds * rate)) / rate)
    return wave


def encoded(wave: NDArray[np.float64], container: str = "WAV", subtype: str = "PCM_16", rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, wave, rate, format=container, subtype=subtype)
    return file.getvalue()


def reason(source: bytes | Path) -> str:
    with pytest.raises(PlatformError) as caught:
        from_file(source)
    assert caught.value.code is Code.AUDIO_INVALID
    return caught.value.detail


@pytest.mark.parametrize(
    ("container", "subtype", "tolerance"),
    [
        pytest.param("WAV", "PCM_U8", 2**-7, id="wav 8 bit"),
        pytest.param("WAV", "PCM_16", 2**-15, id="wav 16 bit"),
        pytest.param("WAV", "PCM_24", 2**-22, id="wav 24 bit"),
        pytest.param("WAV", "PCM_32", 2**-22, id="wav 32 bit"),
        pytest.param("WAV", "FLOAT", 2**-22, id="wav float"),
        pytest.param("WAV", "DOUBLE", 2**-22, id="wav double"),
        pytest.param("WAVEX", "PCM_24", 2**-22, id="wav extensible"),
        pytest.param("FLAC", "PCM_S8", 2**-7, id="flac 8 bit"),
        pytest.param("FLAC", "PCM_16", 2**-15, id="flac 16 bit"),
        pytest.param("FLAC", "PCM_24", 2**-22, id="flac 24 bit"),
        pytest.param("OGG", "VORBIS", 0.05, id="ogg vorbis"),
        pytest.param("OGG", "OPUS", 0.15, id="ogg opus"),
    ],
)
def test_every_encoding_is_the_same_sound(container: str, subtype: str, tolerance: float) -> None:
    """Within what its bits can hold, at its own rate, as mono float32."""
    audio = from_file(encoded(sine(), container, subtype))
    assert (audio.rate, audio.samples.dtype, audio.samples.shape) == (RATE, torch.float32, (4000,))
    assert float((audio.samples - torch.from_numpy(sine())).abs().max()) <= tolerance


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 96_000, 192_000])
def test_every_rate_is_kept(rate: int) -> None:
    """Decoding does not resample."""
    audio = from_file(encoded(sine(rate=rate), rate=rate))
    assert (audio.rate, audio.samples.shape[0]) == (rate, sine(rate=rate).shape[0])


@pytest.mark.parametrize("channels", [2, 6])
def test_channels_are_averaged(channels: int) -> None:
    """One channel of several that are silent keeps its share of the amplitude."""
    wave = np.zeros((4000, channels))
    wave[:, 0] = sine()
    expected = torch.from_numpy(sine() / channels)
    assert torch.allclose(from_file(encoded(wave)).samples.double(), expected, atol=2**-15)


def test_more_than_a_block_is_read_whole() -> None:
    """Nothing is lost or repeated where blocks meet."""
    wave = np.stack([np.linspace(-1.0, 1.0, 300_000)] * 2, axis=1)
    decoded = from_file(encoded(wave, "FLAC", "PCM_24", 192_000)).samples.double()
    assert torch.allclose(decoded, torch.from_numpy(wave[:, 0]), atol=2**-22)


def test_floats_beyond_full_scale_are_cut_off() -> None:
    """Each channel by itself, before they are averaged."""
    wave = np.array([[3.0, -1.0], [1e30, 1.0]])
    assert from_file(encoded(wave, subtype="FLOAT")).samples.tolist() == [0.0, 1.0]


def test_a_path_is_read_like_its_bytes(tmp_path: Path) -> None:
    """The file's name says nothing about its format."""
    (tmp_path / "clip.mp3").write_bytes(encoded(sine()))
    assert torch.equal(from_file(tmp_path / "clip.mp3").samples, from_file(encoded(sine())).samples)


def test_a_piped_wav_ends_with_its_file() -> None:
    """Its header says 'length unknown', and every player plays it."""
    file = encoded(sine())
    piped = file[:4] + b"\xff" * 4 + file[8:40] + b"\xff" * 4 + file[44:]
    assert torch.equal(from_file(piped).samples, from_file(file).samples)


def with_nan(value: float) -> bytes:
    wave = sine()
    wave[1000] = value
    return encoded(wave, subtype="FLOAT")


def claiming(length: int) -> bytes:
    file = encoded(sine())
    return file[:40] + struct.pack("<I", length) + file[44:]


def flac_claiming(frames: int) -> bytes:
    """The last 36 bits of the 8 bytes from byte 18 are the number of frames."""
    file = encoded(sine(), "FLAC")
    (packed,) = struct.unpack(">Q", file[18:26])
    return file[:18] + struct.pack(">Q", packed >> 36 << 36 | frames) + file[26:]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        pytest.param(lambda: b"", "neither WAV nor FLAC nor OGG", id="nothing"),
        pytest.param(lambda: b"RI", "neither WAV nor FLAC nor OGG", id="two bytes"),
        pytest.param(lambda: b"hello, this is no sound" * 100, "neither WAV nor FLAC nor OGG", id="text"),
        pytest.param(lambda: encoded(sine(), "AIFF"), "neither WAV nor FLAC nor OGG", id="aiff"),
        pytest.param(lambda: encoded(sine(), "MP3", "MPEG_LAYER_III"), "neither WAV nor FLAC nor OGG", id="mp3"),
        pytest.param(lambda: encoded(sine(), "WAV", "ULAW"), "encoding ULAW is not accepted", id="mu-law"),
        pytest.param(lambda: encoded(sine(), "WAV", "IMA_ADPCM"), "encoding IMA_ADPCM is not accepted", id="adpcm"),
        pytest.param(lambda: encoded(sine())[:30], "cannot be decoded", id="torn wav header"),
        pytest.param(lambda: encoded(sine(), "FLAC")[:30], "cannot be decoded", id="torn flac header"),
        pytest.param(lambda: encoded(sine(), "OGG", "VORBIS")[:200], "last page is missing", id="torn ogg header"),
        pytest.param(lambda: encoded(sine())[:5000], "less sound than its header says", id="torn wav data"),
        pytest.param(lambda: encoded(sine(), "FLAC")[:-700], "cannot be decoded", id="torn flac data"),
        pytest.param(lambda: encoded(sine(2.0), "OGG", "VORBIS")[:-2000], "last page is missing", id="torn ogg data"),
        pytest.param(lambda: encoded(sine(0.0)), "no samples", id="0 samples"),
        pytest.param(lambda: claiming(0), "no samples", id="a length of 0"),
        pytest.param(lambda: claiming(1 << 31), "less sound than its header says", id="claims two gigabytes"),
        pytest.param(lambda: encoded(sine(), "RF64"), "neither WAV nor FLAC nor OGG", id="wav beyond four gigabytes"),
        pytest.param(lambda: flac_claiming((1 << 36) - 1), "longer than 600 seconds", id="flac claims days"),
        pytest.param(lambda: flac_claiming(5000), "cannot be decoded", id="flac claims a little more"),
        pytest.param(lambda: encoded(np.zeros(8_000 * 600 + 1), "FLAC", rate=8_000), "longer than 600", id="over 10 minutes"),
        pytest.param(lambda: encoded(sine(rate=7_999), rate=7_999), "7999 Hz is outside", id="rate too low"),
        pytest.param(lambda: encoded(sine(rate=192_001), rate=192_001), "192001 Hz is outside", id="rate too high"),
        pytest.param(lambda: encoded(np.zeros((100, 65))), "65 channels are more than", id="channels"),
        pytest.param(lambda: with_nan(float("nan")), "NaN or infinite", id="nan"),
        pytest.param(lambda: with_nan(float("-inf")), "NaN or infinite", id="infinity"),
        pytest.param(lambda: encoded(np.array([1e300]), "WAV", "DOUBLE"), "NaN or infinite", id="beyond float32"),
    ],
)
def test_says_what_is_wrong(source: Callable[[], bytes], why: str) -> None:
    """One sentence with the reason, under AUDIO_INVALID."""
    assert why in reason(source())


def test_ten_minutes_are_accepted() -> None:
    """To the last frame."""
    assert from_file(encoded(np.zeros(8_000 * 600), "FLAC", rate=8_000)).seconds == 600.0


def test_a_path_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    """A file that is not there, and a folder."""
    assert reason(tmp_path / "none.wav") == "the file cannot be read: No such file or directory"
    assert reason(tmp_path) == f"{tmp_path} is no file"


@cache
def originals() -> tuple[bytes, ...]:
    """Files of a few kilobytes in every container, with a second channel in some."""
    stereo = np.stack([sine(0.1), sine(0.1, amplitude=0.1)], axis=1)
    return (
        encoded(sine(0.1)),
        encoded(stereo, subtype="FLOAT"),
        encoded(sine(0.1), "WAVEX", "PCM_24"),
        encoded(stereo, "FLAC"),
        encoded(sine(0.1), "OGG", "VORBIS"),
        encoded(sine(0.1), "OGG", "OPUS"),
    )


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A valid file with up to eight bytes changed, most of them in its header, cut off anywhere or not at all."""
    file = bytearray(draw(st.sampled_from(originals())))
    places = st.one_of(st.integers(0, 120), st.integers(0, len(file) - 1))
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=8)):
        file[place] = value
    return bytes(file[: draw(st.one_of(st.just(len(file)), st.integers(0, len(file))))])


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_damage_is_a_sound_or_a_coded_error(file: bytes) -> None:
    """Whatever bytes were changed or cut, it is a finite mono sound within the limits, or AUDIO_INVALID."""
    try:
        audio = from_file(file)
    except PlatformError as exc:
        assert exc.code is Code.AUDIO_INVALID and exc.detail
        return
    assert isinstance(audio, Audio)
    assert 0.0 < audio.seconds <= 600.0 and 8_000 <= audio.rate <= 192_000
    assert float(audio.samples.abs().max()) <= 1.0
