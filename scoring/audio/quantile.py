"""Quantiles of tensors of any size: torch's own stops at 2^24 values."""

import math

import torch


def quantile(values: torch.Tensor, share: float) -> torch.Tensor:
    """The smallest value that at least `share` of the rows do not exceed, per column: [rows, …] → […]; exact, of any size.

    >>> quantile(torch.tensor([[1.0, 40.0], [2.0, 30.0], [3.0, 20.0], [4.0, 10.0]]), 0.5)
    tensor([ 2., 20.])
    """
    return values.kthvalue(max(1, math.ceil(share * values.shape[0])), dim=0).values
