"""Kinds of devices that the standard profile's networks run on."""

from enum import StrEnum


class Device(StrEnum):
    """A kind of device that networks run on. Each kind rounds differently, so it is part of a judge's version."""

    CPU = "cpu"
    CUDA = "cuda"


LANES = {Device.CPU: 1, Device.CUDA: 16}
"""Clips in one pass of a network. It is a constant of the arithmetic and never depends on how many clips there are."""

TOGETHER = {Device.CPU: 4, Device.CUDA: 64}
"""Clips handed to the judges at a time, at least; it changes memory and how often progress is told, never a number."""
