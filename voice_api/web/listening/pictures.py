"""Pictures of a clip: its waveform as SVG and its spectrogram as PNG, drawn by hand so that nothing else has to be installed."""

import struct
import zlib
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from voice_api.web.listening.sound import Sound

COLUMNS = 400
"""Steps of a waveform from left to right, whatever the clip's length."""
HEIGHT = 64
BANDS = 80
"""Mel bands of a spectrogram, from 0 Hz to `TOP_HZ`."""
TOP_HZ = 8_000.0
"""A voice has little above it, and clips of any rate share one axis."""
RANGE_DB = 80.0
"""Anything so much weaker than the clip's strongest cell is black."""
WINDOW_SECONDS = 0.025
MOST_COLUMNS = 800
ROW_PIXELS = 2
"""A band's height."""

# From dark to light and even in lightness, so that more light is more sound for every eye.
_STOPS = ((0.0, (10, 8, 30)), (0.25, (62, 30, 110)), (0.5, (150, 52, 110)), (0.75, (232, 112, 70)), (1.0, (252, 236, 170)))
_INK = "#4a8fd9"
"""Told apart from a white ground and from a black one: a picture does not know which it stands on."""


def waveform(sound: Sound) -> str:
    """The clip from its least to its greatest value in each of `COLUMNS` steps, as an SVG that stretches to any width."""
    edges = np.linspace(0, len(sound.samples), COLUMNS + 1).astype(int)
    parts = [sound.samples[first : max(first + 1, last)] for first, last in pairwise(edges)]
    top = [_y(part.max()) for part in parts]
    bottom = [_y(part.min()) for part in parts]
    outline = [f"{x} {y}" for x, y in enumerate(top)] + [f"{x} {y}" for x, y in reversed(list(enumerate(bottom)))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {COLUMNS - 1} {HEIGHT}" preserveAspectRatio="none">'
        f'<path d="M{"L".join(outline)}Z" fill="{_INK}" stroke="{_INK}" stroke-width=".5"/></svg>'
    )


def _y(value: float) -> str:
    return f"{(1.0 - float(np.clip(value, -1.0, 1.0))) * HEIGHT / 2:.1f}"


def spectrogram(sound: Sound) -> bytes:
    """Power over time (left to right) and frequency (mel scale, low ones at the bottom), as a PNG."""
    power = mel_power(sound)
    level = 10.0 * np.log10(np.maximum(power, 1e-12))
    shade = np.clip(1.0 + (level - level.max()) / RANGE_DB, 0.0, 1.0) if power.max() > 1e-12 else np.zeros_like(level)
    rows = np.repeat(shade.T[::-1], ROW_PIXELS, axis=0)
    return _png((rows * 255.0).round().astype(np.uint8))


def mel_power(sound: Sound) -> NDArray[np.float64]:
    """Power of each mel band over time: [columns, bands]. A clip shorter than a window has silence behind it.

    Hann windows of 25 ms, the step as short as `MOST_COLUMNS` allow; triangles of unit height, evenly spaced in mel.
    """
    size = max(2, round(WINDOW_SECONDS * sound.rate))
    wave = np.pad(sound.samples.astype(np.float64), (0, max(0, size - len(sound.samples))))
    step = max(size // 4, -(-(len(wave) - size) // MOST_COLUMNS), 1)
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::step]
    points = 1 << (size - 1).bit_length()
    spectrum = np.square(np.abs(np.fft.rfft(frames * np.hanning(size), n=points)))
    return np.asarray(spectrum @ _mel_bank(points, sound.rate))


def _mel_bank(points: int, rate: int) -> NDArray[np.float64]:
    """The share of each bin in each band: [points // 2 + 1, BANDS]. A band that lies between two bins takes from both."""
    edges = hertz_at(np.linspace(0.0, 1.0, BANDS + 2))
    bins = np.arange(points // 2 + 1) * rate / points
    width = rate / points
    rising = (bins[:, None] - edges[None, :-2]) / np.maximum(edges[1:-1] - edges[:-2], width)
    falling = (edges[None, 2:] - bins[:, None]) / np.maximum(edges[2:] - edges[1:-1], width)
    return np.clip(np.minimum(rising, falling), 0.0, None)


def hertz_at(height: NDArray[np.float64]) -> NDArray[np.float64]:
    """The frequency at a height of the picture, 0 … 1 from the bottom; evenly spaced in mel, 2595 lg(1 + f / 700).

    >>> [round(float(hertz)) for hertz in hertz_at(np.array([0.0, 0.5, 1.0]))]
    [0, 1767, 8000]
    """
    return 700.0 * ((1.0 + TOP_HZ / 700.0) ** np.asarray(height) - 1.0)


def _png(shades: NDArray[np.uint8]) -> bytes:
    """A picture of 256 colours: one byte a pixel, each a place of the palette."""
    height, width = shades.shape
    rows = np.pad(shades, ((0, 0), (1, 0)))  # each row begins with the name of its filter, 0: none
    header = struct.pack(">II", width, height) + bytes((8, 3, 0, 0, 0))  # 8 bits a pixel, by a palette
    parts = ((b"IHDR", header), (b"PLTE", _palette()), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _palette() -> bytes:
    places = [place for place, _ in _STOPS]
    colours = np.array([colour for _, colour in _STOPS], dtype=np.float64)
    shades = np.linspace(0.0, 1.0, 256)
    channels = [np.interp(shades, places, colours[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8).tobytes()
