"""The VITS family, by transformers' own implementation; it has no way to follow a description."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import VitsModel, VitsTokenizer

from scoring.synthesis.load import Dtype
from scoring.synthesis.synthesiser import Request, Waveform

_DTYPES = {"float32": torch.float32}


class Vits:
    """A loaded VITS. Each prompt is spoken alone from its own random stream: in a padded batch its length would depend on others."""

    family = "vits"

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model, self._tokenizer = model, tokenizer
        self.sample_rate = int(model.config.sampling_rate)

    def generate(self, batch: Sequence[Request]) -> list[Waveform]:
        """One forward pass per request."""
        return [self._say(request) for request in batch]

    @torch.inference_mode()
    def _say(self, request: Request) -> Waveform:
        inputs = self._tokenizer(request.text, return_tensors="pt")
        torch.manual_seed(request.seed)
        spoken = self._model(**inputs).waveform[0]  # [n]
        waveform: Waveform = spoken.float().numpy()
        return waveform


def load(model_dir: Path, parts: Path | None, threads: int, dtype: Dtype) -> Vits:  # noqa: ARG001 - nothing is pinned for it
    """Load config, safetensors and tokenizer from a folder; nothing is fetched and no code of the model is run.

    Raises ValueError unless the file holds exactly the model's tensors: others would tell two copies apart that sound the same, and
    a missing one would be drawn at random.
    """
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    loaded: Any = VitsModel.from_pretrained(
        model_dir,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        dtype=_DTYPES[dtype],
        output_loading_info=True,
    )
    model, found = loaded  # what `output_loading_info` adds is not in the declared type
    if found["unexpected_keys"] or found["missing_keys"]:
        raise ValueError(
            f"tensors too many: {sorted(found['unexpected_keys'])[:3]}, missing: {sorted(found['missing_keys'])[:3]}"
        )
    tokenizer = VitsTokenizer.from_pretrained(model_dir, local_files_only=True, trust_remote_code=False)
    model.train(False)
    return Vits(model, tokenizer)
