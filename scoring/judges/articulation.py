"""Evidence of articulation: how the spectrum changes from one hundredth of a second to the next, against how it does in people.

Formant synthesisers hold a sound and jump to the next; statistical ones glide; a mouth does neither. A clip's changes are sorted, and
their quantiles are compared with those of natural voices. What a filter does to every frame alike changes no quantile.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from scoring.audio.clip import SILENCE, Clip
from scoring.audio.mel import mel_bank
from scoring.audio.quantile import quantile
from scoring.report import Metrics

VERSION = "2"
"""Changes whenever a number may change."""
REFERENCES = Path(__file__).with_name("references.toml")
FRAME, HOP, POINTS = 400, 80, 512
"""25 ms each 5 ms, in samples at 16 kHz, and the length of their transform."""
BANDS = slice(1, 37)
"""Of 40 mel bands, those between 70 Hz and 7 kHz, which every rate and most filters leave."""
ACTIVE_DB, LOUDEST = 35.0, 0.98
"""Frames this much weaker than the loudest fiftieth are pauses."""
DEPTH_DB, LOUD = 32.0, 0.95
"""Each band is heard down to this much under its own loudest twentieth: what lies below is the room's, or noise that was added to fill
the gaps in which a formant voice jumps."""
STEP = 2
"""Frames between the two that are compared: 10 ms."""
FINE = slice(6, 14)
"""Coefficients of the cosine transform over bands that tell formants apart, but neither the slope of the spectrum nor its harmonics."""
MELS = 40
QUANTILES = 33
FAINTEST_DB = -30.0
"""A change smaller than this, in dB of dB², is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Changes over 10 ms of a clip's active frames, each as `10 lg` of a mean square in dB²: float64 [frames].

    `flux` is that of all bands, less what they have in common; `fine` that of the cosine transform's fine coefficients.
    """

    flux: torch.Tensor
    fine: torch.Tensor


def metrics(clip: Clip) -> Metrics:
    """Two distances of a clip's changes from natural ones, dB ≥ 0, less is better; neither level nor equaliser moves them.

    Each is `mean over i of |q_i - r_i|`, the Wasserstein-1 distance of two distributions from 33 quantiles each: q of the clip's changes
    less `10 lg` of their mean power, r of natural voices' (references.toml).

    - `flux_distance`: change of the spectrum's shape over all bands.
    - `cepstral_distance`: that of its fine coefficients, 6 … 13 of the cosine transform over bands.

    Source: distributional comparison with references, as in TTSDS (Minixhofer et al. 2024); spectral flux and delta cepstra.
    """
    found = changes(clip)
    natural = references()
    return {
        "flux_distance": distance(profile(found.flux), natural["flux"]),
        "cepstral_distance": distance(profile(found.fine), natural["fine"]),
    }


def changes(clip: Clip) -> Changes:
    """The changes between frames 10 ms apart, where the later and the earlier frame's middle is no pause; at least one of each."""
    level = bands(clip.level.samples)
    power = level.mean(dim=1)
    active = power > quantile(power, LOUDEST) - ACTIVE_DB
    level = torch.maximum(level, quantile(level[active], LOUD) - DEPTH_DB)
    change = (level[STEP:] - level[:-STEP])[active[STEP // 2 : -(STEP // 2)]]
    shape = change - change.mean(dim=1, keepdim=True)
    return Changes(_decibels(shape), _decibels(shape @ cosines()[:, FINE]))


def profile(values: torch.Tensor) -> torch.Tensor:
    """33 quantiles of a distribution in dB, less `10 lg` of the mean power: float64 [33], of values [n].

    >>> profile(torch.tensor([0.0, 0.0, 0.0], dtype=torch.float64)).abs().max() < 1e-12
    tensor(True)
    """
    places = ((torch.arange(QUANTILES) + 0.5) * (values.shape[0] / QUANTILES)).to(torch.int64)
    mean = 10.0 * torch.log10((10.0 ** (values / 10.0)).mean())
    return values.sort().values[places] - mean


def distance(one: torch.Tensor, other: torch.Tensor) -> float:
    """Wasserstein-1 distance of two distributions, from as many quantiles of each: in their unit, ≥ 0.

    >>> distance(torch.tensor([1.0, 2.0]), torch.tensor([1.5, 4.0]))
    1.25
    """
    return float((one - other).abs().mean())


@cache
def references() -> Mapping[str, torch.Tensor]:
    """Quantiles of natural voices by kind of change: float64 [33]."""
    raw = tomllib.loads(REFERENCES.read_text(encoding="utf-8"))
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in raw["quantiles"].items()}


def bands(wave: torch.Tensor) -> torch.Tensor:
    """Level of each mel band, dB: float64 [frames, 36]; at least four frames."""
    least = FRAME + 3 * HOP
    padded = torch.nn.functional.pad(wave.to(torch.float64), (0, max(0, least - wave.shape[0])))
    spectrum = torch.fft.rfft(padded.unfold(0, FRAME, HOP) * _window(), n=POINTS)
    power = spectrum.real.square() + spectrum.imag.square()
    return 10.0 * torch.log10((power @ mel_bank(POINTS, MELS)[:, BANDS]).clamp(min=SILENCE))


def _decibels(change: torch.Tensor) -> torch.Tensor:
    """`10 lg` of the rows' mean squares."""
    return 10.0 * torch.log10(change.square().mean(dim=1).clamp(min=10.0 ** (FAINTEST_DB / 10.0)))


@cache
def _window() -> torch.Tensor:
    return torch.hann_window(FRAME, periodic=False, dtype=torch.float64)


@cache
def cosines() -> torch.Tensor:
    """Cosine transform over bands, orthogonal: float64 [bands, coefficients]."""
    number = BANDS.stop - BANDS.start
    places = torch.arange(number, dtype=torch.float64)
    return torch.cos(math.pi * (places[:, None] + 0.5) * places[None] / number) * math.sqrt(2.0 / number)
