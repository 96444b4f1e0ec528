"""Sounds that a stranger keeps are unpacked in the sandbox, and compared with their hashes."""

import hashlib
import io
from collections.abc import Callable

import numpy as np
import pytest
import soundfile

from scoring.audio.kept_sound import SampleChanged, kept_pcm
from workers.verify.foreign_sounds import kept_pcm_in_sandbox

SAMPLES = np.arange(-4_000, 4_000, dtype=np.int16)
PCM = SAMPLES.astype("<i2").tobytes()
NAME = hashlib.sha256(PCM).hexdigest()
MOST = 1_000_000


def flac(samples: "np.ndarray[tuple[int, ...], np.dtype[np.int16]]" = SAMPLES) -> bytes:
    """A kept file."""
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def test_a_kept_sound_comes_out_as_outside() -> None:
    """Bit by bit, and with its rate."""
    assert kept_pcm_in_sandbox(flac(), NAME, MOST) == kept_pcm(flac(), NAME, MOST) == (PCM, 16_000)


@pytest.mark.parametrize(
    ("file", "most", "why"),
    [
        pytest.param(lambda: flac(SAMPLES[::-1]), MOST, "was changed", id="another sound"),
        pytest.param(lambda: flac()[:100], MOST, "cannot be read", id="a torn file"),
        pytest.param(lambda: b"PK\x03\x04" * 100, MOST, "cannot be read", id="an archive"),
        pytest.param(flac, 100, "was changed", id="more than any model may speak"),
    ],
)
def test_what_is_not_the_sound_is_told(file: Callable[[], bytes], most: int, why: str) -> None:
    """Under the same error as outside."""
    with pytest.raises(SampleChanged, match=why):
        kept_pcm_in_sandbox(file(), NAME, most)
