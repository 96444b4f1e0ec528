"""The arithmetic of the standard profile's networks: float32 on a named kind of device, in one reproducible way."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from scoring.errors import Code, InfrastructureFault
from scoring.judges.deterministic import onednn
from scoring.judges.standard.device import Device

THREADS = 1
"""Threads of a network on the CPU: a sum over more threads is another sum. There it serves audits and tests; service needs a GPU."""


def require(device: Device) -> None:
    """Raise InfrastructureFault(JUDGE_UNAVAILABLE) where there is no such device."""
    if device is Device.CUDA and not torch.cuda.is_available():
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "this worker's judges need a GPU, and there is none")


@contextmanager
def exact() -> Iterator[None]:
    """Inside, nothing chooses its arithmetic by speed: fixed threads, no TF32, no search for the fastest convolution.

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
