"""Cleanliness of a recording: silence where none belongs, and the defects of a recording as opposed to a voice.

Opinion networks hardly hear any of it, so each defect is measured by itself: clipping, an offset, missing treble, noise, holes and
reverberation. The measures are this project's own unless a source is named. None of them depends on the clip's level, which is judged
in delivery.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from scoring.audio.audio import FRAME_SECONDS
from scoring.audio.clip import HOP_SECONDS, RATE, SILENCE, Clip, Spectrum, decibels, spectrum
from scoring.audio.quantile import quantile
from scoring.judges.judge import Utterance
from scoring.report import Metrics

LEAST_FRAMES = 3
"""Sound counts from 60 ms on: a click does not end a silence."""
ORDINARY_SECONDS = 0.3
"""Pauses up to here belong to speech and are no padding."""

FLAT_FROM_DB, FLAT_STEPS_DB = -24.0, 0.125
"""Flat tops are looked for at levels from the peak down, this far apart: stray peaks above must not hide that all else is cut off."""
FLAT_DB = 0.13
FLAT_RUN = 3
"""Clipped: this many samples in a row within 0.13 dB (1.5 %) below one level, on either side."""

OWN_HOP_SECONDS = 0.016
"""The clip's own rate is read for steady features only."""
BAND_HZ = 250.0
HIGHEST_HZ = 12_000.0
"""Speech holds little above: a rate that promises more is not asked for it."""
LOUD_FRAMES, QUIET_TENTH, STEADY = 0.95, 0.1, 5.0
"""A band is as strong as in the strongest twentieth of the frames: treble is in the hisses. Five times its power in the
quietest tenth is taken off, as noise varies: that is no speech."""
DEAD_DB, ALIVE_DB = -60.0, -40.0
"""Against the strongest band: a band below the first is dead, one above the second alive, one in the middle half alive."""

NOISE_HZ = (500.0, 7_500.0)
QUIET_FRAMES = 0.05
"""Noise is what each frequency falls to in its quietest twentieth; that quantile of steady noise lies at -ln(0.95) of its mean."""
SPEECH_DB = 20.0
"""Frames up to this much below the loudest one make the level of speech."""

DEEP_FRAMES, EDGE_FRAMES = 0.05, 12
"""Between and within words there are moments of silence: what the quietest twentieth of the frames hold is the background. The first
and the last 96 ms, which trimming leaves around speech, are none of them."""

HOLES_HZ = (200.0, 7_000.0)
HOLE_DB = 35.0
HOOD = (9, 17)
"""A hole lies this far below the mean power around it: 9 frames (64 ms) by 17 bins (500 Hz)."""

DECAY_BANDS = 12
DECAY_HZ = (125.0, 7_000.0)
DECAY_FRAMES = 8
"""64 ms."""
DECAY_FROM_DB = 25.0
"""A fall is measured where a band is at most this much below its loudest."""
FASTEST = 0.9


class CleanlinessJudge:
    """Silences and defects of each clip.

    Metrics: see `silence_metrics` and `defect_metrics`.
    """

    name = "cleanliness"
    version = "3"

    def measure(self, batch: Sequence[Utterance]) -> list[Metrics]:
        """Measure one utterance after the other."""
        return [{**silence_metrics(utterance.clip), **defect_metrics(utterance.clip)} for utterance in batch]


@dataclass(frozen=True, slots=True)
class Silence:
    """Seconds without sound."""

    leading: float
    trailing: float
    longest_pause: float
    padding: float
    """All of it, without pauses of ordinary length."""


def silence(clip: Clip) -> Silence:
    """Seconds in which the clip, at -23 LUFS, stays below -50 dBFS for whole 20 ms frames; all of a silent clip is leading.

    >>> from scoring.audio.audio import Audio
    >>> tone = torch.sin(torch.arange(16_000) * 0.3)
    >>> silence(Clip(Audio(torch.cat([torch.zeros(8_000), tone, torch.zeros(4_000)]), 16_000)))
    Silence(leading=0.5, trailing=0.25, longest_pause=0.0, padding=0.75)
    """
    loud = _sounding(clip).nonzero().flatten().tolist()
    total = clip.audio.seconds
    if not loud:
        return Silence(total, 0.0, 0.0, total)
    gaps = [(after - before - 1) * FRAME_SECONDS for before, after in pairwise(loud)]
    leading = loud[0] * FRAME_SECONDS
    trailing = max(0.0, total - (loud[-1] + 1) * FRAME_SECONDS)
    padding = math.fsum([leading, trailing, *(gap for gap in gaps if gap > ORDINARY_SECONDS)])
    return Silence(leading, trailing, max(gaps, default=0.0), padding)


def silence_metrics(clip: Clip) -> Metrics:
    """`leading_silence`, `trailing_silence`, `longest_pause` in seconds, ≥ 0, and `padding`, 0 … 1; less is better in all of them.

    `padding = (leading + trailing + Σ pauses > 0.3 s) / length of the clip`.
    """
    found = silence(clip)
    return {
        "leading_silence": found.leading,
        "trailing_silence": found.trailing,
        "longest_pause": found.longest_pause,
        "padding": min(1.0, found.padding / clip.audio.seconds) if clip.audio.seconds else 1.0,
    }


def defect_metrics(clip: Clip) -> Metrics:
    """Every defect of a clip by name; each function below states its formula, unit, range and direction."""
    own = spectrum(clip.audio, OWN_HOP_SECONDS)
    return {
        "clipping": clipping(clip.samples),
        "rumble": rumble(own),
        "bandwidth": bandwidth(own, clip.audio.rate),
        "snr": snr(clip.spectrum),
        "depth": depth(clip.spectrum),
        "holes": holes(clip.spectrum),
        "decay": decay(clip.spectrum),
    }


def clipping(samples: torch.Tensor) -> float:
    """Share of samples that begin a flat run, at the level that has most of them: 0 … 1, less is better.

    A run is `FLAT_RUN` samples within `FLAT_DB` dB of each other, on either side of zero. The idea is that of any clip detector
    (Audacity's *Find Clipping*), but the level is searched for from the peak down. `samples` is float32 [n] in [-1, 1].

    >>> clipping(torch.tensor([0.1, 0.9, 0.9, 0.9, 0.9, -0.2, 0.0, 0.3]))  # two runs of three begin in eight samples
    0.25
    """
    size = samples.abs()
    if size.shape[0] < FLAT_RUN or float(size.max()) == 0.0:
        return 0.0
    runs = (20.0 * torch.log10((size / size.max()).clamp(min=1e-6))).unfold(0, FLAT_RUN, 1)
    low, high = runs.amin(dim=1), runs.amax(dim=1)
    flat = low[high - low <= FLAT_DB]
    levels = -torch.arange(0.0, -FLAT_FROM_DB, FLAT_STEPS_DB)
    counts = [int(((flat <= level) & (flat > level - FLAT_DB)).sum()) for level in levels.tolist()]
    return max(counts) / size.shape[0]


def rumble(own: Spectrum) -> float:
    """Amplitude below 16 Hz, with the zero line's offset, as a share of all: 0 … 1, less is better.

    `sqrt(Σ P[t, 0] / Σ P[t, k])` over frames t and bins k of the clip's own spectrum.

    >>> rumble(Spectrum(torch.tensor([[0.25, 0.75], [0.25, 0.75]]), step=31.25))
    0.5
    """
    total = math.fsum(own.power.sum(dim=1).tolist())
    return math.sqrt(math.fsum(own.power[:, 0].tolist()) / total) if total > 0.0 else 0.0


def bandwidth(own: Spectrum, rate: int) -> float:
    """Share of the spectrum up to half of the rate (12 kHz at most) that is alive: 0 … 1, more is better, 0 for silence.

    Mean over bands of 250 Hz of `clip((L - DEAD_DB) / (ALIVE_DB - DEAD_DB), 0, 1)`, where L is the band's level in its loudest twentieth
    of the frames, less five times that of its quietest tenth, in dB against the strongest band.

    >>> power = torch.zeros(100, 512, dtype=torch.float64)  # half of the frames loud, half 30 dB weaker
    >>> power[:50, :256], power[50:, :256] = 1.0, 0.001  # nothing above 8 kHz
    >>> round(bandwidth(Spectrum(power, step=31.25), 32_000), 3)  # the rate promises 16 kHz, of which 12 count
    0.667
    """
    active = own.active()
    count = int(min(rate / 2, HIGHEST_HZ) // BAND_HZ)
    bands = torch.stack([active.band(k * BAND_HZ, (k + 1) * BAND_HZ).sum(dim=1) for k in range(count)], dim=1)
    strong = decibels(quantile(bands, LOUD_FRAMES) - STEADY * quantile(bands, QUIET_TENTH))
    if float(strong.max()) <= float(decibels(torch.zeros(1, dtype=torch.float64))):
        return 0.0
    alive = ((strong - strong.max() - DEAD_DB) / (ALIVE_DB - DEAD_DB)).clamp(0.0, 1.0)
    return math.fsum(alive.tolist()) / count


def snr(heard: Spectrum) -> float:
    """Level of speech over steady noise, dB, more is better; white noise reads true.

    `L_speech - mean over bins of 10 lg(q / -ln(1 - p)) - 10 lg(bins)`, where q is what a bin falls to in its quietest twentieth
    (p = 0.05): that quantile of a steady noise's power lies at -ln(1 - p) of its mean. Source: noise floors by minimum statistics
    (Martin 2001).

    >>> power = torch.empty(4000, 257, dtype=torch.float64).exponential_(generator=torch.Generator().manual_seed(1))
    >>> round(snr(Spectrum(power, step=31.25)))  # nothing but steady white noise
    0
    """
    active = heard.active()
    floor = decibels(quantile(active.band(*NOISE_HZ), QUIET_FRAMES)).tolist()
    noise = (
        math.fsum(floor) / len(floor) - 10.0 * math.log10(-math.log1p(-QUIET_FRAMES)) + 10.0 * math.log10(heard.power.shape[1])
    )
    return speech_level(heard) - noise


def depth(heard: Spectrum) -> float:
    """Depth from the level of speech down to the background (a hum, a tone, a babble): dB, more is better.

    `L_speech - 10 lg(quietest twentieth of the frames)`, without the clip's first and last 96 ms.

    >>> frames = torch.tensor([1.0] * 90 + [0.001] * 10, dtype=torch.float64)
    >>> round(depth(Spectrum(frames[torch.randperm(100, generator=torch.Generator().manual_seed(1)), None], step=100.0)), 3)
    30.0
    """
    frames = heard.frames
    inner = frames[EDGE_FRAMES:-EDGE_FRAMES] if frames.shape[0] > 3 * EDGE_FRAMES else frames
    return speech_level(heard) - float(decibels(quantile(inner[:, None], DEEP_FRAMES)))


def speech_level(heard: Spectrum) -> float:
    """Level of the mean power of the frames at most `SPEECH_DB` below the loudest, dB (full scale = 0)."""
    frames = heard.frames
    loud = frames[frames >= frames.max() * 10.0 ** (-SPEECH_DB / 10.0)].tolist()
    return float(decibels(torch.tensor(math.fsum(loud) / len(loud), dtype=torch.float64)))


def holes(heard: Spectrum) -> float:
    """Share of the spectrum's cells with nothing in them between full ones: 0 … 1, less is better.

    A cell is a hole if it lies `HOLE_DB` dB below the mean power around it. Spectral gating leaves holes; speech, with the noise of
    breath, does not.

    >>> cells = torch.ones(10, 257, dtype=torch.float64)
    >>> holes(Spectrum(cells, step=31.25))
    0.0
    >>> cells[::2, ::2] = 0.0
    >>> holes(Spectrum(cells, step=31.25)) > 0.2
    True
    """
    cells = heard.active().band(*HOLES_HZ)
    around = _mean_over_frames(_mean_over_frames(cells, HOOD[0]).T, HOOD[1]).T
    empty: torch.Tensor = cells.clamp(min=SILENCE) < around.clamp(min=SILENCE) * 10.0 ** (-HOLE_DB / 10.0)
    return int(empty.sum()) / (empty.shape[0] * empty.shape[1])


def _mean_over_frames(cells: torch.Tensor, width: int) -> torch.Tensor:
    """Moving mean over `width` rows, fewer at the edges."""
    return torch.nn.functional.avg_pool1d(cells.T, width, 1, width // 2, count_include_pad=False).T


def decay(heard: Spectrum) -> float:
    """Speed of the bands' fastest falls: dB/s, more is better, 0 for a clip too short to fall.

    Median over 12 bands of the ninth decile of `(L[t] - L[t + 64 ms]) / 64 ms`. In a room no band falls faster than 60 dB in its
    reverberation time. Source: blind estimation of reverberation time from the fastest decays (Ratnam et al. 2003).

    >>> fall = 10.0 ** (-6.0 * torch.arange(125, dtype=torch.float64) * HOP_SECONDS)  # 60 dB in one second
    >>> round(decay(Spectrum(fall[:, None].expand(-1, 257), step=31.25)), 6)
    60.0
    """
    parts = heard.band(*DECAY_HZ).tensor_split(DECAY_BANDS, dim=1)
    level = decibels(torch.stack([part.sum(dim=1) for part in parts], dim=1))  # [frames, bands]
    if level.shape[0] <= DECAY_FRAMES:
        return 0.0
    falls, start = level[:-DECAY_FRAMES] - level[DECAY_FRAMES:], level[:-DECAY_FRAMES]
    counts = start >= level.max(dim=0).values - DECAY_FROM_DB
    fastest = [float(quantile(falls[counts[:, band], band], FASTEST)) for band in range(DECAY_BANDS) if counts[:, band].any()]
    return sorted(fastest)[len(fastest) // 2] / (DECAY_FRAMES * HOP_SECONDS) if fastest else 0.0


def _sounding(clip: Clip) -> torch.Tensor:
    """Mark the 20 ms frames that belong to at least 60 ms of sound: bool [frames]."""
    heard = clip.at(RATE)
    frame = round(FRAME_SECONDS * RATE)
    samples = torch.nn.functional.pad(heard.samples, (0, -heard.samples.shape[0] % frame)).reshape(-1, frame).to(torch.float64)
    loud = (samples - samples.mean(dim=1, keepdim=True)).square().mean(dim=1) > 10.0 ** (clip.floor / 10.0)
    if loud.shape[0] < LEAST_FRAMES:
        return torch.zeros_like(loud)
    runs = loud.unfold(0, LEAST_FRAMES, 1).all(dim=1).to(torch.float32)
    kept = torch.nn.functional.pad(runs, (LEAST_FRAMES - 1, LEAST_FRAMES - 1)).unfold(0, LEAST_FRAMES, 1)
    return kept.amax(dim=1).bool()
