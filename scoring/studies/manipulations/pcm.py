"""The way back from tensors to what a model sends."""

import torch

from scoring.audio.audio import Audio


def to_pcm(audio: Audio) -> bytes:
    """Signed 16-bit little-endian mono of float32 in [-1, 1]; what `from_pcm` read comes back unchanged."""
    return (audio.samples * 32768.0).round().clamp(-32768, 32767).to(torch.int16).numpy().tobytes()
