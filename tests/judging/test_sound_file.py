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
from scoring.audio.sound_file import read
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


NO_LENGTHS = (
    0,
    0x7FFF_FFFF,
    0x7FFF_F000,
    0x7FFF_FFFF - 36,
    0x8000_0000,
    2_000_000_000,
    0xFFFF_FFFF,
    0xFFFF_FFFF - 36,
    0xFFFF_FF00,
)
"""What programs leave in the header of a WAV file that they write into a pipe, and cannot go back in."""


def piped(length: int, container: str = "WAV", subtype: str = "PCM_16", behind: bytes = b"") -> bytes:
    """A good WAV file whose header was never finished."""
    file = encoded(sine(), container, subtype)
    place = file.index(b"data") + 4
    whole = struct.pack("<I", min(0xFFFF_FFFF, length + place - 4)) if length else b"\0" * 4
    return file[:4] + whole + file[8:place] + struct.pack("<I", length) + file[place + 4 :] + behind


@pytest.mark.parametrize("length", NO_LENGTHS)
@pytest.mark.parametrize(("container", "subtype"), [("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAVEX", "PCM_24"), ("WAV", "FLOAT")])
def test_a_piped_wav_ends_with_its_file(length: int, container: str, subtype: str) -> None:
    """Its header says nothing of use about its length, and every player plays it."""
    whole = from_file(encoded(sine(), container, subtype)).samples
    assert torch.equal(from_file(piped(length, container, subtype)).samples, whole)


def test_an_odd_byte_at_the_end_of_a_pipe_is_no_sample() -> None:
    """Half a sample is left out."""
    assert torch.equal(from_file(piped(0, behind=b"\x01")).samples, from_file(encoded(sine())).samples)


def test_an_empty_wav_with_notes_behind_it_is_empty() -> None:
    """A length of 0 is none only where what follows is no chunk."""
    notes = b"LIST" + struct.pack("<I", 12) + b"INFOISFT" + struct.pack("<I", 0)
    assert reason(encoded(sine(0.0)) + notes) == "the file holds no samples"


def id3(size: int, *, footer: bool = False) -> bytes:
    """A tag of version 2.4: seven bits of its length in each of four bytes."""
    length = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\x00" + (b"\x10" if footer else b"\x00") + length + b"TIT2" * (size // 4) + b"\0" * (size % 4 + 10 * footer)


@pytest.mark.parametrize("size", [0, 10, 127, 128, 70_001])
@pytest.mark.parametrize(
    ("container", "subtype"), [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("RF64", "PCM_16"), ("WAVEX", "PCM_24")]
)
def test_tags_in_front_are_skipped(size: int, container: str, subtype: str) -> None:
    """Of any length, with a footer or another tag behind them."""
    file = encoded(sine(), container, subtype)
    expected = from_file(file).samples
    assert torch.equal(from_file(id3(size) + file).samples, expected)
    assert torch.equal(from_file(id3(size, footer=True) + id3(3) + file).samples, expected)


def test_a_piped_wav_behind_a_tag() -> None:
    """Both kinds in one file."""
    assert torch.equal(from_file(id3(99) + piped(0)).samples, from_file(encoded(sine())).samples)


def test_a_tag_that_is_no_tag_is_named() -> None:
    """A tag without a sound behind it, and one that claims more than the file holds."""
    assert reason(id3(50)) == reason(id3(50)[:20] + encoded(sine())) == "the file is neither WAV nor FLAC nor OGG"


@pytest.mark.parametrize(
    ("container", "subtype", "tolerance"),
    [
        ("OGG", "VORBIS", 0.05),
        ("OGG", "OPUS", 0.15),
        ("FLAC", "PCM_16", 2**-15),
        ("WAV", "PCM_16", 2**-15),
        ("RF64", "PCM_24", 2**-22),
    ],
)
@pytest.mark.parametrize("count", [2, 5])
def test_streams_in_a_row_are_one_sound(container: str, subtype: str, tolerance: float, count: int) -> None:
    """Files that were put one behind the other: all of them, in order."""
    waves = [sine(0.25 + index / 8, amplitude=0.1 * (index + 1)) for index in range(count)]
    chained = b"".join(encoded(wave, container, subtype) for wave in waves)
    expected = torch.from_numpy(np.concatenate(waves))
    found = from_file(chained).samples
    assert found.shape == expected.shape
    assert float((found - expected).abs().max()) <= tolerance


@pytest.mark.parametrize(("container", "subtype"), [("OGG", "VORBIS"), ("FLAC", "PCM_16"), ("WAV", "PCM_16")])
def test_streams_of_two_rates_are_refused(container: str, subtype: str) -> None:
    """Nothing is resampled, so they are no one sound."""
    file = encoded(sine(), container, subtype) + encoded(sine(rate=24_000), container, subtype, 24_000)
    assert reason(file) == "it holds several sounds, of 16000 and 24000 Hz"


@pytest.mark.parametrize(("container", "subtype"), [("OGG", "VORBIS"), ("FLAC", "PCM_16"), ("WAV", "PCM_16")])
def test_streams_in_a_row_are_too_long_together(container: str, subtype: str) -> None:
    """And no more of them than anybody needs."""
    one = encoded(sine(0.4), container, subtype)
    with pytest.raises(PlatformError, match="longer than 1 seconds"):
        read(one * 3, most_seconds=1.0)
    assert reason(one * 65) == "more than 64 sounds in one file"


@pytest.mark.parametrize(("container", "subtype"), [("OGG", "VORBIS"), ("FLAC", "PCM_16")])
def test_a_second_stream_that_breaks_off_is_told(container: str, subtype: str) -> None:
    """Neither is the file judged by its first part alone."""
    one = encoded(sine(), container, subtype)
    assert reason(one + one[:-200]) in ("the file breaks off: its last page is missing", reason(one[:-200]))


def test_a_picture_in_a_flac_is_no_stream() -> None:
    """Its own metadata may hold anything, another FLAC too."""
    file = encoded(sine(), "FLAC")
    picture = b"fLaC\x00\x00\x00\x22" + bytes(40)
    block = b"\x02" + len(picture).to_bytes(3, "big") + picture  # APPLICATION, behind the stream's information
    assert torch.equal(from_file(file[:42] + block + file[42:]).samples, from_file(file).samples)


def test_a_flac_from_a_pipe_ends_with_its_file() -> None:
    """It states no length; one that is too long is refused none the less."""
    file = flac_claiming(0)
    assert torch.equal(from_file(file).samples, from_file(encoded(sine(), "FLAC")).samples)
    with pytest.raises(PlatformError, match=r"longer than 0\.2 seconds"):
        read(file, most_seconds=0.2)


@pytest.mark.parametrize("length", [None, 0, (1 << 63) - 1, 0xFFFF_FFFF, 2_000_000_000])
def test_the_wide_form_is_read(length: int | None) -> None:
    """RF64: a WAV whose lengths have 64 bits, written as such whatever its size, or into a pipe."""
    plain = encoded(sine())
    fmt, sound = plain[12:36], plain[44:]
    wide = struct.pack("<QQQI", len(plain) + 28, len(sound) if length is None else length, len(sound) // 2, 0)
    file = b"RF64" + b"\xff" * 4 + b"WAVEds64" + struct.pack("<I", 28) + wide + fmt + b"data" + b"\xff" * 4 + sound
    assert torch.equal(from_file(file).samples, from_file(plain).samples)


def test_the_wide_form_has_two_names() -> None:
    """BW64 is RF64 with another mark."""
    file = encoded(sine(), "RF64")
    assert torch.equal(from_file(b"BW64" + file[4:]).samples, from_file(file).samples)


def test_sounds_of_two_forms_in_one_file_are_refused() -> None:
    """Not judged by the first of them."""
    assert reason(encoded(sine()) + encoded(sine(), "FLAC")) == "it holds sounds of several forms"


def test_a_wide_form_that_breaks_off_is_told() -> None:
    """Its true length is known."""
    assert reason(encoded(sine(), "RF64")[:-100]) == "the file holds less sound than its header says"


def test_a_recording_of_a_studio_is_read() -> None:
    """96 kHz, 24 bits, two channels."""
    stereo = np.stack([sine(rate=96_000)] * 2, axis=1)
    audio = from_file(encoded(stereo, "WAV", "PCM_24", 96_000))
    assert audio.rate == 96_000
    assert torch.allclose(audio.samples.double(), torch.from_numpy(stereo[:, 0]), atol=2**-22)


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
        pytest.param(lambda: claiming(9_000), "less sound than its header says", id="claims a little more"),
        pytest.param(lambda: claiming(900_000_000), "less sound than its header says", id="claims hours"),
        pytest.param(lambda: flac_claiming((1 << 36) - 1), "longer than 600 seconds", id="flac claims days"),
        pytest.param(lambda: flac_claiming(5000), "less sound than its header says", id="flac claims a little more"),
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
        encoded(sine(0.1), "RF64"),
        piped(0),
        id3(40) + encoded(sine(0.1), "FLAC") * 2,
        encoded(sine(0.1), "OGG", "VORBIS") * 2,
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
