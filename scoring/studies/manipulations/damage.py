"""Manipulations of single samples: level, clipping, coarse steps, an offset."""

import torch
import torchaudio.functional as F  # noqa: N812  (the name its own documentation uses)

from scoring.audio.audio import Audio

MU_LAW_CHANNELS = 256
PEAK_EVERY = 1000


def gain(audio: Audio, decibels: float) -> Audio:
    """Amplify or weaken; the caller cuts off samples beyond full scale."""
    return Audio(audio.samples * 10.0 ** (decibels / 20.0), audio.rate)


def clip(audio: Audio, decibels: float) -> Audio:
    """Brought to full scale, then `decibels` beyond it, cut off at full scale."""
    peak = float(audio.samples.abs().max())
    if peak == 0.0:
        return audio
    return Audio(gain(Audio(audio.samples / peak, audio.rate), decibels).samples.clamp(-1.0, 1.0), audio.rate)


def clip_under_peaks(audio: Audio, decibels: float) -> Audio:
    """Clipped, at half of full scale; now and then a single sample stands out to twice that, so that a search for flat tops
    at the peak finds none."""
    flat = clip(audio, decibels).samples / 2.0
    flat[::PEAK_EVERY] = flat[::PEAK_EVERY].sign()
    return Audio(flat, audio.rate)


def mu_law(audio: Audio) -> Audio:
    """Through 8-bit mu-law, as on an old telephone line, at the clip's own rate."""
    coded = F.mu_law_encoding(audio.samples, MU_LAW_CHANNELS)
    decoded: torch.Tensor = F.mu_law_decoding(coded, MU_LAW_CHANNELS)
    return Audio(decoded, audio.rate)


def dc_offset(audio: Audio, offset: float) -> Audio:
    """Every sample shifted by the same amount."""
    return Audio(audio.samples + offset, audio.rate)
