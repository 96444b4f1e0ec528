"""The hiss of a quiet room, for judges that were trained on recordings and are led astray by digital silence."""

import hashlib

import torch


def noise_floor(length: int, steps: int) -> torch.Tensor:
    """The same noise for every clip: float32 [length], uniform over the whole numbers of [-steps, steps), steps ≤ 128.

    Whole numbers from a hash: no machine rounds them.
    """
    drawn = torch.frombuffer(bytearray(hashlib.shake_256(b"hiss").digest(max(1, length))), dtype=torch.uint8)[:length]
    return (drawn % (2 * steps)).to(torch.float32) - steps
