"""How alike two sounds are, wave by wave: what tells a model whose weights were rewritten, and whose sound was not.

Models that were trained apart say the same prompt with other pitch periods and other noise, and a wave of theirs does not follow the
other's for long, however alike they sound.
"""

import numpy as np
from numpy.typing import NDArray


def similarity(one: bytes, other: bytes) -> float:
    """The highest normalised cross-correlation of two sounds over all lags: 0 (nothing in common) … 1 (the same wave).

    Signed 16-bit little-endian mono of the same rate. Neither loudness, sign, an offset nor silence before or after counts. Silence is
    like nothing: 0.
    """
    left, right = _centred(one), _centred(other)
    size = len(left) + len(right) - 1
    energy = float(np.sqrt((left @ left) * (right @ right)))
    if size < 1 or energy == 0.0:
        return 0.0
    points = 1 << (size - 1).bit_length()
    product = np.fft.irfft(np.fft.rfft(left, points) * np.conj(np.fft.rfft(right, points)), points)
    return min(1.0, float(np.abs(product).max()) / energy)


def _centred(pcm: bytes) -> NDArray[np.float64]:
    wave = np.frombuffer(pcm, "<i2").astype(np.float64)
    return wave - wave.mean() if len(wave) else wave
