"""Defects of a recording, as opposed to those of a voice: each is measured by itself.

Opinion networks hardly hear any of it: clipping, an offset, missing treble, a cliff in the spectrum, noise, hum, a sound under the voice,
a tone beside it, holes, reverberation and echo. The measures are this project's own unless a source is named. None of them depends on the
clip's level, and none improves when sound is thrown away: what a rate promises plays no part.
"""

import math

import torch

from scoring.audio.clip import ACTIVE_DB, HOP_SECONDS, RATE, SILENCE, Clip, Spectrum, decibels, spectrum
from scoring.audio.quantile import quantile
from scoring.report import Metrics

FLAT_FROM_DB, FLAT_STEPS_DB = -24.0, 0.125
"""Flat tops are looked for at levels from the peak down, this far apart: stray peaks above must not hide that all else is cut off."""
FLAT_DB = 0.13
FLAT_RUN = 3
"""Clipped: this many samples in a row within 0.13 dB (1.5 %) below one level, on either side."""

CROWD_REACH = 3
"""Two crowds are two if they lie more than this many steps of `FLAT_DB` apart."""

OWN_HOP_SECONDS = 0.016
"""The clip's own rate is read for steady features only."""
BAND_HZ = 250.0
HIGHEST_HZ = 8_000.0
"""Bandwidth is counted up to here: above it nobody misses anything in a voice, and upsampled sound cannot be told from other sound."""
LOUD_FRAMES, QUIET_TENTH, STEADY = 0.95, 0.1, 5.0
"""A band is as strong as in the strongest twentieth of the frames: treble is in the hisses. Five times its power in the
quietest tenth is taken off, as noise varies: that is no speech."""
DEAD_DB, ALIVE_DB = -65.0, -50.0
"""Against the strongest band: a band below the first is dead, one above the second alive, one in the middle half alive."""
CLIFF_HZ, CLIFF_SHARE = 7_500.0, 0.875
"""A cliff is looked for below 7.5 kHz, and below seven eighths of the highest frequency that the rate can hold: above lie the edges of
converters between rates."""
ABYSS_DB = -90.0
"""Against the strongest band: what lies below is taken to lie here, about where the rounding of 16-bit samples does."""

NOISE_HZ = (500.0, 7_500.0)
QUIET_FRAMES = 0.05
"""Noise is what each frequency falls to in its quietest twentieth; that quantile of steady noise lies at -ln(0.95) of its mean."""
SPEECH_DB = 20.0
"""Frames up to this much below the loudest one make the level of speech."""

SHOWS_SECONDS = 1.5
"""A shorter clip may be one voiced word: no moment of it shows the background, nor how fast sound fades."""
DEPTH_HZ = (60.0, 500.0)
"""Where voices are strongest, and silent in every consonant without voice."""
DEEP_FRAMES, EDGE_FRAMES = 0.05, 12
"""What the quietest twentieth of the frames hold is the background. The first and the last 96 ms, which trimming leaves around speech,
are none of them."""

HUM_HZ = (40.0, 72.0)
"""The mains, of either kind; no voice is so low."""
HUM_FRAME_SECONDS, HUM_HOP_SECONDS, HUM_FRAMES = 0.128, 0.032, 0.1
"""Frames so long that a voice does not reach down into the band, and the share of them in which hum goes on though nothing else does."""

NO_RUMBLE_HZ = (80.0, 8_000.0)
PURE, LINE = 0.99, 2
"""A frame is a pure tone if all but a hundredth of its power lies within two bins (62 Hz) of its strongest."""

ECHO_SECONDS, ECHO_HZ, ECHO_SMOOTH_HZ = (0.04, 0.4), (200.0, 7_000.0), 200.0
"""Delays that are heard as an echo, frequencies it is looked for in, and the width that evens out the spectrum before."""

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
LEAST_SHARE = 1e-12
"""Of the strongest frequency's power: weaker ones are not lifted further."""


def defect_metrics(clip: Clip) -> Metrics:
    """Every defect of a clip by name; each function below states its formula, unit, range and direction."""
    own, rate = spectrum(clip.audio, OWN_HOP_SECONDS), clip.audio.rate
    return {
        "clipping": clipping(clip.samples),
        "crowding": crowding(clip.samples),
        "rumble": rumble(own),
        "bandwidth": bandwidth(own, rate),
        "cliff": cliff(own, rate),
        "snr": snr(clip.spectrum),
        "depth": depth(clip.spectrum),
        "hum": hum(clip.spectrum, spectrum(clip.level, HUM_HOP_SECONDS, HUM_FRAME_SECONDS)),
        "tone": tone(clip.spectrum),
        "holes": holes(clip.spectrum),
        "decay": decay(clip.spectrum),
        "echo": echo(clip.level.samples),
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


def crowding(samples: torch.Tensor) -> float:
    """Share of samples that crowd at one level: 0 … 1, less is better. Flat tops that were roughened afterwards are still a crowd.

    With c[i] the share of samples i steps of `FLAT_DB` below the peak, `FLAT_FROM_DB` at most: a crowd is what c[i] + c[i + 1] has beyond
    twice the largest of the two on each side; the second largest crowd is taken from the largest, for coarse steps crowd everywhere.
    `samples` is float32 [n] in [-1, 1].

    >>> spread = torch.linspace(0.1, 0.9, 900)
    >>> round(crowding(torch.cat([spread, torch.full((100,), 0.5)])), 2)  # one sample in ten at half of full scale
    0.1
    >>> round(crowding(torch.cat([spread, torch.full((100,), 0.5), torch.full((100,), 0.3)])), 2)  # at two levels
    0.0
    """
    size = samples.abs()
    if size.shape[0] == 0 or float(size.max()) == 0.0:
        return 0.0
    steps = int(-FLAT_FROM_DB / FLAT_DB)
    below = (-20.0 / FLAT_DB * torch.log10((size / size.max()).clamp(min=1e-6))).long()
    counts = torch.bincount(below[below < steps], minlength=steps).to(torch.float64) / size.shape[0]
    padded = torch.nn.functional.pad(counts, (2, 3))
    pair = counts + padded[3 : steps + 3]
    around = torch.stack([padded[:steps], padded[1 : steps + 1], padded[4 : steps + 4], padded[5 : steps + 5]]).amax(dim=0)
    crowds = (pair - 2.0 * around).clamp(min=0.0)
    largest = int(crowds.argmax())
    others = torch.cat([crowds[: max(0, largest - CROWD_REACH)], crowds[largest + CROWD_REACH + 1 :]])
    return max(0.0, float(crowds[largest] - others.max()))


def rumble(own: Spectrum) -> float:
    """Amplitude below 16 Hz, with the zero line's offset, as a share of all: 0 … 1, less is better.

    `sqrt(Σ P[t, 0] / Σ P[t, k])` over frames t and bins k of the clip's own spectrum.

    >>> rumble(Spectrum(torch.tensor([[0.25, 0.75], [0.25, 0.75]]), step=31.25))
    0.5
    """
    total = math.fsum(own.power.sum(dim=1).tolist())
    return math.sqrt(math.fsum(own.power[:, 0].tolist()) / total) if total > 0.0 else 0.0


def bandwidth(own: Spectrum, rate: int) -> float:
    """How much of the spectrum below 8 kHz is alive: kHz, 0 … 8, more is better, 0 for silence. A rate of 16 kHz suffices for all of it.

    Sum over bands of 250 Hz of `0.25 clip((L - DEAD_DB) / (ALIVE_DB - DEAD_DB), 0, 1)`, where L is the band's level in its loudest
    twentieth of the frames, less five times that of its quietest tenth, in dB against the strongest band.

    >>> power = torch.zeros(100, 512, dtype=torch.float64)  # half of the frames loud, half 30 dB weaker
    >>> power[:50, :176], power[50:, :176] = 1.0, 0.001  # nothing above 5.5 kHz
    >>> bandwidth(Spectrum(power, step=31.25), 32_000)
    5.5
    """
    speech, _ = _bands(own, min(rate / 2, HIGHEST_HZ))
    if speech.shape[0] == 0:
        return 0.0
    alive = ((speech - DEAD_DB) / (ALIVE_DB - DEAD_DB)).clamp(0.0, 1.0)
    return math.fsum(alive.tolist()) * BAND_HZ / 1000.0


def cliff(own: Spectrum, rate: int) -> float:
    """The steepest fall of the spectrum, from one band of 250 Hz to the strongest of all above it: dB, ≥ 0, less is better.

    `max over k of L[k] - max(M[j] over j > k, ABYSS_DB)`, where L is as in `bandwidth` and M the same with the steady sound left in it:
    what lies hidden in noise falls no deeper than the noise. A voice's own treble fades; a filter's ends.

    >>> power = torch.ones(100, 512, dtype=torch.float64)
    >>> power[50:], power[:, 176:] = 0.001, 1e-4  # nothing above 5.5 kHz but a hiss
    >>> round(cliff(Spectrum(power, step=31.25), 32_000), 1)
    40.0
    """
    speech, whole = _bands(own, rate / 2)
    count = int(min(CLIFF_HZ, CLIFF_SHARE * rate / 2) // BAND_HZ)
    above = whole.flip(0).cummax(dim=0).values.flip(0).clamp(min=ABYSS_DB)
    reached = min(count, max(0, speech.shape[0] - 1))
    falls = speech[:reached] - above[1 : reached + 1]
    return max(0.0, float(falls.max())) if reached else 0.0


def _bands(own: Spectrum, highest: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Level of each band of 250 Hz in its loudest twentieth of the frames, without what is steady in it, and with it: dB against the
    strongest band, [bands]; both empty where nothing sounds."""
    active = own.active()
    parts = [active.band(k * BAND_HZ, (k + 1) * BAND_HZ).sum(dim=1) for k in range(int(highest // BAND_HZ))]
    bands = torch.stack(parts, dim=1)
    loud = quantile(bands, LOUD_FRAMES)
    speech = decibels(loud - STEADY * quantile(bands, QUIET_TENTH))
    top = speech.max()
    if float(top) <= float(decibels(torch.zeros(1, dtype=torch.float64))):
        return bands[0, :0], bands[0, :0]
    return speech - top, decibels(loud) - top


def snr(heard: Spectrum) -> float:
    """Level of speech over steady noise, dB, more is better; white noise reads true.

    `L_speech - median over bins of 10 lg(q / -ln(1 - p)) - 10 lg(bins)`, where q is what a bin falls to in its quietest twentieth
    (p = 0.05): that quantile of a steady noise's power lies at -ln(1 - p) of its mean. Half of the bins must be quiet, so that a filter
    that ends the spectrum early hides no noise. Source: noise floors by minimum statistics (Martin 2001).

    >>> power = torch.empty(4000, 257, dtype=torch.float64).exponential_(generator=torch.Generator().manual_seed(1))
    >>> round(snr(Spectrum(power, step=31.25)))  # nothing but steady white noise
    0
    """
    floor = quantile(heard.active().band(*NOISE_HZ), QUIET_FRAMES)
    middle = float(decibels(quantile(floor[:, None], 0.5)))
    noise = middle - 10.0 * math.log10(-math.log1p(-QUIET_FRAMES)) + 10.0 * math.log10(heard.power.shape[1])
    return speech_level(heard) - noise


def depth(heard: Spectrum) -> float:
    """Depth from the level of speech down to what goes on below it from 60 to 500 Hz (a glide, a babble, music): dB, more is better.

    `L_speech - 10 lg(that band's power in its quietest twentieth of the frames)`, without the clip's first and last 96 ms. Below 1.5 s the
    background is taken to be silent.

    >>> frames = torch.tensor([1.0] * 180 + [0.001] * 20, dtype=torch.float64)
    >>> shuffled = frames[torch.randperm(200, generator=torch.Generator().manual_seed(1)), None]
    >>> round(depth(Spectrum(shuffled, step=100.0)), 3)
    30.0
    """
    low = heard.band(*DEPTH_HZ).sum(dim=1)
    shows = low.shape[0] * HOP_SECONDS >= SHOWS_SECONDS
    background = quantile(low[EDGE_FRAMES:-EDGE_FRAMES, None], DEEP_FRAMES) if shows else low.new_zeros(1)
    return speech_level(heard) - float(decibels(background))


def hum(heard: Spectrum, long: Spectrum) -> float:
    """Level of speech over the steady sound of the mains, 40 … 72 Hz: dB, more is better. `long` is the spectrum in frames of 128 ms.

    `L_speech - 10 lg Σ_k q[k]`, where q is what bin k of the band falls to in its quietest tenth of the frames.

    >>> heard = Spectrum(torch.full((100, 257), 1.0 / 253.0, dtype=torch.float64), step=31.25)  # 253 bins from 80 Hz on
    >>> long = Spectrum(torch.full((100, 1025), 0.0, dtype=torch.float64), step=7.8125)
    >>> long.power[:, 6] = 0.01  # a tone of 47 Hz, 20 dB below
    >>> round(hum(heard, long), 1)
    20.0
    """
    steady = quantile(long.band(*HUM_HZ), HUM_FRAMES).tolist()
    return speech_level(heard) - float(decibels(torch.tensor(math.fsum(steady), dtype=torch.float64)))


def tone(heard: Spectrum) -> float:
    """Longest time in which there is nothing but one tone of steady pitch: s, ≥ 0, less is better. A voice has overtones and breath.

    The frames are those of `Spectrum.active`, each with `PURE` of its power within `LINE` bins of the strongest one, which moves by one
    bin at most to the next.

    >>> power = torch.zeros(125, 257, dtype=torch.float64)  # a second: half of it a tone
    >>> power[:63, 10], power[63:] = 1.0, 1.0
    >>> round(tone(Spectrum(power, step=31.25)), 3)
    0.504
    """
    power, frames = heard.band(*NO_RUMBLE_HZ), heard.frames
    strongest = power.argmax(dim=1)
    near = torch.nn.functional.pad(power, (LINE, LINE)).unfold(1, 2 * LINE + 1, 1).sum(dim=2).gather(1, strongest[:, None])[:, 0]
    pure = (near >= PURE * power.sum(dim=1)) & (frames > frames.max() * 10.0 ** (-ACTIVE_DB / 10.0))
    longest = run = 0
    before = -1
    for is_pure, place in zip(pure.tolist(), strongest.tolist(), strict=True):
        run = (run + 1 if run and abs(place - before) <= 1 else 1) if is_pure else 0
        longest, before = max(longest, run), place
    return longest * HOP_SECONDS


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
    """Speed of the bands' fastest falls: dB/s, more is better; a clip below 1.5 s is taken to fall to silence at once.

    Median over 12 bands of the ninth decile of `(L[t] - L[t + 64 ms]) / 64 ms`. In a room no band falls faster than 60 dB in its
    reverberation time. Source: blind estimation of reverberation time from the fastest decays (Ratnam et al. 2003).

    >>> fall = 10.0 ** (-6.0 * torch.arange(188, dtype=torch.float64) * HOP_SECONDS)  # 60 dB in one second
    >>> round(decay(Spectrum(fall[:, None].expand(-1, 257), step=31.25)), 6)
    60.0
    """
    parts = heard.band(*DECAY_HZ).tensor_split(DECAY_BANDS, dim=1)
    level = decibels(torch.stack([part.sum(dim=1) for part in parts], dim=1))  # [frames, bands]
    if level.shape[0] * HOP_SECONDS < SHOWS_SECONDS:
        return -float(decibels(level.new_zeros(1))) / (DECAY_FRAMES * HOP_SECONDS)
    falls, start = level[:-DECAY_FRAMES] - level[DECAY_FRAMES:], level[:-DECAY_FRAMES]
    counts = start >= level.max(dim=0).values - DECAY_FROM_DB
    fastest = [float(quantile(falls[counts[:, band], band], FASTEST)) for band in range(DECAY_BANDS) if counts[:, band].any()]
    return sorted(fastest)[len(fastest) // 2] / (DECAY_FRAMES * HOP_SECONDS) if fastest else 0.0


def _mean_around(values: torch.Tensor, width: int) -> torch.Tensor:
    """Moving mean of float64 [n] over `width` (odd) values, fewer at the edges: by running sums, so that a wide mean costs no more."""
    sums = torch.nn.functional.pad(values.cumsum(0), (1, 0))
    place = torch.arange(values.shape[0])
    first, end = (place - width // 2).clamp(min=0), (place + width // 2 + 1).clamp(max=values.shape[0])
    return (sums[end] - sums[first]) / (end - first)


def echo(samples: torch.Tensor) -> float:
    """Likeness of the sound with itself 40 to 400 ms later: 0 … 1, less is better; a copy of strength a gives up to a / (1 + a²).

    The largest autocorrelation in that range, against that at 0, of a spectrum evened out: power from 200 Hz to 7 kHz over its own
    moving mean of 200 Hz. A room's tail, which repeats nothing exactly, has none. `samples` is float32 [n] at 16 kHz. Source: the
    generalised cross-correlation (Knapp and Carter 1976), of a sound with itself.

    >>> noise = torch.randn(16_000, generator=torch.Generator().manual_seed(1))
    >>> echo(noise) < 0.05
    True
    >>> noise[1_600:] += noise[:-1_600].clone()  # every tenth of a second again, as strong
    >>> echo(noise) > 0.4
    True
    """
    points = 1 << max(1, (2 * samples.shape[0] - 1)).bit_length()
    power = torch.fft.rfft(samples.to(torch.float64), n=points).abs().square()
    width = int(ECHO_SMOOTH_HZ * points / RATE) | 1
    around = _mean_around(power, width)
    hertz = torch.fft.rfftfreq(points, 1.0 / RATE, dtype=torch.float64)
    heard = (hertz > ECHO_HZ[0]) & (hertz < ECHO_HZ[1]) & (around > 0.0)
    even = torch.where(heard, power / around.clamp(min=float(power.max()) * LEAST_SHARE + SILENCE), 0.0)
    # A real spectrum that is its own mirror image: the transform is its own inverse, but for 1 / n. The inverse for complex ones depends on
    # the number of threads in its last bit on some processors.
    likeness = torch.fft.rfft(torch.cat([even, even[1:-1].flip(0)])).real / points
    first, last = (round(seconds * RATE) for seconds in ECHO_SECONDS)
    found = likeness[first : min(last, samples.shape[0])]
    return max(0.0, float(found.max() / likeness[0])) if found.shape[0] and float(likeness[0]) > 0.0 else 0.0
