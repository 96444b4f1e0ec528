"""The weak recogniser: a CTC net without a language model. It hears words as they were said, not as they were meant, and knows when."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch
from transformers import AutoModelForCTC, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor

from scoring.audio.clip import RATE
from scoring.errors import Code, InfrastructureFault
from scoring.judges.standard.models import LANES, Device
from scoring.judges.standard.network import NetworkInput, load_front_end, load_network, pad_with_silence, run_in_lanes


@dataclass(frozen=True, slots=True, eq=False)
class Emissions:
    """A CTC net's output for one clip: log-probabilities float32 [frames, symbols], and the seconds from frame to frame."""

    log_probs: torch.Tensor
    step: float


class WeakRecogniser:
    """Wav2Vec2 (Baevski et al. 2020) or HuBERT (Hsu et al. 2021) with a CTC head over letters (Graves et al. 2006)."""

    def __init__(self, folder: Path, device: Device) -> None:
        self._device = device
        self._model = load_network(AutoModelForCTC, folder, device)
        self._features = load_front_end(Wav2Vec2FeatureExtractor, folder)
        tokenizer = load_front_end(Wav2Vec2CTCTokenizer, folder)
        self._symbols: dict[str, int] = tokenizer.get_vocab()
        self._letters = {number: symbol for symbol, number in self._symbols.items()}
        self.blank, self.between = int(tokenizer.pad_token_id), int(tokenizer.word_delimiter_token_id)
        self._upper = "A" in self._symbols
        if max(self._letters) >= self._model.config.vocab_size:
            raise InfrastructureFault(Code.JUDGE_UNAVAILABLE, "the weak recogniser's vocabulary does not fit its network")

    def listen(self, waves: Sequence[torch.Tensor]) -> list[Emissions]:
        """Run the net over waves (float32 [n], n > 0, 16 kHz); raises InfrastructureFault when it fails."""
        inputs = [NetworkInput(self._prepared(wave)) for wave in waves]
        heard = run_in_lanes(self._forward, inputs, LANES[self._device])
        kernels, strides = self._model.config.conv_kernel, self._model.config.conv_stride
        step = float(torch.tensor(strides).prod()) / RATE
        return [Emissions(out[: frames(wave.shape[0], kernels, strides)], step) for out, wave in zip(heard, waves, strict=True)]

    def text(self, emissions: Emissions) -> str:
        """The most likely symbol of each frame, without repetitions and blanks; '' if all are blank."""
        best = [number for number, _ in groupby(emissions.log_probs.argmax(dim=1).tolist())]
        named = (" " if number == self.between else self._letters.get(number, "") for number in best if number != self.blank)
        return " ".join("".join(named).split())

    def spell(self, word: str) -> list[int]:
        """The symbols of a lower-case word; letters that the net does not know are left out."""
        letters = word.upper() if self._upper else word
        return [self._symbols[letter] for letter in letters if letter in self._symbols]

    def _prepared(self, wave: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Normalise a wave and fill it up with silence; add a mask of the filling where the model was trained with one."""
        found = self._features(wave.numpy(), sampling_rate=RATE, return_tensors="pt").input_values[0]
        if not self._features.return_attention_mask:
            return (pad_with_silence(found),)
        return pad_with_silence(found), pad_with_silence(torch.ones(found.shape[0], dtype=torch.long))

    def _forward(self, *columns: torch.Tensor) -> torch.Tensor:
        values, *mask = (column.to(self._device.value) for column in columns)
        logits = self._model(values, attention_mask=mask[0] if mask else None).logits
        log_probs: torch.Tensor = torch.log_softmax(logits, dim=-1)
        return log_probs


def frames(samples: int, kernels: Sequence[int], strides: Sequence[int]) -> int:
    """Count the frames that a stack of unpadded convolutions makes of so many samples; at least one.

    >>> frames(400, kernels=(10, 3), strides=(5, 2))  # 79 after the first layer
    39
    """
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = (samples - kernel) // stride + 1
    return max(1, samples)
