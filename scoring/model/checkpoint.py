"""A pickled checkpoint becomes safetensors: names and numbers are kept, code and everything else is refused.

Runs inside the sandbox (`workers.sandbox.guest.convert`): the file is a stranger's, and torch's reader is large. The result's bytes
depend on nothing but names and numbers, so every worker makes the same file.
"""

import json
import math
import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path, PosixPath
from typing import Any, BinaryIO, TypeGuard

import torch

from scoring.errors import Code, InfrastructureFault

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,255}")
_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
_HARMLESS: list[Any] = [PosixPath]
"""What training notes of itself beside its tensors, and torch does not know as harmless: a file's name."""
_ALIGNMENT = 8
_CALL = re.compile(r"GLOBAL ([\w.]+)")
_NO_MEMORY = "allocate memory"
"""Words of torch that stand for a MemoryError."""


def convert(source: Path, target: Path) -> None:
    """Write a checkpoint's tensors as safetensors; raises as `read_tensors`."""
    tensors = read_tensors(source)
    with target.open("xb") as file:
        write_safetensors(file, tensors)


def read_tensors(source: Path) -> dict[str, torch.Tensor]:
    """The tensors of a pickled checkpoint, by name, on the CPU.

    Raises InfrastructureFault(JUDGE_UNAVAILABLE) with the reason for a file that is anything but a mapping of plain names to dense
    tensors that share no memory and take no more room than the file (or holds one such mapping beside other things), and MemoryError.
    """
    size = source.stat().st_size
    _check_archive(source, size)
    tensors = {_plain(name): tensor.detach() for name, tensor in _mapping(_load(source)).items()}
    for name, tensor in tensors.items():
        if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.dtype not in _DTYPES:
            raise _refused(f"{name} is not a dense tensor of a plain type")
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > size:
        raise _refused("its tensors take more room than the file itself")
    _check_memory(tensors)
    return tensors


def write_safetensors(file: BinaryIO, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write tensors in the safetensors format, those of wide types first, then by name: their numbers stay aligned."""
    names = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in names:
        start, end = end, end + tensors[name].numel() * tensors[name].element_size()
        header[name] = {"dtype": _DTYPES[tensors[name].dtype], "shape": list(tensors[name].shape), "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    text += b" " * (-len(text) % _ALIGNMENT)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in names:
        file.write(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)


def _check_archive(source: Path, size: int) -> None:
    """Refuse a zip file that would unfold: torch stores its tensors as they are."""
    if not zipfile.is_zipfile(source):
        return  # the form before torch 1.6: one stream of pickles
    try:
        with zipfile.ZipFile(source) as archive:
            unfolded = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, ValueError, OSError) as exc:
        raise _refused("it is a torn archive") from exc
    if unfolded > size:
        raise _refused(f"it would unfold from {size} bytes to {unfolded}")


def _load(source: Path) -> object:
    checked: Any = torch.sparse.check_sparse_tensor_invariants  # it has no types
    try:
        with checked(True), torch.serialization.safe_globals(_HARMLESS):
            return torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as exc:
        call = _CALL.search(str(exc))
        raise _refused(f"it asks for {call[1]}, which is code" if call else "it is no checkpoint of tensors alone") from exc
    except RuntimeError as exc:
        if _NO_MEMORY in str(exc):
            raise MemoryError from exc
        raise _refused("it is no checkpoint of tensors alone") from exc
    except (
        *(EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError, OSError, ImportError),
        struct.error,
    ) as exc:
        raise _refused("it is no checkpoint of tensors alone") from exc


def _mapping(found: object) -> dict[object, torch.Tensor]:
    """The mapping to tensors that a checkpoint is, or that it holds where it also notes how it was trained.

    Of a model and the moving average of what was trained of it (`model` and `ema`), the average counts.
    """
    inner = found if isinstance(found, dict) and not _is_mapping(found) else {"model": found}
    mappings: dict[object, dict[object, torch.Tensor]] = {name: value for name, value in inner.items() if _is_mapping(value)}
    if mappings.keys() == {"model", "ema"}:
        return mappings["model"] | mappings["ema"]
    if len(mappings) != 1:
        raise _refused("it is not a mapping of names to tensors")
    (only,) = mappings.values()
    return only


def _is_mapping(value: object) -> TypeGuard[dict[object, torch.Tensor]]:
    return isinstance(value, dict) and bool(value) and all(isinstance(tensor, torch.Tensor) for tensor in value.values())


def _plain(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _refused(f"{str(name)[:40]!r} is no tensor's name")
    return name


def _check_memory(tensors: Mapping[str, torch.Tensor]) -> None:
    """Refuse tensors that share memory, with another or within themselves: safetensors has no such thing."""
    spans: list[tuple[int, int, str]] = []
    for name, tensor in tensors.items():
        if tensor.numel() == 0:
            continue
        reach = 1 + sum((length - 1) * stride for length, stride in zip(tensor.shape, tensor.stride(), strict=True))
        if math.prod(tensor.shape) > reach:
            raise _refused(f"{name} repeats its own numbers")
        spans.append((tensor.data_ptr(), tensor.data_ptr() + reach * tensor.element_size(), name))
    spans.sort()
    for (_, end, name), (start, _, other) in pairwise(spans):
        if start < end:
            raise _refused(f"{name} and {other} share memory")


def _refused(why: str) -> InfrastructureFault:
    return InfrastructureFault(Code.JUDGE_UNAVAILABLE, why)
