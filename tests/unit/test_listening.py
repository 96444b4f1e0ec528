"""Copies and pictures of a clip: what they keep of it, and that each is made once."""

import asyncio
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scoring.errors import Code, PlatformError
from voice_api.errors import TooManyRequests
from voice_api.web.listening import cache, pictures
from voice_api.web.listening.cache import DerivedCache
from voice_api.web.listening.derived import Derived, derive
from voice_api.web.listening.sound import SILENT, Sound, decoded, loudness, opus, resampled

ONE, OTHER = "a" * 64, "b" * 64


def tone(hertz: float = 997.0, *, rate: int = 24_000, seconds: float = 2.0, peak: float = 0.5) -> Sound:
    """A sine."""
    return Sound((peak * np.sin(2 * np.pi * hertz * np.arange(round(rate * seconds)) / rate)).astype(np.float32), rate)


def flac(sound: Sound) -> bytes:
    """As the store keeps it."""
    file = io.BytesIO()
    soundfile.write(file, sound.samples, sound.rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000])
def test_a_tone_at_any_rate_is_as_loud_as_the_standard_says(rate: int) -> None:
    """BS.1770's own check: 0 dBFS at 997 Hz measures -3.01 LUFS; half the amplitude is 6.02 LU less."""
    assert loudness(tone(rate=rate, peak=0.5)) == pytest.approx(-3.01 - 6.02, abs=0.06)


def test_pauses_make_no_voice_softer() -> None:
    """Blocks that are far below the rest do not count, and silence is -70."""
    voice = tone()
    padded = Sound(np.pad(voice.samples, (0, 10 * voice.rate)), voice.rate)
    assert loudness(padded) == pytest.approx(loudness(voice), abs=0.4)
    assert loudness(Sound(np.zeros(24_000, np.float32), 24_000)) == SILENT


@pytest.mark.parametrize("samples", [1, 100, 5_000])
def test_a_clip_shorter_than_a_block_has_a_loudness_and_pictures(samples: int) -> None:
    """It is one with silence behind it."""
    short = Sound(tone().samples[:samples], 24_000)
    assert SILENT <= loudness(short) < 0.0
    assert pictures.spectrogram(short).startswith(b"\x89PNG") and pictures.waveform(short).count("L") == 2 * pictures.COLUMNS - 1


def test_another_rate_keeps_the_tone() -> None:
    """The same sine, sampled more often."""
    found = resampled(tone(440.0, rate=22_050), 48_000)
    assert (found.rate, len(found.samples)) == (48_000, 96_000)
    middle = slice(4_800, -4_800)
    assert np.abs(found.samples - tone(440.0, rate=48_000).samples)[middle].max() < 1e-3


@pytest.mark.parametrize(("rate", "packed"), [(24_000, 24_000), (22_050, 48_000), (16_000, 16_000), (44_100, 48_000)])
def test_the_small_copy_is_small_and_sounds_alike(rate: int, packed: int) -> None:
    """Opus at a rate that the codec takes, a fifth of the FLAC of a noisy clip at most, with the clip's length and loudness."""
    noise = np.random.default_rng(1).normal(0.0, 0.1, rate * 3).astype(np.float32)
    clip = Sound(tone(300.0, rate=rate, seconds=3.0).samples + noise, rate)
    copy = opus(clip)
    found, at = soundfile.read(io.BytesIO(copy), dtype="float32")
    assert (at in (packed, 48_000), soundfile.info(io.BytesIO(copy)).subtype) == (True, "OPUS")
    assert len(found) / at == pytest.approx(3.0, abs=0.03)
    assert loudness(Sound(found, at)) == pytest.approx(loudness(clip), abs=1.0)
    assert len(copy) < len(flac(clip)) / 3


def test_a_spectrogram_shows_a_tone_at_its_frequency() -> None:
    """The brightest band is the one whose middle lies nearest to the tone; higher tones stand higher."""
    for hertz in (200.0, 1_000.0, 4_000.0):
        power = pictures.mel_power(tone(hertz)).mean(axis=0)
        middles = pictures.hertz_at(np.linspace(0.0, 1.0, pictures.BANDS + 2))[1:-1]
        assert abs(int(power.argmax()) - int(np.abs(middles - hertz).argmin())) <= 1


def test_a_spectrogram_is_a_png() -> None:
    """Its header says its size, its rows fill it, and the long clip's picture is no wider than the widest."""
    data = pictures.spectrogram(tone(seconds=20.0))
    width, height, depth, colours = struct.unpack(">IIBB", data[16:26])
    start = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[start - 4 : start])
    rows = zlib.decompress(data[start + 4 : start + 4 + length])
    assert (height, depth, colours) == (pictures.BANDS * pictures.ROW_PIXELS, 8, 3)
    assert len(rows) == height * (width + 1) and 700 <= width <= pictures.MOST_COLUMNS + 1


def test_a_waveform_reaches_as_far_as_the_clip() -> None:
    """Half of full scale fills the middle half of the picture."""
    path = pictures.waveform(tone(peak=0.5)).split('d="M')[1].split("Z")[0]
    heights = [float(point.split(" ")[1]) for point in path.split("L")]
    assert (min(heights), max(heights)) == pytest.approx((pictures.HEIGHT / 4, 3 * pictures.HEIGHT / 4), abs=0.5)


def test_what_is_no_sound_is_refused_by_code() -> None:
    """A file of the store that was damaged gives a reason, not a stack."""
    with pytest.raises(PlatformError) as refusal:
        derive(Derived.WAVEFORM, b"no sound")
    assert refusal.value.code is Code.AUDIO_INVALID


def files(folder: Path, name: str = "") -> list[Path]:
    """The files of a folder, in order."""
    return sorted(path for path in folder.rglob(f"{name}*") if path.is_file())


class Store:
    """Files that count how often they are read."""

    def __init__(self) -> None:
        self.reads = 0
        self.file = flac(tone(seconds=0.5))

    def read(self) -> bytes:
        """The one file."""
        self.reads += 1
        return self.file


@pytest.fixture(params=["folder", "memory"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> DerivedCache:
    """A cache of either kind."""
    return DerivedCache(tmp_path if request.param == "folder" else None, 1 << 20)


async def test_a_copy_is_made_once(kept: DerivedCache) -> None:
    """The second time nothing is read; another clip, or another kind, is another copy."""
    store = Store()
    first = await kept.get(Derived.OPUS, ONE, store.read)
    assert (await kept.get(Derived.OPUS, ONE, store.read), store.reads) == (first, 1)
    await kept.get(Derived.WAVEFORM, ONE, store.read)
    await kept.get(Derived.OPUS, OTHER, store.read)
    assert store.reads == 3
    assert decoded(first, 60.0).seconds == pytest.approx(0.5, abs=0.03)


async def test_the_folder_keeps_to_its_cap(tmp_path: Path) -> None:
    """What was not asked for longest goes first, and another process's files count."""
    store, digests = Store(), [f"{number:064x}" for number in range(4)]
    size = len(derive(Derived.WAVEFORM, store.file))
    copies = DerivedCache(tmp_path, round(3.5 * size))
    for age, digest in enumerate(digests[:3]):
        await copies.get(Derived.WAVEFORM, digest, store.read)
        (path,) = files(tmp_path, digest)
        os.utime(path, (age, age))
    await copies.get(Derived.WAVEFORM, digests[0], store.read)  # used again: it is the youngest now
    await DerivedCache(tmp_path, round(3.5 * size)).get(Derived.WAVEFORM, digests[3], store.read)
    assert [path.stem for path in files(tmp_path)] == [digests[0], digests[2], digests[3]]


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no folder is named, the longest unused copy makes room."""
    store = Store()
    size = len(derive(Derived.WAVEFORM, store.file))
    monkeypatch.setattr(cache, "MEMORY_BYTES", 2 * size)
    copies = DerivedCache(None, 1)
    for digest in (ONE, OTHER, ONE, "c" * 64, ONE):
        await copies.get(Derived.WAVEFORM, digest, store.read)
    assert store.reads == 3
    await copies.get(Derived.WAVEFORM, OTHER, store.read)
    assert store.reads == 4


async def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path) -> None:
    """The copy is given all the same."""
    (tmp_path / "copies").write_text("a file in the folder's place")
    copies, store = DerivedCache(tmp_path / "copies", 1 << 20), Store()
    assert await copies.get(Derived.WAVEFORM, ONE, store.read) == await copies.get(Derived.WAVEFORM, ONE, store.read)
    assert store.reads == 2


async def test_a_crowd_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than may wait are refused with a time, and those who waited are served."""
    monkeypatch.setattr(cache, "MOST_WAITING", 3)
    copies, store = DerivedCache(None, 1), Store()
    asked = [copies.get(Derived.WAVEFORM, f"{number:064x}", store.read) for number in range(10)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, TooManyRequests)]
    assert (len(refused), len([answer for answer in answers if isinstance(answer, bytes)])) == (7, 3)
