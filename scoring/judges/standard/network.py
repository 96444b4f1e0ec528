"""A network of the standard profile: from a checked folder, and many clips through it, each exactly as if it were alone.

Only safetensors are read; nothing is fetched, and no code of a model is run.

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
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import utils

from scoring.audio.clip import RATE
from scoring.errors import Code, InfrastructureFault
from scoring.judges.panel import onednn
from scoring.judges.standard.models import Device

THREADS = 1
"""Threads of a network on the CPU: a sum over more threads is another sum. There it serves audits and tests; service needs a GPU."""
_UNREAD = ("masked_spec_embed",)
"""Tensors that only training reads; published files lack them."""


def load_network(model_class: Any, folder: Path, device: Device) -> Any:
    """A transformers model in float32, ready to judge; raises InfrastructureFault(JUDGE_UNAVAILABLE) unless it is complete."""
    _quieten()
    try:
        model, found = model_class.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=torch.float32,
            attn_implementation="eager",  # others choose their arithmetic by shape and device
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{model_class.__name__} cannot be loaded: {exc}") from exc
    missing = sorted(name for name in found["missing_keys"] if not name.endswith(_UNREAD))
    if missing or found["mismatched_keys"]:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{model_class.__name__} lacks tensors: {', '.join(missing[:3])}")
    return model.eval().to(device.value)


def load_front_end(part_class: Any, folder: Path) -> Any:
    """A tokenizer or feature extractor of transformers; raises as `load_network`."""
    try:
        return part_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{part_class.__name__} cannot be loaded: {exc}") from exc


def _quieten() -> None:
    """A worker's log is no terminal, and what matters here is raised."""
    logging: Any = utils.logging
    logging.disable_progress_bar()
    logging.set_verbosity_error()


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
    """A wave [n] at its bucket's length, filled up with silence, which says nothing to a recogniser."""
    return torch.nn.functional.pad(wave, (0, bucket(wave.shape[0]) - wave.shape[0]))


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
