"""What a fine-tuning learns from: sentences in another voice, laid on the times at which the base voice says them.

The base has no posterior encoder, so nothing tells which latents a recording would have. Instead the base says the sentence with fixed
durations, and the other voice's mel bands are moved onto its frames by dynamic time warping: every frame has something to sound like.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torchaudio.functional import melscale_fbanks, resample
from transformers import VitsModel

from scoring.audio.audio import Audio

BANDS = 80
WINDOWS = (512, 1024, 2048)
"""Lengths of the transforms at which sounds are compared."""
FLOOR = 1e-5
SEED = 7
"""Of the durations and of the base's own sound, which every lesson shares."""


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """One sentence: the network's input, the frames of each symbol, and log mel bands to sound like, [window][bands, frames]."""

    ids: torch.Tensor
    durations: torch.Tensor
    bands: Sequence[torch.Tensor]

    @property
    def frames(self) -> int:
        """Length of the sentence, as the base says it."""
        return int(self.durations.sum())


def lessons_of(model: VitsModel, ids: Sequence[Sequence[int]], sounds: Sequence[Audio]) -> list[Lesson]:
    """Each sentence of another voice on the base's times."""
    return [_lesson(model, torch.tensor([list(numbers)]), sound) for numbers, sound in zip(ids, sounds, strict=True)]


@torch.no_grad()
def _lesson(model: VitsModel, ids: torch.Tensor, sound: Audio) -> Lesson:
    scale = scale_of(model)
    torch.manual_seed(SEED)
    durations = durations_of(model, ids)
    own = model.decoder(latents(model, ids, durations))[0, 0]
    other = resample(sound.samples, sound.rate, scale.rate)
    other = other * (own.square().mean().sqrt() / other.square().mean().sqrt().clamp(min=FLOOR))
    middle = WINDOWS[1]
    places = torch.from_numpy(_warp(_shape(log_mel(own, middle, scale)), _shape(log_mel(other, middle, scale))))
    return Lesson(ids, durations, [log_mel(other, window, scale)[:, places] for window in WINDOWS])


def durations_of(model: VitsModel, ids: torch.Tensor) -> torch.Tensor:
    """Frames of each symbol, [symbols], from torch's random stream."""
    mask = torch.ones(1, ids.shape[1], 1)
    hidden = model.text_encoder(input_ids=ids, padding_mask=mask).last_hidden_state.transpose(1, 2)
    logs = model.duration_predictor(hidden, mask.transpose(1, 2), None, reverse=True, noise_scale=model.noise_scale_duration)
    found: torch.Tensor = torch.ceil(torch.exp(logs) / model.speaking_rate)[0, 0].long()
    return found


def latents(model: VitsModel, ids: torch.Tensor, durations: torch.Tensor, frames: slice = slice(None)) -> torch.Tensor:
    """What the decoder is given for some frames, [1, channels, frames], with noise from torch's random stream; it has a gradient.

    The flow sees only these frames: what lies beside a window changes little in it, and costs most of a step.
    """
    said = model.text_encoder(input_ids=ids, padding_mask=torch.ones(1, ids.shape[1], 1))
    means = said.prior_means[0].repeat_interleave(durations, dim=0)[frames].T[None]
    spread = said.prior_log_variances[0].repeat_interleave(durations, dim=0)[frames].T[None].exp()
    drawn = means + torch.randn_like(means) * spread * model.noise_scale
    found: torch.Tensor = model.flow(drawn, torch.ones(1, 1, drawn.shape[2]), None, reverse=True)
    return found


@dataclass(frozen=True, slots=True)
class Scale:
    """How sounds become frames: their rate in Hz, and the samples of a frame of latents."""

    rate: int
    hop: int


def scale_of(model: VitsModel) -> Scale:
    """A network's own."""
    return Scale(int(model.config.sampling_rate), math.prod(model.config.upsample_rates))


def log_mel(wave: torch.Tensor, window: int, scale: Scale) -> torch.Tensor:
    """Natural logarithm of mel magnitudes, [bands, frames], of a sound [n]."""
    beside = (window - scale.hop) // 2
    padded = torch.nn.functional.pad(wave[None, None], (beside, beside), mode="reflect")[0, 0]
    spectrum = torch.stft(padded, window, scale.hop, window=_hann(window), center=False, return_complex=True)
    power = spectrum.real.square() + spectrum.imag.square()
    found: torch.Tensor = torch.log((_filters(window, scale.rate) @ (power + FLOOR**2).sqrt()).clamp(min=FLOOR))
    return found


@cache
def _hann(window: int) -> torch.Tensor:
    return torch.hann_window(window)


@lru_cache
def _filters(window: int, rate: int) -> torch.Tensor:
    """[bands, bins]."""
    bands: torch.Tensor = melscale_fbanks(window // 2 + 1, 40.0, rate / 2.0, BANDS, rate, norm="slaney", mel_scale="slaney").T
    return bands


def _shape(bands: torch.Tensor) -> torch.Tensor:
    """Bands as the alignment sees them: without each voice's own colour."""
    return bands - bands.mean(dim=1, keepdim=True)


def _warp(own: torch.Tensor, other: torch.Tensor) -> NDArray[np.int64]:
    """For each frame of `own` the frame of `other` on the cheapest path (dynamic time warping, steps of one)."""
    costs = torch.cdist(own.T, other.T).numpy()
    rows, columns = costs.shape
    total = np.full((rows + 1, columns + 1), np.inf)
    total[0, 0] = 0.0
    for row in range(rows):
        above = np.minimum(total[row, 1:], total[row, :-1]) + costs[row]
        left = np.inf
        for column in range(columns):
            left = total[row + 1, column + 1] = min(above[column], left + costs[row, column])
    places, column = np.zeros(rows, np.int64), columns
    for row in range(rows, 0, -1):
        while column > 1 and total[row, column - 1] < min(total[row - 1, column], total[row - 1, column - 1]):
            column -= 1
        places[row - 1] = column - 1
        if total[row - 1, column - 1] <= total[row - 1, column] and column > 1:
            column -= 1
    return places
