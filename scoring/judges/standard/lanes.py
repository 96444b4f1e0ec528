"""Many clips through one network, each exactly as if it were alone.

Floating-point sums depend on shapes: a network gives a clip other last digits in a batch of two than alone, or padded to another
length. So the shape of a pass never depends on the other clips. Each clip is brought to the least length of a fixed list that
holds it (its bucket), whatever comes with it, and a pass always has the same number of lanes: those that no clip needs repeat its
first one. The repeated clip must come out of all its lanes the same; where it does not, the device cannot judge.

All of it is float32 in one reproducible way: see `reproducible`.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from scoring.audio.clip import RATE
from scoring.errors import Code, InfrastructureFault
from scoring.judges.panel import onednn
from scoring.judges.standard.device import Device

THREADS = 1
"""Threads of a network on the CPU: a sum over more threads is another sum. There it serves audits and tests; service needs a GPU."""


def require(device: Device) -> None:
    """Raise InfrastructureFault(JUDGE_UNAVAILABLE) where there is no such device."""
    if device is Device.CUDA and not torch.cuda.is_available():
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "this worker's judges need a GPU, and there is none")


@contextmanager
def reproducible() -> Iterator[None]:
    """Keep the arithmetic inside from being chosen by speed: fixed threads, no TF32, no search for the fastest convolution.

    oneDNN is on, also where the panel has switched it off for the clips' own steps.
    """
    before, tf32 = torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32
    torch.set_num_threads(THREADS)
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with (
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False),
            onednn(enabled=True),
            torch.inference_mode(),
        ):
            yield
    finally:
        torch.set_num_threads(before)
        torch.backends.cuda.matmul.allow_tf32 = tf32


BUCKETS = tuple(round(seconds * RATE) for seconds in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64))
"""Lengths of clips in samples, at the judges' rate; a longer clip takes a multiple of the last."""


def bucket(length: int) -> int:
    """The length in samples that a clip of `length` samples is brought to.

    >>> bucket(16_000), bucket(16_001), bucket(65 * RATE) // RATE
    (16000, 32000, 128)
    """
    return next((size for size in BUCKETS if size >= length), BUCKETS[-1] * math.ceil(length / BUCKETS[-1]))


def pad_with_silence(wave: torch.Tensor) -> torch.Tensor:
    """A wave [n] at its bucket's length, filled up with silence: for recognisers, to which silence says nothing."""
    return torch.nn.functional.pad(wave, (0, bucket(wave.shape[0]) - wave.shape[0]))


def pad_with_repeats(wave: torch.Tensor) -> torch.Tensor:
    """A wave [n], n > 0, at its bucket's length, begun again until it is full: silence would change the opinions on its sound."""
    size = bucket(wave.shape[0])
    return wave.repeat(math.ceil(size / wave.shape[0]))[:size]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInput:
    """A clip as a network takes it: tensors without a batch axis, and a key that must be equal within a pass."""

    tensors: tuple[torch.Tensor, ...]
    key: Hashable = None


def run_in_lanes(
    network: Callable[..., Any], inputs: Sequence[NetworkInput], lanes: int, keyed: bool = False
) -> list[torch.Tensor]:
    """Run a network over clips; its outputs come in the order of the clips, on the CPU.

    `network` takes the clips' tensors, stacked to [lanes, …], and returns one tensor [lanes, …]; with `keyed` it takes the key
    first. Raises InfrastructureFault(JUDGE_UNAVAILABLE) where equal lanes differ, a number is not finite, or the device gives up.
    """
    passes: dict[Hashable, list[int]] = defaultdict(list)
    for index, item in enumerate(inputs):
        passes[item.key, tuple(tensor.shape for tensor in item.tensors)].append(index)
    found: dict[int, torch.Tensor] = {}
    for members in passes.values():
        for start in range(0, len(members), lanes):
            part = members[start : start + lanes]
            rows = _one_pass(network, [inputs[index] for index in part], lanes, keyed)
            found |= dict(zip(part, rows, strict=True))
    return [found[index] for index in range(len(inputs))]


def _one_pass(network: Callable[..., Any], inputs: Sequence[NetworkInput], lanes: int, keyed: bool) -> list[torch.Tensor]:
    filled = [*inputs, *[inputs[0]] * (lanes - len(inputs))]
    stacked = [torch.stack(column) for column in zip(*(item.tensors for item in filled), strict=True)]
    try:
        with reproducible():
            out = network(*((inputs[0].key,) if keyed else ()), *stacked).cpu()
    except RuntimeError as exc:  # out of memory, or a device that went away
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"a network failed: {type(exc).__name__}") from exc
    if any(not torch.equal(out[lane], out[0]) for lane in range(len(inputs), lanes)):
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "this device gives the same clip other numbers in another lane")
    if not bool(torch.isfinite(out).all()):
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "a network returned numbers that are not finite")
    return [out[lane].clone() for lane in range(len(inputs))]
