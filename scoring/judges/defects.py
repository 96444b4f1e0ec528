"""What is wrong with a recording, as opposed to a voice: clipping, an offset, missing treble, noise, holes, reverberation."""

import math

import torch

from scoring.audio.clip import Clip
from scoring.audio.spectrum import HOP_SECONDS, SILENCE, Spectrum, decibels, quantile, spectrum
from scoring.report import Metrics

FLAT_FROM_DB, FLAT_STEPS_DB = -24.0, 0.125
"""Flat tops are looked for at levels from the peak down, this far apart: stray peaks above must not hide that all else is cut off."""
FLAT_DB = 0.13
FLAT_RUN = 3
"""Clipped: this many samples in a row within 0.13 dB (1.5 %) below one level, on either side."""

OWN_HOP_SECONDS = 0.016
"""At the clip's own rate only what is steady is read."""
BAND_HZ = 250.0
HIGHEST_HZ = 12_000.0
"""Speech holds little above: a rate that promises more is not asked for it."""
LOUD_FRAMES, QUIET_TENTH, STEADY = 0.95, 0.1, 5.0
"""A band is as strong as in the strongest twentieth of the frames: treble is in the hisses. What it also holds in the quietest
tenth, five times over as noise varies, is no speech."""
DEAD_DB, ALIVE_DB = -60.0, -40.0
"""Of the strongest band: below nothing is there, above all is, half alive in the middle."""

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


def measure(clip: Clip) -> Metrics:
    """Every defect of a clip.

    `clipping`: share of samples in flat runs at one level, 0 … 1, less is better. `rumble`: amplitude below 16 Hz, the zero
    line's offset with it, as a share of all, 0 … 1, less is better. `bandwidth`: share of the spectrum up to half of the rate
    (12 kHz at most) that is alive, 0 … 1, more is better. `snr`: level of speech over steady noise, dB, more is better. `depth`:
    from the level of speech down to the background, whatever it is, dB, more is better. `holes`: share of cells of the spectrum
    with nothing in them, 0 … 1, less is better. `decay`: how fast the bands fall where they fall fastest, dB/s, more is better:
    in a room no band falls faster than 60 dB in its reverberation time.
    """
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
    """Share of samples that begin a flat run, at the level that has most of them."""
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
    """Root of the share of power in the lowest bin."""
    total = math.fsum(own.power.sum(dim=1).tolist())
    return math.sqrt(math.fsum(own.power[:, 0].tolist()) / total) if total > 0.0 else 0.0


def bandwidth(own: Spectrum, rate: int) -> float:
    """How much of the spectrum that the rate promises is alive; 0 for silence."""
    active = own.active()
    count = int(min(rate / 2, HIGHEST_HZ) // BAND_HZ)
    bands = torch.stack([active.band(k * BAND_HZ, (k + 1) * BAND_HZ).sum(dim=1) for k in range(count)], dim=1)
    strong = decibels(quantile(bands, LOUD_FRAMES) - STEADY * quantile(bands, QUIET_TENTH))
    if float(strong.max()) <= float(decibels(torch.zeros(1, dtype=torch.float64))):
        return 0.0
    alive = ((strong - strong.max() - DEAD_DB) / (ALIVE_DB - DEAD_DB)).clamp(0.0, 1.0)
    return math.fsum(alive.tolist()) / count


def snr(heard: Spectrum) -> float:
    """Level of speech over the geometric mean of the noise in each bin, as if it were spread evenly: white noise reads true."""
    active = heard.active()
    floor = decibels(quantile(active.band(*NOISE_HZ), QUIET_FRAMES)).tolist()
    noise = (
        math.fsum(floor) / len(floor) - 10.0 * math.log10(-math.log1p(-QUIET_FRAMES)) + 10.0 * math.log10(heard.power.shape[1])
    )
    return speech_level(heard) - noise


def depth(heard: Spectrum) -> float:
    """A hum, a tone or a babble between the words is heard by its level, of whatever spectrum it is."""
    frames = heard.frames
    inner = frames[EDGE_FRAMES:-EDGE_FRAMES] if frames.shape[0] > 3 * EDGE_FRAMES else frames
    return speech_level(heard) - float(decibels(quantile(inner[:, None], DEEP_FRAMES)))


def speech_level(heard: Spectrum) -> float:
    """Mean level of the frames that are not much weaker than the loudest, dB."""
    frames = heard.frames
    loud = frames[frames >= frames.max() * 10.0 ** (-SPEECH_DB / 10.0)].tolist()
    return float(decibels(torch.tensor(math.fsum(loud) / len(loud), dtype=torch.float64)))


def holes(heard: Spectrum) -> float:
    """Spectral gating leaves cells empty between full ones; speech, with the noise of breath, does not."""
    cells = heard.active().band(*HOLES_HZ)
    around = _mean_over_frames(_mean_over_frames(cells, HOOD[0]).T, HOOD[1]).T
    empty: torch.Tensor = cells.clamp(min=SILENCE) < around.clamp(min=SILENCE) * 10.0 ** (-HOLE_DB / 10.0)
    return int(empty.sum()) / (empty.shape[0] * empty.shape[1])


def _mean_over_frames(cells: torch.Tensor, width: int) -> torch.Tensor:
    """Moving mean over `width` rows, fewer at the edges."""
    return torch.nn.functional.avg_pool1d(cells.T, width, 1, width // 2, count_include_pad=False).T


def decay(heard: Spectrum) -> float:
    """Median over the bands of each band's ninth decile of falls within 64 ms; 0 for a clip too short to fall."""
    parts = heard.band(*DECAY_HZ).tensor_split(DECAY_BANDS, dim=1)
    level = decibels(torch.stack([part.sum(dim=1) for part in parts], dim=1))  # [frames, bands]
    if level.shape[0] <= DECAY_FRAMES:
        return 0.0
    falls, start = level[:-DECAY_FRAMES] - level[DECAY_FRAMES:], level[:-DECAY_FRAMES]
    counts = start >= level.max(dim=0).values - DECAY_FROM_DB
    fastest = [float(quantile(falls[counts[:, band], band], FASTEST)) for band in range(DECAY_BANDS) if counts[:, band].any()]
    return sorted(fastest)[len(fastest) // 2] / (DECAY_FRAMES * HOP_SECONDS) if fastest else 0.0
