"""Speech at another pace, pitch or range of pitch, its timbre kept: pitch-synchronous overlap and add.

Source: Moulines and Charpentier 1990, "Pitch-synchronous waveform processing techniques for text-to-speech synthesis using diphones".
Marks are set a period apart, each where the wave is most like it was around the one before. Two periods around each are windowed and
laid down again, as far apart as the wanted pitch says and as often as the wanted time does.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from scoring.audio.audio import Audio
from scoring.audio.pitch import HOP, RATE, track

Samples = NDArray[np.float64]
UNVOICED_SECONDS = 0.005
"""Distance of the marks where nothing is voiced."""
NEAR = 0.85
"""A period is at least so long as its forerunner, as a share, and at most as much longer."""
CENTRE = 400
"""A pitch frame's middle, in samples at `RATE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is changed: each 1 leaves it as it is."""

    pace: float = 1.0
    """Words a second, as a multiple."""
    pitch: float = 1.0
    """F0, as a multiple."""
    range: float = 1.0
    """Semitones from the 10th to the 90th percentile of F0, as a multiple: a wider range is higher at its top, as in lively speech."""


def change(audio: Audio, wanted: Change) -> Audio:
    """The changed speech at the same sampling rate; a sound without a voiced frame changes its pace alone."""
    wave: Samples = audio.samples.numpy().astype(np.float64)
    contour = _contour(audio)
    marks = _marks(wave, contour, audio.rate)
    target = _target(contour, wanted)
    made = _lay(wave, marks, target, round(UNVOICED_SECONDS * audio.rate), audio.rate, wanted.pace)
    return Audio(torch.from_numpy(made.clip(-1.0, 1.0)).float(), audio.rate)


def _target(contour: Samples, wanted: Change) -> Samples:
    """The wanted F0 in Hz where the sound is voiced, 0 elsewhere."""
    voiced = contour > 0.0
    if not voiced.any():
        return contour
    low, middle, high = np.quantile(np.log2(contour[voiced]), (0.1, 0.5, 0.9))
    above, below = max(high - middle, 1e-3), middle - low
    upwards = wanted.range if wanted.range < 1.0 else (wanted.range * (above + below) - below) / above
    away = np.log2(np.maximum(contour, 1.0)) - middle
    moved = np.where(away > 0.0, away * upwards, away * min(wanted.range, 1.0))
    return np.where(voiced, wanted.pitch * 2.0 ** (middle + moved), 0.0)


def _contour(audio: Audio) -> Samples:
    """F0 in Hz at each sample, 0 where unvoiced; gaps of up to 30 ms inside a voiced stretch are filled."""
    hertz = track(audio).hertz.numpy()
    for start in np.flatnonzero((hertz[:-1] > 0.0) & (hertz[1:] == 0.0)):
        later = np.flatnonzero(hertz[start + 1 : start + 5])
        if later.shape[0]:
            hertz[start + 1 : start + 1 + later[0]] = hertz[start]
    places = (np.arange(audio.samples.shape[0]) * RATE / audio.rate - CENTRE) / HOP
    nearest = places.round().astype(int).clip(0, max(0, hertz.shape[0] - 1))
    found: Samples = hertz[nearest] if hertz.shape[0] else np.zeros(audio.samples.shape[0])
    return found


def _marks(wave: Samples, contour: Samples, rate: int) -> NDArray[np.int64]:
    """Places of the marks, rising: in voiced sound a period apart, each where the wave is most like it was around the one before."""
    marks, at, step = [0], 0, round(UNVOICED_SECONDS * rate)
    while at < wave.shape[0] - 1:
        hertz = contour[at]
        if hertz == 0.0:
            at += step
        else:
            at = _next(wave, at, rate / hertz)
        marks.append(at)
    return np.array([mark for mark in marks if mark < wave.shape[0]])


def _next(wave: Samples, at: int, period: float) -> int:
    """The place about a period later around which the wave is most like the wave around this one."""
    half = round(period / 2)
    here = wave[max(0, at - half) : at + half]
    first, last = at + round(NEAR * period), at + round(period / NEAR)
    starts = np.arange(first, last + 1) - min(half, at)
    if here.shape[0] < 2 or starts[-1] + here.shape[0] > wave.shape[0]:
        return at + round(period)
    there = np.lib.stride_tricks.sliding_window_view(wave[starts[0] : starts[-1] + here.shape[0]], here.shape[0])
    likeness = there @ here / np.sqrt((there**2).sum(axis=1) + 1e-9)
    return first + int(likeness.argmax())


def _lay(wave: Samples, marks: NDArray[np.int64], target: Samples, step: int, rate: int, pace: float) -> Samples:
    """The windowed periods, laid down at the wanted distances and times."""
    length = int(wave.shape[0] / pace)
    made, weight = np.zeros(length + rate), np.zeros(length + rate)
    at = 0.0
    while at < length:
        source = int(np.abs(marks - at * pace).argmin()) if marks.shape[0] else 0
        centre = int(marks[source])
        left = centre - int(marks[source - 1]) if source else step
        right = int(marks[source + 1]) - centre if source + 1 < marks.shape[0] else step
        left, right = max(8, min(left, rate // 50)), max(8, min(right, rate // 50))
        window = np.concatenate([np.hanning(2 * left + 1)[:left], np.hanning(2 * right + 1)[right:]])
        first, last = centre - left, centre + right + 1
        cut = slice(max(0, first), min(wave.shape[0], last))
        inside = slice(cut.start - first, cut.start - first + cut.stop - cut.start)
        put = round(at) - centre + cut.start
        begin = max(0, -put)
        place = slice(put + begin, put + cut.stop - cut.start)
        made[place] += (wave[cut] * window[inside])[begin:]
        weight[place] += window[inside][begin:]
        hertz = target[min(centre, target.shape[0] - 1)]
        at += rate / hertz if hertz > 0.0 else step
    return (made / np.maximum(weight, 0.5))[:length]
