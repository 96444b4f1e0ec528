"""Randomness that depends on nothing but the sound itself."""

import hashlib

import torch

from scoring.audio.audio import Audio, to_pcm


def generator(audio: Audio) -> torch.Generator:
    """A stream of random numbers seeded by the sound's rate and samples (as 16-bit integers, so that a copy on disk has the same)."""
    seed = hashlib.sha256(audio.rate.to_bytes(4, "big") + to_pcm(audio)).digest()
    return torch.Generator().manual_seed(int.from_bytes(seed[:8], "big") >> 1)
