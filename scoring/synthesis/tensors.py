"""A repository's tensors, held against its network's own: each that speaks is there once, under a name that identity knows.

And the network that is loaded of them, by its library's own loader.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from scoring.model.canonical_name import canonical_name
from scoring.synthesis.load import Dtype

DTYPES: Mapping[Dtype, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""The numbers of a family that speaks on cards, too."""
_FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E5M2", "F8_E4M3"})
"""The types whose numbers identity compares with each other."""


def check_tensors(model_dir: Path, network: Mapping[str, Tensor], manifest: Path) -> None:
    """Raise ValueError unless the files of a folder hold the network's tensors (its `state_dict()`) and no others.

    A library that loads them is generous: it takes an underscore for a dot, whole numbers for others, and what it draws at random for a
    tensor of another shape. Names and types would tell copies apart.
    Those that a family.toml says never speak may be there or not. A guest cannot read the registry of families; it reads the one file.
    """
    identity = tomllib.loads(manifest.read_text(encoding="utf-8")).get("identity", {})
    unused = identity.get("unused", ())
    own = {canonical_name(name): tensor for name, tensor in network.items()}
    held = dict(_held(model_dir, identity.get("prefix", "")))

    def speaking(names: set[str]) -> list[str]:
        return sorted(name for name in names if not any(fnmatchcase(name, pattern) for pattern in unused))

    surplus, missing = speaking(held.keys() - own.keys()), speaking(own.keys() - held.keys())
    if surplus or missing:
        raise ValueError(f"tensors too many: {surplus[:3]}, missing: {missing[:3]}")
    for name in speaking(own.keys() & held.keys()):
        shape, dtype = held[name]
        if shape != list(own[name].shape):
            raise ValueError(f"the tensor {name} is of shape {shape}; config.json asks for {list(own[name].shape)}")
        if own[name].is_floating_point() and dtype not in _FLOATS:
            raise ValueError(f"the tensor {name} is of type {dtype}; it may be of {', '.join(sorted(_FLOATS))}")


def load_network(
    from_pretrained: Callable[..., Any],
    model_dir: Path,
    config: Any,
    dtype: torch.dtype,
    *,
    ignore_mismatched_sizes: bool = False,
) -> Any:
    """The network of a folder's weights, by transformers' own `from_pretrained`, for speaking; no other file of the folder is read."""
    from transformers import GenerationConfig  # of the guest's own packages

    network = from_pretrained(
        model_dir,
        config=config,
        generation_config=GenerationConfig(),  # type: ignore[no-untyped-call]  # an empty one, or the folder's would be read
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
        dtype=dtype,
        attn_implementation="sdpa",
    )
    network.train(False)
    for tensor in (*network.parameters(), *network.buffers()):
        tensor.data = (
            tensor.data.clone()
        )  # off the mapped file: where a tensor lies in it would decide the last bits on some processors
    return network


def held_names(model_dir: Path) -> frozenset[str]:
    """The canonical names of the tensors in a folder's files, of a family without a prefix."""
    return frozenset(name for name, _ in _held(model_dir, ""))


def _held(model_dir: Path, prefix: str) -> Iterator[tuple[str, tuple[list[int], str]]]:
    """Canonical name, shape and type of every tensor in the folder's files."""
    for path in sorted(model_dir.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            for name in file.keys():  # noqa: SIM118 - it is no mapping
                found = file.get_slice(name)
                yield canonical_name(name, prefix), (found.get_shape(), found.get_dtype())
