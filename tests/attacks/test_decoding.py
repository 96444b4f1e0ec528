"""A stranger's sound file attacks whoever decodes it: it becomes a sound or a reason in bounded time and memory, behind the same walls."""

import io
import struct
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from scoring.errors import Code, InfrastructureFault, PlatformError
from tests.attacks.conftest import Guests
from workers.sandbox.decode_upload import SECONDS, Decoded, decode

HOSTILE = str(Path(__file__).with_name("hostile_decoder.py"))
RATE = 16_000
MOST_SECONDS = 30.0


@pytest.fixture(autouse=True)
def _nothing_is_left(tmp_path: Path, guests: Guests) -> Iterator[None]:
    """After every attack: no guest, no upload, no scratch folder."""
    yield
    assert guests() == []
    assert list(tmp_path.iterdir()) == []


def encoded(samples: np.ndarray, container: str = "WAV", subtype: str = "PCM_16", rate: int = RATE) -> bytes:
    """A sound file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=container, subtype=subtype)
    return file.getvalue()


def ramp(count: int = 4_000) -> np.ndarray:
    """Samples that 16 bits hold exactly."""
    return np.arange(count, dtype=np.int16)


def refusal(tmp_path: Path, upload: bytes) -> str:
    """Why the project's own decoder refuses a file."""
    with pytest.raises(PlatformError) as caught:
        decode(tmp_path, upload, MOST_SECONDS)
    assert caught.value.code is Code.AUDIO_INVALID
    return caught.value.detail


@pytest.mark.parametrize("container", ["WAV", "FLAC"])
def test_a_sound_comes_out_bit_by_bit(tmp_path: Path, container: str) -> None:
    """16-bit sound is neither resampled nor rounded."""
    assert decode(tmp_path, encoded(ramp(), container), MOST_SECONDS) == Decoded(RATE, ramp().astype("<i2").tobytes())


def test_a_rate_of_studios_comes_out(tmp_path: Path) -> None:
    """96 kHz, 24 bits, two channels: not resampled, so that the judges can say that no model may have that rate."""
    stereo = np.stack([ramp(9_600)] * 2, axis=1)
    found = decode(tmp_path, encoded(stereo.astype(np.float64) / 32768, "WAV", "PCM_24", 96_000), MOST_SECONDS)
    assert found == Decoded(96_000, ramp(9_600).astype("<i2").tobytes())


def test_the_highest_rate_fills_no_more_than_its_bound(tmp_path: Path) -> None:
    """Thirty seconds at 192 kHz are 11.5 MB of answer."""
    found = decode(tmp_path, encoded(np.zeros(192_000 * 30, dtype=np.int16), "FLAC", rate=192_000), MOST_SECONDS)
    assert (found.rate, len(found.pcm)) == (192_000, 192_000 * 30 * 2)


def test_lossy_sound_is_as_long_as_it_was(tmp_path: Path) -> None:
    """OGG Vorbis is decoded too, and its rate kept."""
    found = decode(tmp_path, encoded(np.sin(np.arange(22_050) / 20) / 2, "OGG", "VORBIS", 22_050), MOST_SECONDS)
    assert (found.rate, len(found.pcm)) == (22_050, 44_100)


def flac_bomb() -> bytes:
    """An hour of silence in a few ten kilobytes."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", 8_000, 1, "PCM_16", format="FLAC") as sound:
        for _ in range(6):
            sound.write(np.zeros(8_000 * 600, dtype=np.int16))
    return file.getvalue()


def flac_with_frames(frames: int) -> bytes:
    """The bomb's little sister under a header that says how long it is; the number is the last 36 bits of byte 18 … 25."""
    file = encoded(np.zeros(8_000 * 600, dtype=np.int16), "FLAC", rate=8_000)
    (packed,) = struct.unpack(">Q", file[18:26])
    return file[:18] + struct.pack(">Q", packed >> 36 << 36 | frames) + file[26:]


def with_value(value: float) -> bytes:
    samples = np.zeros(4_000)
    samples[1_000] = value
    return encoded(samples, subtype="FLOAT")


@pytest.mark.parametrize(
    ("upload", "why"),
    [
        pytest.param(lambda: b"", "neither WAV nor FLAC nor OGG", id="nothing"),
        pytest.param(lambda: b"PK\x03\x04" * 100, "neither WAV nor FLAC nor OGG", id="an archive"),
        pytest.param(flac_bomb, "longer than 30 seconds", id="an hour of silence"),
        pytest.param(lambda: flac_with_frames((1 << 36) - 1), "longer than 30 seconds", id="a header that claims days"),
        pytest.param(lambda: flac_with_frames(0), "longer than 30 seconds", id="a header that claims no length"),
        pytest.param(lambda: encoded(np.zeros(RATE * 600, dtype=np.int16)), "longer than 30 seconds", id="ten minutes"),
        pytest.param(lambda: encoded(np.zeros(0, dtype=np.int16)), "no samples", id="0 samples"),
        pytest.param(lambda: encoded(ramp())[:20], "cannot be decoded", id="a torn header"),
        pytest.param(lambda: encoded(ramp(), "FLAC")[:20], "cannot be decoded", id="a torn FLAC header"),
        pytest.param(lambda: encoded(ramp())[:-1_000], "less sound than its header says", id="a torn end"),
        pytest.param(lambda: with_value(float("nan")), "NaN or infinite", id="NaN"),
        pytest.param(lambda: with_value(float("inf")), "NaN or infinite", id="infinity"),
        pytest.param(lambda: encoded(np.zeros((100, 65))), "65 channels are more than", id="65 channels"),
    ],
)
def test_a_file_is_refused_with_its_reason(tmp_path: Path, upload: Callable[[], bytes], why: str) -> None:
    """One sentence under AUDIO_INVALID, and never a failure of ours."""
    assert why in refusal(tmp_path, upload())


@pytest.mark.parametrize(
    ("attack", "why"),
    [
        pytest.param("loop", "busy for more than 3 s", id="a busy loop"),
        pytest.param("sleep", "busy for more than 3 s", id="a decoder that sleeps"),
        pytest.param("memory", "more than 512 MiB", id="memory without end"),
        pytest.param("segfault", "crashes a decoder", id="a segmentation fault"),
        pytest.param("abort", "crashes a decoder", id="an abort"),
        pytest.param("exit", "crashes a decoder", id="an end without an answer"),
        pytest.param("exception", "crashes a decoder", id="an exception"),
        pytest.param("garbage", "misbehave", id="garbage instead of an answer"),
        pytest.param("announce", "misbehave", id="two gigabytes announced"),
        pytest.param("odd", "misbehave", id="half a sample"),
        pytest.param("no rate", "misbehave", id="no rate"),
        pytest.param("another answer", "misbehave", id="an answer to another question"),
    ],
)
def test_a_file_that_takes_the_decoder_over_is_refused(tmp_path: Path, attack: str, why: str) -> None:
    """In time, because a good file is decoded on the same host right after."""
    began = time.monotonic()
    seconds = 3.0 if "busy" in why else SECONDS
    with pytest.raises(PlatformError, match=why) as caught:
        decode(tmp_path, attack.encode(), MOST_SECONDS, seconds=seconds, program=(HOSTILE,))
    assert caught.value.code is Code.AUDIO_INVALID
    assert time.monotonic() - began < 30.0


@pytest.mark.parametrize("attack", ["loop", "segfault"])
def test_a_host_that_decodes_nothing_is_ours(tmp_path: Path, attack: str) -> None:
    """A crash or a time-out says nothing about a file where a good one ends alike."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, RATE, 0, "NONE", ""))
        sound.writeframes(bytes(100))
    with pytest.raises(InfrastructureFault, match="not even a good file") as caught:
        decode(tmp_path, file.getvalue(), MOST_SECONDS, seconds=1.0, program=(HOSTILE, attack))
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE


def test_a_host_without_the_library_is_ours(tmp_path: Path) -> None:
    """A guest that cannot be started at all is no file's fault."""
    with pytest.raises(InfrastructureFault) as caught:
        decode(tmp_path, encoded(ramp()), MOST_SECONDS, program=("-m", "workers.sandbox.guest.nothing"))
    assert caught.value.code is Code.SANDBOX_UNAVAILABLE


LIBRARY_ELSEWHERE = """
import os, sys
from workers.sandbox.guest import decode
sys.path.insert(0, sys.argv[1])
def reader():
    import far_away
with os.fdopen(int(sys.argv[2]), "rb") as orders, os.fdopen(int(sys.argv[3]), "wb") as answers:
    decode.serve(orders, answers, reader)
"""
CODE_ELSEWHERE = """
import os, sys
from pathlib import Path
from workers.sandbox.guest import confine, decode
confine.CODE = Path(sys.argv[1])
with os.fdopen(int(sys.argv[2]), "rb") as orders, os.fdopen(int(sys.argv[3]), "wb") as answers:
    decode.serve(orders, answers)
"""


@pytest.mark.parametrize(
    ("guest", "why"),
    [
        pytest.param(LIBRARY_ELSEWHERE, "the decoder cannot be used on this host: .*'far_away'", id="a library"),
        pytest.param(CODE_ELSEWHERE, r"its guests, .* from \S+/elsewhere: `pip install --editable", id="the project itself"),
    ],
)
def test_code_that_lies_where_no_guest_may_read_is_named(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, guest: str, why: str
) -> None:
    """An install elsewhere is told as what it is: nothing is wrong with the kernel, and no file is to blame."""
    elsewhere = tmp_path_factory.mktemp("install") / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "far_away.py").write_text("")
    (elsewhere / "guest.py").write_text(guest)
    with pytest.raises(InfrastructureFault, match=why) as caught:
        decode(tmp_path, encoded(ramp()), MOST_SECONDS, program=(str(elsewhere / "guest.py"), str(elsewhere)))
    assert caught.value.code is Code.LIBRARY_MISSING
