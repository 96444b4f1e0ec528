"""Codes drawn row by row, each row from a random stream of its own: what stands beside it in a batch changes nothing."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """A repository's own settings of a draw; the manifest gives their ranges."""

    temperature: float
    """0 takes the likeliest code, without any chance."""
    top_k: int
    """How many of the likeliest codes may be drawn."""


def gumbel(stream: torch.Generator, *shape: int) -> Tensor:
    """Gumbel noise, float32, on the CPU; the largest of log-probabilities with it is a draw from them.

    It begins with uniform numbers of float64, which are whole numbers of a fixed size: every machine draws the same.
    """
    uniform = torch.rand(shape, dtype=torch.float64, generator=stream)
    return -(-uniform.log()).log().float()


def draw(logits: Tensor, noise: Tensor, sampling: Sampling) -> Tensor:
    """A code for each row, shape (rows,), from logits and noise of shape (rows, codes): an id below `codes`, whatever they hold."""
    if sampling.temperature == 0.0:
        return logits.argmax(-1)
    scores = logits / sampling.temperature
    least = scores.topk(min(sampling.top_k, scores.shape[-1])).values[:, -1:]
    return (scores + noise).masked_fill(scores < least, -torch.inf).argmax(-1)
