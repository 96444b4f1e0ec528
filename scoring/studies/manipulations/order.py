"""Manipulations of order and time: pieces repeated, cut off, moved, or pushed apart by silence."""

import torch

from scoring.audio.audio import Audio
from scoring.studies.manipulations.chance import generator

CHUNK_SECONDS = 0.12
PHRASE_SHARE = 4
"""The phrase that is repeated is this fraction of the clip."""


def repeat(audio: Audio) -> Audio:
    """The clip, and the clip again."""
    return Audio(audio.samples.repeat(2), audio.rate)


def first_half(audio: Audio) -> Audio:
    """The part before the middle, one sample at least."""
    return Audio(audio.samples[: -(-audio.samples.shape[0] // 2)], audio.rate)


def phrase_repeated(audio: Audio) -> Audio:
    """The first quarter again and again, until the clip is as long as before."""
    length = audio.samples.shape[0]
    phrase = audio.samples[: -(-length // PHRASE_SHARE)]
    return Audio(phrase.repeat(PHRASE_SHARE)[:length], audio.rate)


def babble(audio: Audio) -> Audio:
    """The clip, then its first half backwards: the sound of speech without words."""
    return Audio(torch.cat([audio.samples, first_half(audio).samples.flip(0)]), audio.rate)


def reverse(audio: Audio) -> Audio:
    """The clip backwards."""
    return Audio(audio.samples.flip(0), audio.rate)


def shuffle(audio: Audio) -> Audio:
    """Chunks of 120 ms in an order drawn from the clip's content."""
    chunks = torch.split(audio.samples, max(1, round(CHUNK_SECONDS * audio.rate)))
    chosen = torch.randperm(len(chunks), generator=generator(audio)).tolist()
    return Audio(torch.cat([chunks[index] for index in chosen]), audio.rate)


def leading_silence(audio: Audio, seconds: float) -> Audio:
    """Silence before the clip."""
    return Audio(torch.cat([_silence(audio, seconds), audio.samples]), audio.rate)


def mid_silence(audio: Audio, seconds: float) -> Audio:
    """Silence in the middle of the clip, wherever that is in its words."""
    half = audio.samples.shape[0] // 2
    return Audio(torch.cat([audio.samples[:half], _silence(audio, seconds), audio.samples[half:]]), audio.rate)


def trailing_silence(audio: Audio, seconds: float) -> Audio:
    """Silence after the clip."""
    return Audio(torch.cat([audio.samples, _silence(audio, seconds)]), audio.rate)


def _silence(audio: Audio, seconds: float) -> torch.Tensor:
    return torch.zeros(round(seconds * audio.rate))
