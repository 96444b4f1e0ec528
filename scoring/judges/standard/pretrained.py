"""A network or its front end from a checked folder: safetensors only, nothing fetched, no code of the model run."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import utils

from scoring.errors import Code, InfrastructureFault
from scoring.judges.standard.device import Device

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
    """A tokenizer or feature extractor of transformers; raises as `network`."""
    try:
        return part_class.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{part_class.__name__} cannot be loaded: {exc}") from exc


def load_weights(model: torch.nn.Module, weights: Path, device: Device) -> Any:
    """A network of torch's own, filled with exactly the tensors of a file; raises as `network`."""
    try:
        model.load_state_dict(load_file(weights), strict=True)
    except (OSError, RuntimeError, SafetensorError) as exc:
        raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, f"{weights.name} cannot be loaded: {exc}") from exc
    return model.to(torch.float32).eval().to(device.value)


def _quieten() -> None:
    """A worker's log is no terminal, and what matters here is raised."""
    logging: Any = utils.logging
    logging.disable_progress_bar()
    logging.set_verbosity_error()
